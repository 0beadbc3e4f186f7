#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What commands cost on a virtual node with two models in containers.

    bench/commands.py BUILD [ROUNDS]

`tranche gpus` and `tranche ps` beside `podman ps`: wall and CPU time (user and system, of the program
and what it starts), medians; the commands take turns, so that a busy machine is busy for all. Then
`tranche up` of the demo's two models, from nothing to both answering, beside two `podman run` of the
same image: when each step began. Needs what `make demo` has made: its image and its models.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMAGE = "localhost/tranche/llama.cpp:latest"
PODMAN = ["podman", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"]
LIMITS = ["--ulimit", "nofile=4096:8192", "--ulimit", "nproc=4096:8192"]


def run(argv):
    """Wall and CPU milliseconds of one run."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit("%s: exit status %d: %s" % (" ".join(argv), child.returncode, said))
    return (time.perf_counter() - start) * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def stack_file(room):
    with open(os.path.join(ROOT, "demo/tranche.yaml"), encoding="utf-8") as f:
        text = f.read().replace("../build/models", os.path.join(ROOT, "build/models"))
    path = os.path.join(room, "tranche.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def steps_of_up(tranche, path):
    """[(step, milliseconds since the start)], as they are told, and the end."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [tranche, "up", "-f", path, "--runtime", "podman"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    steps = []
    for line in child.stderr:
        told = re.match(r" *[\d.]+s  (MIG on|\w+) +(\w+-\d)?", line)
        if told:
            steps.append((" ".join(filter(None, told.groups())), (time.perf_counter() - start) * 1000))
    if child.wait():
        sys.exit("tranche up: exit status %d" % child.returncode)
    return steps + [("end", (time.perf_counter() - start) * 1000)]


def two_podman_runs():
    """The bound: the same two containers, with nothing but their start; then removed."""
    names = ["tranche-bench-%d-%d" % (os.getpid(), i) for i in range(2)]
    model = os.path.join(ROOT, "build/models/chat.gguf")
    taken = [
        run(PODMAN + ["run", "-d", "--name", name, "--network", "host", *LIMITS, "-v", model + ":/m.gguf:ro", IMAGE]
            + ["-m", "/m.gguf", "--port", str(28471 + i), "--threads", "1", "--ctx-size", "1024"])[0]
        for i, name in enumerate(names)
    ]
    run(PODMAN + ["rm", "-f", "-t", "0", *names])
    return sum(taken)


def bench_looks(tranche, rounds):
    rows = {"tranche gpus": [tranche, "gpus"], "tranche ps": [tranche, "ps"], "podman ps": ["podman", "ps"]}
    times = {name: [] for name in rows}
    for _ in range(rounds):
        for name, argv in rows.items():
            times[name].append(run(argv))
    peer = [statistics.median(column) for column in zip(*times["podman ps"])]
    print("%-14s %8s %8s %11s %10s" % ("command", "wall ms", "cpu ms", "wall ratio", "cpu ratio"))
    for name, taken in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*taken))
        print("%-14s %8.1f %8.1f %11.2f %10.2f" % (name, wall, cpu, wall / peer[0], cpu / peer[1]))


def bench_up(tranche, path, rounds):
    ups, bounds = [], []
    for _ in range(rounds):
        ups.append(steps_of_up(tranche, path))
        run([tranche, "down", "--all", "--grace", "1"])
        bounds.append(two_podman_runs())
    bound = statistics.median(bounds)
    print("\n%-18s %10s" % ("step begins", "ms"))
    for i, (name, _) in enumerate(ups[0]):
        print("%-18s %10.0f" % (name, statistics.median(u[i][1] for u in ups)))
    total = statistics.median(u[-1][1] for u in ups)
    print("two podman run     %10.0f   (ratio %.2f)" % (bound, total / bound))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tranche = os.path.join(os.path.abspath(sys.argv[1]), "src/cli/tranche")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 31
    with tempfile.TemporaryDirectory(prefix="tranche-bench-") as room:
        name = "bench-%d" % os.getpid()
        os.environ.update(
            TRANCHE_RUN_DIR=room + "/run", TRANCHE_STATE_DIR=room + "/var", TRANCHE_NODE=name
        )
        path = stack_file(room)
        run([tranche, "virtual", "create", "a100-80gb", "--name", name, "--scale", "8"])
        try:
            run([tranche, "up", "-f", path, "--runtime", "podman"])
            bench_looks(tranche, rounds)
            run([tranche, "down", "--all", "--grace", "1"])
            bench_up(tranche, path, max(rounds // 4, 3))
        finally:
            run([tranche, "virtual", "destroy", "--force", name])


main()
