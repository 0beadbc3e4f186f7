#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans for fleets beside glpsol, on the same models in the same run.

    bench/plan/fleet.py BUILD [--random N] [--seed S] [--limit SECONDS]

bench_fleet plans and times; glpsol (Debian's glpk-utils) gets the plain program over single slices:
n[model][size] slices, y[mix] cards cut so. Where it finishes within the limit its optimum is the
truth; else its bound is.
"""
import argparse
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time

MIXES = ["7", "43", "421", "4111", "33", "322", "3211", "31111", "2221", "22111", "211111", "1111111"]
SIZES = [1, 2, 3, 4, 7]


def program(models, cards):
    """The program as CPLEX LP text: least cards, or least compute slices on at most `cards`."""
    cells = [(m, i) for m, (_, carries) in enumerate(models) for i in range(5) if carries[i]]
    ys = [f"y{c}" for c in range(len(MIXES))]
    cost = ys if cards is None else [f"{SIZES[i]} n{m}_{i}" for m, i in cells]
    out = ["Minimize", " cost: " + " + ".join(cost), "Subject To"]
    for m, (demand, carries) in enumerate(models):
        out.append(" + ".join(f"{carries[i] / 1e6:.6f} n{m}_{i}" for i in range(5) if carries[i])
                   + f" >= {demand / 1e6:.6f}")
    for i, size in enumerate(SIZES):
        have = [f"{mix.count(str(size))} {ys[c]}" for c, mix in enumerate(MIXES) if str(size) in mix]
        need = [f" - n{m}_{k}" for m, k in cells if k == i]
        out.append(" + ".join(have) + "".join(need) + " >= 0")
    if cards is not None:
        out.append(" + ".join(ys) + f" <= {cards}")
    out += ["General", " ".join(ys + [f"n{m}_{i}" for m, i in cells]), "End"]
    return "\n".join(out) + "\n"


def glpsol(models, cards, limit):
    """(value or None, proven, seconds, the bound that it printed last, rounded up)"""
    with tempfile.TemporaryDirectory() as tmp:
        lp, sol = pathlib.Path(tmp, "a.lp"), pathlib.Path(tmp, "a.sol")
        lp.write_text(program(models, cards))
        begin = time.monotonic()
        log = subprocess.run(["glpsol", "--lp", lp, "--cuts", "--tmlim", str(limit), "-o", sol],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds = time.monotonic() - begin
        text = sol.read_text()
    status = re.search(r"Status:\s+(.*)", text).group(1).strip()
    value = float(re.search(r"Objective:.*= (\S+)", text).group(1))
    # Four digits, rounded as printed: half a unit of the last one is taken off.
    bounds = re.findall(r">= +([0-9.]+)e\+(\d+)", log)
    bound = math.ceil((float(bounds[-1][0]) - 0.0005) * 10 ** int(bounds[-1][1]) - 1e-9) if bounds else 0
    return (None if status == "INTEGER UNDEFINED" else round(value), status == "INTEGER OPTIMAL", seconds,
            bound)


def main():
    arg = argparse.ArgumentParser()
    arg.add_argument("build", type=pathlib.Path)
    arg.add_argument("--random", type=int, default=0)
    arg.add_argument("--seed", type=int, default=1)
    arg.add_argument("--limit", type=int, default=60)
    arg.add_argument("--no-peer", action="store_true")
    arg = arg.parse_args()
    fixture = pathlib.Path(__file__).resolve().parents[2] / "tests/fixtures/parvagpu"
    command = [arg.build / "bench/bench_fleet", fixture]
    if arg.random:
        command += [str(arg.random), str(arg.seed)]
    print("seed", arg.seed) if arg.random else None
    plans = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    models, wrong, peer_wrong, n_peer, n_equal, n_bound, proven, n = [], 0, 0, [0, 0], [0, 0], [0, 0], [0, 0], 0
    slowest, widest = 0, 0
    print("| work | cards | bound | compute | bound | ms | glpsol cards | s | compute | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for line in plans.splitlines():
        word = line.split()
        if word[0] == "model":
            models.append((int(word[1]), [int(x) for x in word[2:]]))
            continue
        title, cards, cards_bound, compute, compute_bound, _, _, ms = word[1:]
        cards, cards_bound = int(cards), int(cards_bound)
        compute, compute_bound = int(compute), int(compute_bound)
        peer = []
        n += 1
        proven[0] += cards == cards_bound
        proven[1] += compute == compute_bound
        slowest, widest = max(slowest, float(ms)), max(widest, cards - cards_bound)
        if not arg.no_peer:
            for i, (own, limit) in enumerate(((cards, None), (compute, cards))):
                value, is_best, seconds, bound = glpsol(models, limit, arg.limit)
                peer += ["none" if value is None else str(value), f"{seconds:.2f}"]
                if not is_best:
                    peer[-2] += f"? (>= {bound})"
                    n_bound[i] += own == bound
                    wrong += own < bound
                n_peer[i] += is_best
                n_equal[i] += is_best and value == own
                if value is not None and (own > value or (is_best and own < value)):
                    # A plan is a way, whatever glpsol says: below its "optimum" glpsol is wrong.
                    wrong += own > value
                    peer_wrong += own < value
                    print(f"{title}: ours {own} (bound {bound}), glpsol {value}", file=sys.stderr)
        print("|", title, "|", cards, "|", cards_bound, "|", compute, "|", compute_bound, "|", ms,
              "|", " | ".join(peer), "|", flush=True)
        models = []
    print(f"{n} plans, slowest {slowest} ms; cards proven in {proven[0]} (the others within {widest} "
          f"of the bound), compute slices in {proven[1]}")
    if not arg.no_peer:
        print(f"glpsol finished {n_peer[0]} of {n} on cards, {n_equal[0]} equal to ours; {n_peer[1]} "
              f"of {n} on compute slices, {n_equal[1]} equal; ours above it {wrong}, below {peer_wrong} times")
        print(f"of the others its bound is our figure {n_bound[0]} of {n - n_peer[0]} times on cards, "
              f"{n_bound[1]} of {n - n_peer[1]} on compute slices")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
