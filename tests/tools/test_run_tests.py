# SPDX-License-Identifier: Apache-2.0
"""tools/run_tests.py: what it counts as passed, failed and skipped. Meson is a stand-in here."""
import json
import os
import subprocess
import sys

import tap

SKIPS = "# comment\nneeds card: on hardware* | no card here\n"


def run(folder, rows, status=0, skips=SKIPS):
    """rows: (name, protocol, result, exit status, output). Returns (exit status, last line, all)."""
    log = "".join(
        json.dumps({"name": "tranche:unit / " + n, "stdout": out, "result": r, "returncode": c})
        + "\n"
        for n, _, r, c, out in rows
    )
    tests = json.dumps([{"name": n, "protocol": p, "suite": [], "cmd": []} for n, p, *_ in rows])
    os.makedirs(folder + "/build/meson-logs")
    tap.write(folder + "/tests/skips.txt", skips)
    tap.write(folder + "/log", log)
    tap.write(folder + "/tests.json", tests)
    tap.write(
        folder + "/bin/meson",
        "#!/bin/sh\ncase $1 in\nintrospect) cat %s/tests.json ;;\n"
        "test) cp %s/log %s/build/meson-logs/testlog.json; exit %d ;;\nesac\n"
        % (folder, folder, folder, status),
        0o755,
    )
    with open(tap.ROOT + "/tools/run_tests.py", encoding="utf-8") as f:
        tap.write(folder + "/tools/run_tests.py", f.read())
    r = subprocess.run(
        [sys.executable, folder + "/tools/run_tests.py", folder + "/build"],
        env=dict(os.environ, PATH=folder + "/bin:" + os.environ["PATH"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return r.returncode, (r.stdout.splitlines() or [""])[-1], r.stdout + r.stderr


def test_cases_are_counted_not_programs(folder):
    out = "1..3\nok 1 - a\nok 2 - b\nok 3 - c\n"
    rows = [("one", "tap", "OK", 0, out), ("two", "exitcode", "OK", 0, "")]
    assert run(folder, rows)[:2] == (0, "4 passed, 0 failed")


def test_a_failed_case_is_named(folder):
    rows = [("one", "tap", "FAIL", 0, "1..2\nok 1 - a\nnot ok 2 - b\n")]
    status, last, out = run(folder, rows, 1)
    assert (status, last) == (1, "1 passed, 1 failed")
    assert "FAILED: one: b\n" in out


def test_a_program_that_dies_behind_its_cases_has_failed(folder):
    rows = [("one", "tap", "ERROR", 23, "1..1\nok 1 - a\n")]
    assert run(folder, rows, 1)[:2] == (1, "1 passed, 1 failed")


def test_a_program_with_an_exit_status_has_failed(folder):
    rows = [("one", "exitcode", "OK", 0, ""), ("two", "exitcode", "TIMEOUT", -9, "")]
    status, last, out = run(folder, rows, 1)
    assert (status, last) == (1, "1 passed, 1 failed")
    assert "FAILED: two: timeout" in out


def test_a_skip_without_a_row_has_failed(folder):
    rows = [("one", "tap", "OK", 0, "1..2\nok 1 - a\nok 2 - b # SKIP not today\n")]
    status, last, out = run(folder, rows)
    assert (status, last) == (1, "1 passed, 1 failed")
    assert "not today" in out


def test_a_skip_with_a_row_is_a_skip(folder):
    rows = [("needs card", "tap", "OK", 0, "1..2\nok 1 - a\nok 2 - on hardware, too # SKIP none\n")]
    status, last, out = run(folder, rows)
    assert (status, last) == (0, "1 passed, 0 failed, 1 skipped")
    assert "(no card here)" in out


def test_a_skip_as_cmocka_writes_it_is_one_too(folder):
    rows = [("needs card", "tap", "FAIL", 0, "1..2\nok 1 - a\nnot ok 2 # SKIP on hardware\n")]
    assert run(folder, rows, 1)[:2] == (0, "1 passed, 0 failed, 1 skipped")


def test_a_skipped_program_needs_a_row_too(folder):
    rows = [("one", "exitcode", "OK", 0, ""), ("two", "exitcode", "SKIP", 77, "no compiler\n")]
    assert run(folder, rows)[:2] == (1, "1 passed, 1 failed")


def test_a_program_without_cases_has_failed(folder):
    rows = [("one", "tap", "OK", 0, "1..1\nok 1 - a\n"), ("two", "tap", "SKIP", 0, "hello\n")]
    status, last, out = run(folder, rows)
    assert (status, last) == (1, "1 passed, 1 failed")
    assert "FAILED: two: ran no case" in out


def test_no_test_at_all_has_failed(folder):
    assert run(folder, [])[:2] == (1, "0 passed, 1 failed")


def test_a_build_that_fails_has_failed(folder):
    assert run(folder, [], 125)[:2] == (1, "0 passed, 1 failed")


def test_a_row_without_a_reason_is_refused(folder):
    rows = [("one", "exitcode", "OK", 0, "")]
    status, _, out = run(folder, rows, skips="one |\n")
    assert status != 0 and "skips.txt:1: a row is" in out


tap.main()
