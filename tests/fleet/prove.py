#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tranche plan --models beside glpsol (Debian's glpk-utils).

    TRANCHE=build/src/cli/tranche tests/fleet/prove.py SOURCE CASES SECONDS [SEED]

Makes models files at random: models by memory or by measured rates, one to three kinds of cards with
prices and numbers or without, slices that run already. What cards can be cut into is enumerated here
from data/gpus, what a slice carries is read from the measurements, and glpsol solves the plain
program over single slices three times: least money, compute slices, stranded memory. The plan must
have glpsol's optimum each time (or, where glpsol is not done in time, be no worse than its best),
carry what is asked for at places that the card has, and move nothing that runs.
"""
import csv
import functools
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(sys.argv[1])
CASES = int(sys.argv[2])
LIMIT = int(sys.argv[3])  # for each of glpsol's searches
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
PARVAGPU = SOURCE / "tests/fixtures/parvagpu"
NAMES = ("bert densenet121 densenet169 densenet201 inceptionv3 mobilenetv2 resnet101 resnet152 "
         "resnet50 vgg16 vgg19").split()


# ---- cards ----

@functools.cache
def facts(key):
    card = json.loads((SOURCE / f"data/gpus/{key}.json").read_text())
    sizes = [p for p in card["profiles"] if not re.search(r"gb[+-]", p["name"])]
    return card, {p["name"]: p for p in sizes}


def ways(key, held=()):
    """All sets of (profile, start) that hold these slices and are legal, as sorted tuples."""
    card, sizes = facts(key)
    found = set()

    def grow(now, mask, compute):
        if now in found:
            return
        found.add(now)
        for name, p in sizes.items():
            if compute + p["slices"] > card["compute_slices"] or \
                    sum(n == name for n, _ in now) >= p["max_instances"]:
                continue
            for start in p["starts"]:
                own = ((1 << p["size"]) - 1) << start
                if not mask & own:
                    grow(tuple(sorted((*now, (name, start)))), mask | own, compute + p["slices"])

    mask = compute = 0
    for name, start in held:
        mask |= ((1 << sizes[name]["size"]) - 1) << start
        compute += sizes[name]["slices"]
    grow(tuple(sorted(held)), mask, compute)
    return found


@functools.cache
def mixes(key, held=()):
    """{numbers of each size that are added: least memory stranded}"""
    card, sizes = facts(key)
    all_ways = ways(key, held)
    used = {w: sum(sizes[n]["size"] for n, _ in w) for w in all_ways}
    best, order = {}, sorted(all_ways, key=len, reverse=True)
    most = dict(used)
    # What a set can grow to: through the sets that have one slice more.
    for way in order:
        for i in range(len(way)):
            less = way[:i] + way[i + 1:]
            if less in most:
                most[less] = max(most[less], most[way])
    for way in all_ways:
        added = list(way)
        for h in held:
            added.remove(h)
        count = tuple(sorted((n, sum(a[0] == n for a in added)) for n in {a[0] for a in added}))
        stranded = card["memory_slices"] - most[way]
        best[count] = min(best.get(count, stranded), stranded)
    return best


# ---- models files ----

@functools.cache
def measured(name):
    with open(PARVAGPU / f"prof_data/{name}.csv") as f:
        return [tuple(float(x) for x in row) for row in list(csv.reader(f))[1:]]


def carries(model, profile, processes):
    """What one slice carries: requests a second, or one replica."""
    if model.get("memory", 0) > profile["memory_mib"]:
        return 0
    if "rate" not in model:
        return 1
    rates = [rate * n for slices, _, n, rate, latency in measured(model["profile"])
             if slices == profile["slices"] and rate > 0 and n <= processes
             and round(latency * 1e6) * 100 < round(model["latency"] * 1000) * 45]
    return max(rates, default=0)


def random_file(rng):
    keys = rng.sample(["a100-80gb", "h100-sxm5-80gb", "h200-141gb", "a30-24gb", "a100-40gb"],
                      rng.choice([1, 1, 2, 3]))
    priced = len(keys) > 1 or rng.random() < 0.3
    case = {"gpus": {}, "models": {}, "running": [], "processes": rng.choice([1, 3, 5])}
    for key in keys:
        case["gpus"][key] = {"price": rng.choice([2, 5, 9, 10, 14, 23]) * 100 if priced else None,
                             "count": None}
    for i, name in enumerate(rng.sample(NAMES, rng.randint(1, 5))):
        if rng.random() < 0.5 and all(facts(k)[0]["compute_slices"] == 7 for k in keys):
            model = {"rate": round(20 * 40 ** rng.random(), 1),
                     "latency": rng.choice([150, 250, 400, 1000]), "profile": name}
        else:
            model = {"memory": rng.choice([4, 9, 14, 18, 22, 30]) * 1024,
                     "replicas": rng.randint(1, 9)}
        if any(carries(model, p, case["processes"]) for k in keys for p in facts(k)[1].values()):
            case["models"][f"m{i}-{name}"] = model
    for _ in range(rng.choice([0, 0, 1, 3])):
        key = rng.choice(keys)
        way = rng.choice(sorted(ways(key)))
        card = []
        for name, start in way:
            users = [m for m, model in case["models"].items()
                     if carries(model, facts(key)[1][name], case["processes"])]
            card.append((name, start, rng.choice(users + [None])))
        if card:
            case["running"].append((key, card))
    if rng.random() < 0.4:
        for key in keys:
            case["gpus"][key]["count"] = rng.randint(1, 4) + sum(k == key for k, _ in case["running"])
    return case


def write(case, path):
    lines = ["version: 1", f"max_processes: {case['processes']}", "gpus:"]
    for key, gpu in case["gpus"].items():
        words = [f"{k}: {v}" for k, v in gpu.items() if v is not None]
        lines.append(f"  {key}: {{{', '.join(words)}}}" if words else f"  {key}:")
    lines.append("models:")
    for name, m in case["models"].items():
        if "rate" in m:
            csv_of = ", ".join(f"{k}: {PARVAGPU}/prof_data/{m['profile']}.csv" for k in case["gpus"])
            words = f"rate: {m['rate']}, latency: {m['latency']}ms, profiles: {{{csv_of}}}"
        else:
            words = f"memory: {m['memory']}Mi, replicas: {m['replicas']}"
        lines.append(f"  {name}: {{{words}}}")
    if case["running"]:
        lines.append("running:")
    for key, card in case["running"]:
        slices = ", ".join(f"{n}:{s}" + (f"={m}" if m else "") for n, s, m in card)
        lines.append(f"  - {{gpu: {key}, slices: [{slices}]}}")
    path.write_text("\n".join(lines) + "\n")


# ---- glpsol ----

class Program:
    """The plain program over single slices, as CPLEX LP text."""

    def __init__(self, case):
        self.case, self.rows, self.whole = case, [], []
        self.cells, self.cards = {}, {}  # (model, gpu, profile): name; name: (gpu, added, more)
        self.demand = {}
        groups = [(key, (), gpu["count"]) for key, gpu in case["gpus"].items()]
        for key, card in case["running"]:
            groups.append((key, tuple((n, s) for n, s, _ in card), 1))
        self.already = sum(mixes(key, held)[()] for key, held, _ in groups if held)
        for g, (key, held, most) in enumerate(groups):
            if not held and most is not None:
                most -= sum(k == key for k, _ in case["running"])
            own = []
            for i, (added, stranded) in enumerate(sorted(mixes(key, held).items())):
                if added:
                    own.append(f"y{g}_{i}")
                    more = stranded - mixes(key, held)[()]
                    self.cards[own[-1]] = (key, dict(added), more, not held)
            if most is not None and own:
                self.rows.append(" + ".join(own) + f" <= {most}")
        for i, (name, model) in enumerate(case["models"].items()):
            self.add_model(i, name, model)
        for key in case["gpus"]:
            for k, size in enumerate(facts(key)[1]):
                self.add_size(key, k, size)
        self.whole = list(self.cards) + list(self.cells.values())

    def add_model(self, i, name, model):
        need = model.get("rate", model.get("replicas"))
        for key, card in self.case["running"]:
            need -= sum(carries(model, facts(key)[1][n], self.case["processes"])
                        for n, _, m in card if m == name)
        terms = []
        for g, key in enumerate(self.case["gpus"]):
            for k, (size, p) in enumerate(facts(key)[1].items()):
                each = carries(model, p, self.case["processes"])
                if each:
                    self.cells[name, key, size] = f"n{i}_{g}_{k}"
                    terms.append(f"{each:.6f} n{i}_{g}_{k}")
        if need > 1e-9:
            self.rows.append(" + ".join(terms) + f" >= {need:.6f}")

    def add_size(self, key, k, size):
        have = [f"{added[size]} {y}" for y, (gpu, added, _, _) in self.cards.items()
                if gpu == key and size in added]
        used = [n for (_, gpu, s), n in self.cells.items() if gpu == key and s == size]
        if have or used:
            self.rows.append(" + ".join(have or ["0 zero"]) + "".join(f" - {n}" for n in used) + " = 0")

    def money(self):
        price = {k: g["price"] or 1 for k, g in self.case["gpus"].items()}
        return [(price[key], y) for y, (key, _, _, is_new) in self.cards.items() if is_new]

    def compute(self):
        return [(facts(key)[1][size]["slices"], n) for (_, key, size), n in self.cells.items()]

    def stranded(self):
        return [(more, y) for y, (_, _, more, _) in self.cards.items() if more]

    def least(self, what, folder):
        """(value, done): None where there is no plan."""
        if not what:
            return 0, True
        text = ["Minimize", " cost: " + terms_of(what) + " + 0 zero", "Subject To", *self.rows,
                " zero = 0", "General", *self.whole, "End", ""]
        pathlib.Path(folder, "a.lp").write_text("\n".join(text))
        subprocess.run(["glpsol", "--lp", "a.lp", "--cuts", "--tmlim", str(LIMIT), "-o", "a.sol"],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder)
        text = pathlib.Path(folder, "a.sol").read_text()
        status = re.search(r"Status:\s+(.*)", text).group(1).strip()
        if status in ("INTEGER EMPTY", "INTEGER UNDEFINED"):
            return None, status == "INTEGER EMPTY"
        return round(float(re.search(r"Objective:.*= (\S+)", text).group(1))), status == "INTEGER OPTIMAL"

    def limit(self, what, most):
        if what:
            self.rows.append(terms_of(what) + f" <= {most}")


def terms_of(what):
    return " + ".join(f"{c} {v}" for c, v in what)


# ---- a plan ----

def plan(path, *options):
    r = subprocess.run([os.environ["TRANCHE"], "plan", "--models", path, "--json", *options],
                       capture_output=True, text=True)
    return (json.loads(r.stdout) if r.returncode == 0 else None), r


def check_cards(case, d):
    """Legal places, what is asked for carried, what runs where it ran."""
    carried = dict.fromkeys(case["models"], 0)
    running = [(key, sorted((n, s) for n, s, _ in card)) for key, card in case["running"]]
    n_new = dict.fromkeys(case["gpus"], 0)
    for card in d["cards"]:
        way = tuple(sorted((s["profile"], s["start"]) for s in card["slices"]))
        stays = sorted((s["profile"], s["start"]) for s in card["slices"] if s.get("runs"))
        assert way in ways(card["gpu"]), f"{card['gpu']} cannot be cut into {way}"
        if stays:
            running.remove((card["gpu"], stays))
        n_new[card["gpu"]] += 1
        for s in card["slices"]:
            if "model" in s:
                carried[s["model"]] += carries(case["models"][s["model"]],
                                               facts(card["gpu"])[1][s["profile"]], case["processes"])
    assert not running, f"not in the plan: {running}"
    for name, m in case["models"].items():
        need = m.get("rate", m.get("replicas"))
        assert carried[name] >= need - 1e-6, f"{name}: {carried[name]} of {need}"
    for key, gpu in case["gpus"].items():
        assert gpu["count"] is None or n_new[key] <= gpu["count"], f"{n_new[key]} of {key}"


def prove(case, folder):
    """Compares a plan with glpsol; returns how many of its searches were done in time."""
    path = pathlib.Path(folder, "models.yaml")
    write(case, path)
    d, r = plan(path)
    program, done = Program(case), 0
    value, is_done = program.least(program.money(), folder)
    if d is None:
        assert r.returncode == 5, r.stderr
        assert value is None, f"refused, and glpsol has a plan of {value}: {r.stderr}"
        return is_done
    check_cards(case, d)
    price = {k: g["price"] or 1 for k, g in case["gpus"].items()}
    running = sum(price[key] for key, _ in case["running"])
    ran = sum(facts(key)[1][n]["slices"] for key, card in case["running"] for n, _, m in card if m)
    money = d["money"] if "money" in d else d["gpus"]
    for what, figure, less in ((program.money(), money, running),
                               (program.compute(), d["compute_slices"], ran),
                               (program.stranded(), d["stranded_memory_slices"], program.already)):
        own, bound = figure["value"] - less, figure["bound"] - less
        value, is_done = program.least(what, folder)
        done += is_done
        if is_done:
            assert value is not None, "a plan where glpsol has none"
            assert own == value, f"{own} (bound {bound}), glpsol {value}"
            assert bound <= value, f"bound {bound}, glpsol {value}"
        elif value is not None:
            assert own <= value, f"{own}, glpsol {value} and not done"
        assert figure["proven"] == (own == bound), figure
        program.limit(what, own)
    return done == 3


# ---- what --explain says ----

def changed(case, change):
    """The case with one thing changed, as --explain has it."""
    case = json.loads(json.dumps(case))
    if change["change"] == "one_card":
        case["gpus"][change["gpu"]]["count"] += 1
        return case
    model = case["models"][change["model"]]
    if change["change"] == "without":
        for _, card in case["running"]:
            for s in card:
                s[2] = None if s[2] == change["model"] else s[2]
        del case["models"][change["model"]]
    elif change["change"] == "slower":
        model["latency"] = change["to"] * 1000
    else:
        model["rate" if "rate" in model else "replicas"] = change["to"]
    return case


def explains(case, folder):
    """Each change that --explain names is made in the file, and planned anew; of bounds, that none
    is above the plan."""
    path = pathlib.Path(folder, "models.yaml")
    write(case, path)
    d, _ = plan(path, "--explain")
    if d is None:
        return
    one = "gpus" if any("gpus" in b for b in d["why"]["bounds"]) else "money"
    assert all(b[one] <= d[one]["value"] for b in d["why"]["bounds"]), d["why"]["bounds"]
    assert all(b["binds"] <= (b[one] == d[one]["value"]) for b in d["why"]["bounds"])
    ran = {m: sum(facts(k)[1][n]["slices"] for k, card in case["running"] for n, _, x in card if x == m)
           for m in case["models"]}
    for change in d["why"]["changes"]:
        if change["change"] == "slower" and not change["plan"]:
            slow = changed(case, change | {"to": 3600})
            write(slow, path)
            e, _ = plan(path)
            assert e["gpus"]["value"] >= d["gpus"]["value"] or "money" in d, change
            continue
        other = changed(case, change)
        if not other["models"]:
            continue
        write(other, path)
        e, r = plan(path)
        assert (e is not None) == change["plan"], f"{change}: {r.stderr}"
        if e is None:
            continue
        gone = ran[change["model"]] if change["change"] == "without" else 0
        assert e["gpus"]["value"] == change["gpus"] or "money" in d, f"{change}: {e['gpus']}"
        assert "money" not in d or e["money"]["value"] == change["money"], f"{change}: {e['money']}"
        assert e["compute_slices"]["value"] + gone == change["compute_slices"], \
            f"{change}: {e['compute_slices']}"


# ---- all of them ----

def published(row, times):
    read = lambda name: (PARVAGPU / f"SLO/SLO_{name}.csv").read_text().splitlines()[row].split(",")
    models = {name: {"rate": float(rate) * times, "latency": float(latency), "profile": name}
              for name, rate, latency in zip(NAMES, read("req_rate"), read("latency"))
              if rate != "N/A"}
    return {"gpus": {"a100-80gb": {"price": None, "count": None}}, "models": models, "running": [],
            "processes": 5}


def main():
    if shutil.which("glpsol") is None:
        print("1..0 # SKIP needs glpsol: apt-get install glpk-utils")
        sys.exit(77)
    rng = random.Random(SEED)
    cases = [(f"published mix S{row + 1}", published(row, 1)) for row in range(6)]
    while len(cases) < CASES:
        case = random_file(rng)
        if case["models"]:
            cases.append((f"random {len(cases) - 6} of seed {SEED}", case))
    print(f"1..{len(cases)}")
    bad = n_done = 0
    for number, (title, case) in enumerate(cases, 1):
        try:
            with tempfile.TemporaryDirectory(prefix="tranche-fleet-") as folder:
                n_done += prove(case, folder)
                explains(case, folder)
            print(f"ok {number} - {title}", flush=True)
        except AssertionError as e:
            bad += 1
            print(f"not ok {number} - {title}\n# {json.dumps(case)}\n# {e}", flush=True)
    print(f"# glpsol was done within {LIMIT} s in {n_done} of {len(cases)}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
