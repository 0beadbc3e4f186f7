#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall and CPU time of `tranche-smi`, beside the vendor's nvidia-smi where there is one.

    bench.py TRANCHE_SMI [--runs 20] [--calls TRANCHE]

Both take turns; medians, and ours as a share of theirs. Without nvidia-smi ours alone. --calls: on
the virtual node of TRANCHE_NODE, also how many NVML calls each output makes.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import time

COMMANDS = [["-L"], [], ["-q"], ["-q", "-x"], ["mig", "-lgip"],
            ["--query-gpu=name,memory.used,utilization.gpu", "--format=csv"]]


def run(argv):
    """Seconds of wall and of CPU."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = 0
    return wall, usage.ru_utime + usage.ru_stime


def count_calls(tranche, argv):
    """As the virtual driver counts them."""
    subprocess.run([tranche, "virtual", "trace", "on"], check=True, stdout=subprocess.DEVNULL)
    run(argv)
    out = subprocess.run([tranche, "virtual", "trace", "--json"], check=True, capture_output=True)
    subprocess.run([tranche, "virtual", "trace", "off"], check=True, stdout=subprocess.DEVNULL)
    return sum(row["n_calls"] for row in json.loads(out.stdout)["calls"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--calls", metavar="TRANCHE")
    args = parser.parse_args()
    vendor = shutil.which("nvidia-smi")
    print("| command | vendor wall, ms | ours wall, ms | ratio | vendor CPU, ms | ours CPU, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for words in COMMANDS:
        times = {"ours": [], "vendor": []}
        for _ in range(args.runs):
            if vendor:
                times["vendor"].append(run([vendor, *words]))
            times["ours"].append(run([args.ours, *words]))
        median = {who: [1000 * statistics.median(t) for t in zip(*v)] for who, v in times.items()
                  if v}
        ours = median["ours"]
        theirs = median.get("vendor")
        print(f"| `{' '.join(words) or '(table)'}` | {theirs[0]:.1f} | {ours[0]:.1f} | "
              f"{ours[0] / theirs[0]:.2f} | {theirs[1]:.1f} | {ours[1]:.1f} |" if theirs else
              f"| `{' '.join(words) or '(table)'}` | - | {ours[0]:.1f} | - | - | {ours[1]:.1f} |")
        if args.calls:
            print(f"  {count_calls(args.calls, [args.ours, *words])} NVML calls")


main()
