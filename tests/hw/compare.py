#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A virtual card against the answers of a real one: compare.py QUESTIONS NAMES.txt FIXTURE PRODUCT

FIXTURE is what tests/hw/questions printed on the real card. Where the two may differ, and why, is
said in differences.txt; a row there that no answer needs is a failure too. TRANCHE comes from the
build.
"""
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def read(text):
    return dict(line.split(": ", 1) for line in text.splitlines())


def allowed():
    rows = []
    for line in (pathlib.Path(__file__).parent / "differences.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            rows.append(line.split(" | ")[0].strip())
    return rows


def main():
    questions, names, fixture, product = sys.argv[1:]
    room = tempfile.mkdtemp(prefix="tranche-hw-")
    env = dict(os.environ, TRANCHE_RUN_DIR=f"{room}/run", TRANCHE_STATE_DIR=f"{room}/state")

    def output(*argv):
        return subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout

    try:
        output(os.environ["TRANCHE"], "virtual", "create", "--name", "hw", product)
        nodes = json.loads(output(os.environ["TRANCHE"], "virtual", "list", "--json"))["nodes"]
        ours = read(output(questions, nodes[0]["library_dir"] + "/libnvidia-ml.so.1", names))
    finally:
        shutil.rmtree(room)
    real = read(pathlib.Path(fixture).read_text())
    bad, rows = [], allowed()
    used = set()
    for question, answer in real.items():
        # Where a real library crashes, ours need not.
        if answer.startswith("signal") or ours.get(question) == answer:
            continue
        row = next((r for r in rows if fnmatch.fnmatchcase(question, r)), None)
        used.add(row)
        if row is None:
            bad.append(f"{question}: real '{answer}', virtual '{ours.get(question)}'")
    bad += [f"differences.txt: nothing differs at '{row}'" for row in rows if row not in used]
    print("1..1")
    print("\n".join(f"# {line}" for line in bad))
    print(f"{'not ok' if bad else 'ok'} 1 - {product}: {len(real)} answers")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
