#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks one thing at a time and expects one named test to notice.

    tools/mutants.py BUILD [MUTANT...]      MUTANT: a file of tests/mutants/, without .patch

A mutant is a patch with a head of its own:

    Test: unit sim place                    the test program, as meson names it
    Case: lands_where_the_logs_show         the case in it that must go red (left out: any)
    What: a word on what is broken

Each is applied to a copy of the tree under BUILD/mutants, built, and that one test run. Before, the
same test must pass in the copy as it is. A mutant that nobody notices counts as failed.
"""
import glob
import os
import shutil
import subprocess
import sys

import run_tests

ROOT = run_tests.ROOT
FOLDER = os.path.join(ROOT, "tests", "mutants")


class Mutant:
    def __init__(self, path):
        self.name = os.path.basename(path)[: -len(".patch")]
        self.path = path
        self.head = {}
        with open(self.path, encoding="utf-8") as f:
            for line in f:
                key, colon, value = line.partition(":")
                if line.startswith(("--- ", "diff ")):
                    break
                if colon:
                    self.head[key.strip().lower()] = value.strip()
        for key in ("test", "what"):
            if key not in self.head:
                sys.exit("%s: no '%s:' above the patch" % (self.path, key.title()))

    def is_named(self, failure):
        """Is this failure ("test: case") the one that the head names?"""
        case = self.head.get("case")
        if not case:
            return failure.startswith(self.head["test"] + ": ")
        test, _, failed = failure.partition(": ")
        return test == self.head["test"] and (failed == case or case in failed.split())


def all_mutants():
    return [Mutant(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.patch")))]


def named(names):
    return [Mutant(os.path.join(FOLDER, name + ".patch")) for name in names]


def copy_tree(to):
    """The tracked files as they stand now; files that did not change keep their time, so that the
    copy's build goes on where it was."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    wanted = {f for f in listing.decode().split("\0") if f and os.path.isfile(os.path.join(ROOT, f))}
    for folder, _, files in os.walk(to):
        for f in files:
            path = os.path.join(folder, f)
            if os.path.relpath(path, to) not in wanted:
                os.unlink(path)
    for f in wanted:
        here, there = os.path.join(ROOT, f), os.path.join(to, f)
        if os.path.exists(there) and same(here, there):
            continue
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copy(here, there)


def same(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        return f.read() == g.read()


def patch(tree, mutant, *how):
    with open(mutant.path, "rb") as f:
        r = subprocess.run(
            ["patch", "-p1", "-s", "-f", "--no-backup-if-mismatch", "-r", "-", *how],
            cwd=tree,
            stdin=f,
            stdout=subprocess.DEVNULL,
        )
    return r.returncode == 0


def ninja(build):
    r = subprocess.run(
        ["ninja", "-C", build], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return None if r.returncode == 0 else r.stdout[-2000:]


def try_one(tree, build, mutant, sound):
    """None when it was noticed, else what went wrong. `sound`: tests known to pass unbroken."""
    test = mutant.head["test"]
    if test not in {t["name"] for t in run_tests.known_tests(build)}:
        return "there is no test '%s'" % test
    if test not in sound:
        counts = run_tests.run(build, [test], quiet=True)
        if counts.failed or not counts.passed:
            return "'%s' fails without it, too: %s" % (test, "; ".join(counts.failed))
        sound.add(test)
    if not patch(tree, mutant, "--dry-run") or not patch(tree, mutant):
        return "the patch does not apply"
    try:
        broken = ninja(build)
        if broken:
            return "does not build: " + broken
        counts = run_tests.run(build, [test, "-t", "0.5"], quiet=True)
    finally:
        if not patch(tree, mutant, "-R"):
            sys.exit("mutants: '%s' could not be taken back out of '%s'" % (mutant.name, tree))
    if any(mutant.is_named(f) for f in counts.failed):
        return None
    return "nobody noticed" if not counts.failed else "only %s noticed" % "; ".join(counts.failed)


def run(build, only=()):
    counts = run_tests.Counts()
    tree = os.path.join(os.path.abspath(build), "mutants")
    scratch = os.path.join(tree, "build")
    os.makedirs(tree, exist_ok=True)
    # The scratch build lies beside the copy, so that copying leaves it alone.
    tree = os.path.join(tree, "tree")
    copy_tree(tree)
    if not os.path.exists(os.path.join(scratch, "build.ninja")):
        # What is broken may leave something unused: no reason to refuse it.
        command = ["meson", "setup", "-Dwerror=false", scratch, tree]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    broken = ninja(scratch)
    if broken:
        counts.failed.append("the copy does not build: " + broken)
        return counts
    sound = set()
    for mutant in named(only) or all_mutants():
        why = try_one(tree, scratch, mutant, sound)
        if why is None:
            counts.passed += 1
            print("mutant %s: caught by '%s'" % (mutant.name, mutant.head["test"]), flush=True)
        else:
            counts.failed.append("%s (%s): %s" % (mutant.name, mutant.head["what"], why))
            print("mutant %s: %s" % (mutant.name, why), flush=True)
    return counts


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(run_tests.report(run(sys.argv[1], sys.argv[2:])))
