#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a build folder and counts them one by one.

    tools/run_tests.py BUILD [meson test's arguments...]

Meson counts programs; this counts the cases inside them (TAP), and ends with "N passed, N failed"
alone on the last line. Counted as failed, too: a program that dies or exits non-zero though its
cases passed, one that runs no case, and a case that is skipped with no row in tests/skips.txt.
"""
import fnmatch
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIPS = os.path.join(ROOT, "tests", "skips.txt")
# "ok 1 - title # SKIP why"; cmocka writes "not ok 1 # SKIP title".
CASE = re.compile(r"^(not )?ok\b *(\d+)?[ -]*(.*?) *(?:# *(skip|todo)\b *(.*))?$", re.IGNORECASE)
NOT_OK_SKIP = re.compile(r"^not ok \d+ *# *skip\b", re.IGNORECASE | re.MULTILINE)
SKIP_ALL = re.compile(r"^1\.\.0 *# *skip\b *(.*)$", re.IGNORECASE | re.MULTILINE)


class Counts:
    """What came of the tests: a number of passes, and a line for each failure and skip."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, other, label):
        self.passed += other.passed
        self.failed += ["%s: %s" % (label, x) for x in other.failed]
        self.skipped += ["%s: %s" % (label, x) for x in other.skipped]

    def __str__(self):
        text = "%d passed, %d failed" % (self.passed, len(self.failed))
        return text + (", %d skipped" % len(self.skipped) if self.skipped else "")


def known_skips():
    """Rows "pattern | reason"; the pattern is matched against "test name: case"."""
    rows = []
    if os.path.exists(SKIPS):
        with open(SKIPS, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                pattern, bar, reason = (x.strip() for x in line.partition("|"))
                if not bar or not reason:
                    sys.exit("%s:%d: a row is 'test name pattern | reason'" % (SKIPS, number))
                rows.append((pattern, reason))
    return rows


def count_skip(counts, skips, what, why):
    for pattern, reason in skips:
        if fnmatch.fnmatchcase(what, pattern):
            counts.skipped.append("%s (%s)" % (what, reason))
            return
    counts.failed.append("%s: skipped (%s), and tests/skips.txt has no row for it" % (what, why))


def count_tap(counts, skips, name, text):
    for line in text.splitlines():
        m = CASE.match(line)
        if not m:
            continue
        is_bad, number, title, word, why = m.groups()
        is_skip = bool(word) and word.lower() == "skip"
        if is_skip and not title:
            title, why = why, ""
        what = "%s: %s" % (name, title or number or "?")
        if is_skip:
            count_skip(counts, skips, what, why or "no reason given")
        elif is_bad:
            counts.failed.append(what)
        else:
            counts.passed += 1


def bare(name):
    """A log's name of a test may have its suite in front: "tranche:unit / unit sim place"."""
    return name.rpartition(" / ")[2]


def count_test(counts, skips, row, is_tap):
    """One program's row of meson's log. True when meson failed it for a skip alone."""
    name, text, result = bare(row["name"]), row["stdout"] or "", row["result"].strip()
    before = counts.passed + len(counts.failed) + len(counts.skipped)
    n_failed = len(counts.failed)
    if is_tap:
        count_tap(counts, skips, name, text)
        nothing = SKIP_ALL.search(text)
        if nothing:
            count_skip(counts, skips, name, nothing.group(1))
    elif result == "SKIP":
        count_skip(counts, skips, name, (text.strip().splitlines() or ["no reason given"])[-1])
    elif result in ("OK", "EXPECTEDFAIL"):
        counts.passed += 1
    # Meson takes cmocka's "not ok 1 # SKIP title" for a failure; the program itself says 0.
    forgiven = result == "FAIL" and row["returncode"] == 0 and bool(NOT_OK_SKIP.search(text))
    if forgiven:
        result = "OK"
    if result not in ("OK", "EXPECTEDFAIL", "SKIP") and len(counts.failed) == n_failed:
        counts.failed.append("%s: %s, exit status %s" % (name, result.lower(), row["returncode"]))
    if counts.passed + len(counts.failed) + len(counts.skipped) == before:
        counts.failed.append("%s: ran no case" % name)
    return forgiven


def known_tests(build):
    """Every test of the build folder: dicts with "name", "suite", "protocol", "cmd"."""
    out = subprocess.run(
        ["meson", "introspect", "--tests", build], stdout=subprocess.PIPE, check=True
    ).stdout
    return json.loads(out)


def run(build, args, env=None, quiet=False):
    """Builds what the tests need, runs them, and returns the Counts."""
    counts, skips = Counts(), known_skips()
    logs = os.path.join(build, "meson-logs", "testlog*.json")  # "-valgrind" with a wrapper
    for log in glob.glob(logs):
        os.unlink(log)
    command = ["meson", "test", "-C", build, *args]
    command += ["--quiet"] if quiet else ["--print-errorlogs"]
    status = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        env=env,
    ).returncode
    rows = []
    for log in glob.glob(logs):
        with open(log, encoding="utf-8", errors="replace") as f:
            rows += [json.loads(line) for line in f]
    is_tap = {t["name"] for t in known_tests(build) if t["protocol"] == "tap"}
    forgiven = 0
    for row in rows:
        forgiven += count_test(counts, skips, row, bare(row["name"]) in is_tap)
    if status != forgiven and not counts.failed:  # meson's status is how many failed
        counts.failed.append("meson test: exit status %d" % status)
    if not rows and not counts.failed:
        counts.failed.append("no test ran")
    return counts


def report(counts):
    print()
    for line in counts.skipped:
        print("skipped: %s" % line)
    for line in counts.failed:
        print("FAILED: %s" % line)
    print(counts, flush=True)
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(report(run(sys.argv[1], sys.argv[2:])))
