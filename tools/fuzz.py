#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes one target of tests/fuzz with AFL++, under ASan and UBSan, on one core.

    tools/fuzz.py BUILD TARGET [SECONDS]        default: 600 seconds

Builds in BUILD-afl, starts from TARGET/corpus (and words.dict), leaves AFL++'s own folder as
BUILD-afl/found-TARGET. What covers code that the corpus does not is made small and left in
BUILD-afl/new-TARGET, best first: what is worth replaying in each `make test` is copied from there
into the corpus by hand. An input that crashes or hangs is named, and the exit status is 1.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import run_tests

NEEDS = ("afl-clang-fast", "afl-fuzz", "afl-showmap", "afl-tmin")
KEEP = 12  # new inputs at most: each is replayed, damaged, in every `make test`
INPUT_MS = "1000+"
SANITIZERS = {
    # What leaks is the replay's to tell; AFL++ sees a failure only as a signal.
    "ASAN_OPTIONS": "abort_on_error=1:symbolize=0:detect_leaks=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:symbolize=0",
    "AFL_NO_UI": "1",
    "AFL_QUIET": "1",
    "AFL_SKIP_CPUFREQ": "1",
    "AFL_NO_AFFINITY": "1",
    # Where cores go to a program of the system's, a crash is told late; nothing is lost by it.
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
}


def build(folder, target):
    env = dict(os.environ, CC="afl-clang-fast", AFL_QUIET="1")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        options = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
        subprocess.run(["meson", "setup", folder, run_tests.ROOT, *options],
                       stdout=subprocess.DEVNULL, env=env, check=True)
    program = "tests/fuzz/fuzz_" + target
    subprocess.run(["ninja", "-C", folder, program, "sim/libnvidia-ml.so.1"],
                   stdout=subprocess.DEVNULL, env=env, check=True)
    return os.path.join(folder, program)


def stats(found):
    with open(os.path.join(found, "default", "fuzzer_stats"), encoding="utf-8") as f:
        return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in f)}


def edges(program, path, env):
    """What each file of a folder covers: {name: set of edges}."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["afl-showmap", "-q", "-m", "none", "-t", "5000", "-i", path, "-o", out,
                        "--", program], env=env, stdout=subprocess.DEVNULL, check=False)
        return {name: set(open(os.path.join(out, name), encoding="ascii").read().split())
                for name in os.listdir(out)}


def choose(known, found, size_of):
    """The names in `found` that cover most of what `known` does not, the smaller first."""
    seen, chosen = set().union(*known.values()) if known else set(), []
    while len(chosen) < KEEP and found:
        best = max(found, key=lambda name: (len(found[name] - seen), -size_of(name), name))
        if not found[best] - seen:
            break
        seen |= found.pop(best)
        chosen.append(best)
    return chosen


def keep(program, corpus, found, new, env):
    """Minimized, into the folder `new`. Returns how many."""
    queue = os.path.join(found, "default", "queue")
    chosen = choose(edges(program, corpus, env), edges(program, queue, env),
                    lambda name: os.path.getsize(os.path.join(queue, name)))
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    for number, name in enumerate(chosen, 1):
        small = os.path.join(new, "afl-%02d" % number)
        source = os.path.join(queue, name)
        subprocess.run(["timeout", "60", "afl-tmin", "-m", "none", "-t", "1000", "-i", source,
                        "-o", small, "--", program],
                       env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if not os.path.exists(small):
            shutil.copy(source, small)
    return len(chosen)


def fuzz(program, source, found, seconds, env):
    corpus, words = os.path.join(source, "corpus"), os.path.join(source, "words.dict")
    shutil.rmtree(found, ignore_errors=True)
    command = ["nice", "-n", "10", "afl-fuzz", "-m", "none", "-t", INPUT_MS, "-V", str(seconds),
               "-i", corpus, "-o", found]
    command += ["-x", words] if os.path.exists(words) else []
    log = found + ".log"
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run([*command, "--", program], env=env, stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT).returncode
    if status != 0:
        sys.exit("afl-fuzz: exit status %d, see %s" % (status, log))


def bad_inputs(found):
    paths = []
    for kind in ("crashes", "hangs"):
        folder = os.path.join(found, "default", kind)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        paths += [os.path.join(folder, n) for n in names if n != "README.txt"]
    return paths


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder, target = sys.argv[1].rstrip("/") + "-afl", sys.argv[2]
    seconds = int(sys.argv[3]) if len(sys.argv) == 4 else 600
    source = os.path.join(run_tests.ROOT, "tests", "fuzz", target)
    if not os.path.exists(os.path.join(source, "fuzz.c")):
        sys.exit("fuzz: no target '%s' in tests/fuzz" % target)
    missing = [name for name in NEEDS if not shutil.which(name)]
    if missing:
        sys.exit("fuzz: no %s here; please type: tools/setup.sh fuzz" % ", ".join(missing))
    program = build(folder, target)
    found, new = (os.path.join(folder, "%s-%s" % (x, target)) for x in ("found", "new"))
    with tempfile.TemporaryDirectory(prefix="tranche-afl-") as temp:
        env = dict(os.environ, **SANITIZERS, TMPDIR=temp)
        fuzz(program, source, found, seconds, env)
        kept = keep(program, os.path.join(source, "corpus"), found, new, env)
    told, bad = stats(found), bad_inputs(found)
    print("%s: %s executions in %s s, %s per second, %s edges, %s inputs of which %d cover more "
          "than the corpus (%s)" % (target, told["execs_done"], told["run_time"],
                                    told["execs_per_sec"], told["edges_found"],
                                    told["corpus_count"], kept, new))
    for path in bad:
        print("FAILED: %s" % path)
    print("%d crashes, %d hangs" % (int(told["saved_crashes"]), int(told["saved_hangs"])))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
