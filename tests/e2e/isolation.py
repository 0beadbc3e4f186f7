#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/isolation measures what it says, in a round that is too short to time anything; and it leaves
nothing behind, also when it is interrupted."""
import contextlib
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile

import stand
from stand import check, equal

BENCH = os.path.join(stand.ROOT, "bench/isolation/isolation.py")
ROW = re.compile(r"^\| (two slices|no slices)((?: \| [\d.]+ / [\d.]+){3}) \|$", re.M)


def start(room):
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRANCHE_")}
    env["TMPDIR"] = room
    return subprocess.Popen(
        [sys.executable, BENCH, stand.BUILD, "--smoke"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def node_of(p):
    return "isolation-%d" % p.pid


def groups(p):
    return glob.glob("/sys/fs/cgroup/*/tranche/*%s*" % node_of(p)) + glob.glob(
        "/sys/fs/cgroup/tranche/*%s*" % node_of(p)
    )


def containers(p):
    return [c for c in stand.run("podman", "ps", "-a", "--format", "{{.Names}}").stdout.split() if node_of(p) in c]


@contextlib.contextmanager
def bench():
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as room:
        p = start(room)
        try:
            yield p
            equal(os.listdir(room), [], "left in the folder for temporary files")
        finally:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                p.communicate()
    equal(containers(p), [], "containers left")
    stand.wait_for(lambda: not groups(p), "the end of control groups %s" % groups(p))


def test_isolation_is_measured_on_slices_and_without(engine_image):
    with bench() as p:
        out, err = p.communicate(timeout=200)
        equal(p.returncode, 0, out + err)
    # One row a pair for README, three for RESULTS, and what became of the eater.
    equal([name for name, _ in ROW.findall(out)], ["two slices", "no slices"], out)
    for pair in ("two slices", "no slices"):
        for neighbour in ("idle", "busy", "eater"):
            check("\n| %s, %s | " % (pair, neighbour) in out, pair, neighbour, out)
    check(re.search(r"^two slices +the eater killed at \d+ MiB, (\d+) times of \1 \(a slice: 152 MiB\)$", out, re.M), out)
    check(re.search(r"^no slices +the eater got all of its 456 MiB, (\d+) times of \1 ", out, re.M), out)


def test_isolation_interrupted_leaves_nothing(engine_image):
    with bench() as p:
        stand.wait_for(lambda: len(containers(p)) >= 3, "three of its four containers")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        check(p.returncode != 0, out + err)
        check("isolation: interrupted" in err, out + err)


if __name__ == "__main__":
    stand.main()
