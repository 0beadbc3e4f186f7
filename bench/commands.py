#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What looking costs: `tranche gpus` and `tranche ps` on a virtual node, beside `podman ps`.

    bench/commands.py BUILD [ROUNDS]

Wall and CPU time (user and system, of the program and what it starts), medians; the commands take
turns, so that a busy machine is busy for all. Makes a node of its own in a folder of its own, with a
card, MIG on and two slices, and removes it.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def run(argv):
    """Wall and CPU milliseconds of one run."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(argv)} failed: {child.returncode}")
    return (time.perf_counter() - start) * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tranche = os.path.join(os.path.abspath(sys.argv[1]), "src/cli/tranche")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 31
    rows = {"tranche gpus": [tranche, "gpus"], "tranche ps": [tranche, "ps"]}
    if shutil.which("podman"):
        rows["podman ps"] = ["podman", "ps"]
    with tempfile.TemporaryDirectory(prefix="tranche-bench-") as room:
        os.environ.update(TRANCHE_RUN_DIR=f"{room}/run", TRANCHE_STATE_DIR=f"{room}/var",
                          TRANCHE_NODE="bench")
        for words in (["virtual", "create", "a100-80gb", "--name", "bench", "--scale", "16"],
                      ["mig", "on"], ["create", "2g.20gb", "3g.40gb"]):
            run([tranche, *words])
        times = {name: [] for name in rows}
        for _ in range(rounds):
            for name, argv in rows.items():
                times[name].append(run(argv))
        run([tranche, "virtual", "destroy", "bench"])
    peer = [statistics.median(column) for column in zip(*times[list(rows)[-1]])]
    print(f"{'command':14} {'wall ms':>8} {'cpu ms':>8} {'wall ratio':>11} {'cpu ratio':>10}")
    for name, taken in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*taken))
        print(f"{name:14} {wall:8.1f} {cpu:8.1f} {wall / peer[0]:11.2f} {cpu / peer[1]:10.2f}")


main()
