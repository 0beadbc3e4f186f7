#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All tests, every way: what `make test-long` runs.

    tools/test_long.py BUILD [PHASE...]

Phases: plain, asan (with UBSan), tsan, valgrind, clang, mutants. Each way has a build folder of its
own beside BUILD. The last line sums them up: "N passed, N failed".
"""
import fnmatch
import os
import subprocess
import sys
import time

import mutants
import run_tests

# Under valgrind everything is some 30 times slower. Left out is what starts containers and servers,
# and the searches over thousands of layouts, which run under ASan. Patterns of test names; each must
# match a test.
VALGRIND = ("unit sim *", "unit nvml", "unit base *", "unit smi *", "unit facts", "unit plan plan",
            "unit plan card", "unit plan cost", "unit plan profile", "unit stack *",
            "unit layout layout", "unit cli *", "unit core card", "unit core store")
VALGRIND_WRAP = "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"


def build_folder(build, name, options, env=None):
    folder = "%s-%s" % (build.rstrip("/"), name)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(
            ["meson", "setup", folder, run_tests.ROOT, *options],
            stdout=subprocess.DEVNULL,
            env=env,
            check=True,
        )
    return folder


def environment(**more):
    return dict(os.environ, **more)


def plain(build):
    return run_tests.run(build, [])


def asan(build):
    folder = build_folder(build, "asan", ["-Db_sanitize=address,undefined"])
    env = environment(
        ASAN_OPTIONS="detect_stack_use_after_return=1",
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
    )
    return run_tests.run(folder, ["-t", "4", "--no-suite", "long"], env)


def threaded(folder):
    """Unit tests that start a thread of their own: only there can TSan see anything."""
    found = []
    for t in run_tests.known_tests(folder):
        if "unit" not in [s.rpartition(":")[2] for s in t["suite"]]:
            continue
        r = subprocess.run(["nm", "-u", t["cmd"][0]], stdout=subprocess.PIPE, text=True)
        if "pthread_create" in r.stdout or "thrd_create" in r.stdout:
            found.append(t["name"])
    return found


def tsan(build):
    folder = build_folder(build, "tsan", ["-Db_sanitize=thread"])
    if subprocess.run(["ninja", "-C", folder], stdout=subprocess.DEVNULL).returncode != 0:
        return failure("the build with -Db_sanitize=thread fails: ninja -C %s" % folder)
    tests = threaded(folder)
    if not tests:
        return failure("no unit test starts a thread")
    return run_tests.run(folder, ["-t", "4", *tests], environment(TSAN_OPTIONS="halt_on_error=1"))


def valgrind(build):
    names = [t["name"] for t in run_tests.known_tests(build)]
    chosen = []
    for pattern in VALGRIND:
        found = fnmatch.filter(names, pattern)
        if not found:
            return failure("no test is called '%s'" % pattern)
        chosen += found
    return run_tests.run(build, ["-t", "20", "--wrap", VALGRIND_WRAP, *chosen])


def clang(build):
    folder = build_folder(build, "clang", [], environment(CC="clang"))
    return run_tests.run(folder, ["--suite", "unit", "--suite", "abi"])


def failure(words):
    counts = run_tests.Counts()
    counts.failed.append(words)
    return counts


PHASES = {
    "plain": plain,
    "asan": asan,
    "tsan": tsan,
    "valgrind": valgrind,
    "clang": clang,
    "mutants": mutants.run,
}


def main():
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(PHASES):
        sys.exit(__doc__)
    total, lines = run_tests.Counts(), []
    for name in sys.argv[2:] or PHASES:
        print("\n=== %s ===" % name, flush=True)
        began = time.monotonic()
        try:
            counts = PHASES[name](sys.argv[1])
        except subprocess.CalledProcessError as e:
            counts = failure(str(e))
        lines.append("%-10s %s (%.0f s)" % (name, counts, time.monotonic() - began))
        total.add(counts, name)
    print("\n" + "\n".join(lines))
    sys.exit(run_tests.report(total))


if __name__ == "__main__":
    main()
