#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine with a driver, and podman: slices are bound by the names in CDI specs, which nvidia-ctk
makes and which every change of slices makes stale.

The driver is a virtual node's library, found as the loader finds one, by a tranche that knows of no
virtual node; nvidia-ctk is a script. The specs' folders are this test's own: it runs in a mount
namespace of its own."""
import ctypes
import os
import shutil
import sys
import tempfile

import dockerd
import stand
from stand import check, equal, get

DIRS = ("/etc/cdi", "/run/cdi")
# Names what the driver shows, each with its own name for an environment.
NVIDIA_CTK = """#!/bin/sh
echo "$*" >>%(log)s
[ "$1 $2" = "cdi generate" ] || exit 1
for word; do case $word in --output=*) out=${word#--output=} ;; esac; done
[ ! -e %(dir)s/breaks ] || { echo 'level=info msg="Auto-detected mode as nvml"' >&2
  echo 'level=error msg="failed to generate CDI spec: no driver root"' >&2; exit 1; }
{
  echo 'cdiVersion: 0.5.0'
  echo 'kind: nvidia.com/gpu'
  echo 'devices:'
  %(tranche)s --node hardware slices -q | while read -r uuid; do
    [ ! -e %(dir)s/forgets ] || uuid=GPU-0
    printf '  - name: %%s\\n    containerEdits:\\n      env: ["BOUND_BY=%%s"]\\n' "$uuid" "$uuid"
  done
} >"$out"
"""


MS_BIND, MS_MOVE, MS_REC = 0x1000, 0x2000, 0x4000


def mount(source, target, kind, flags=0, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), data) != 0:
        raise stand.Skip("cannot mount %s: %s" % (target, os.strerror(ctypes.get_errno())))


def own_run(scratch):
    """A /run with all that is in it, but a folder cdi of its own: podman's locks stay the machine's."""
    for entry in os.scandir("/run"):
        there = os.path.join(scratch, entry.name)
        if entry.name == "cdi":
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), there)
            continue
        if entry.is_dir():
            os.mkdir(there)
        else:
            with open(there, "w", encoding="utf-8"):
                pass
        mount(entry.path, there, None, MS_BIND | MS_REC)
    os.mkdir(scratch + "/cdi")
    mount(scratch, "/run", None, MS_MOVE)


def own_folders():
    """Nobody else's specs are seen, nobody else sees ours, and no folder is left on the machine."""
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as d:
        mount("none", d, b"tmpfs")
        os.mkdir(d + "/upper")
        os.mkdir(d + "/work")
        mount("none", "/etc", b"overlay", 0, ("lowerdir=/etc,upperdir=%s/upper,workdir=%s/work" % (d, d)).encode())
        ctypes.CDLL(None).umount2(d.encode(), 2)
    shutil.rmtree("/etc/cdi", ignore_errors=True)
    os.mkdir("/etc/cdi")
    scratch = tempfile.mkdtemp(prefix="tranche-e2e-")
    try:
        mount("none", scratch, b"tmpfs")
        own_run(scratch)
    finally:
        os.rmdir(scratch)


class Machine:
    """A tranche that finds a driver, and no virtual node."""

    def __init__(self, place):
        self.place = place.node(scale=64)
        self.lib = "%s/virtual/%s/lib" % (place.run_dir, place.name)
        self.ctk = place.dir + "/ctk"
        for d in ("run2", "state2", "ctk"):
            os.mkdir(os.path.join(place.dir, d))
        self.env = dict(place.env, LD_LIBRARY_PATH=self.lib)
        self.env.update(TRANCHE_RUN_DIR=place.dir + "/run2", TRANCHE_STATE_DIR=place.dir + "/state2")
        del self.env["TRANCHE_NODE"]
        self.log = place.dir + "/ctk.log"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tranche("down", "--all", "--grace", "1")
        for path in DIRS:
            for name in os.listdir(path):
                os.unlink(os.path.join(path, name))

    def tranche(self, *args):
        return self.place.tranche(*args, env=self.env)

    def ok(self, *args):
        r = self.tranche(*args)
        equal(r.status, 0, str(r))
        return r

    def install(self):
        path = self.ctk + "/nvidia-ctk"
        with open(path, "w", encoding="utf-8") as f:
            f.write(NVIDIA_CTK % {"log": self.log, "dir": self.ctk, "tranche": stand.TRANCHE})
        os.chmod(path, 0o755)
        self.env["PATH"] = self.ctk + ":" + self.env["PATH"]

    def calls(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as f:
            return f.read().splitlines()

    def uuids(self):
        return self.ok("slices", "-q").out.split()


# Servers of "hardware" are named by their stack alone: it is nobody else's.
STACK = "specs%d" % os.getpid()


def stack(m, replicas):
    m.place.stack(m.place.model("m", replicas=replicas), name=STACK)


def test_podman_without_nvidia_ctk_is_refused_in_container(podman):
    with Machine(podman) as m:
        stack(m, 1)
        r = m.tranche("up", "--runtime", "podman").fails(10, "there is no nvidia-ctk", "try: apt-get install nvidia-container-toolkit")
        equal(r.steps(), [], "what was begun")
        m.ok("mig", "on")
        m.tranche("run", "--image", podman.image, "--runtime", "podman", "1g.10gb", "--", "1").fails(10, "there is no nvidia-ctk")
        equal(m.uuids(), [])
        check("problem   toolkit" in m.tranche("doctor").out, "the doctor says nothing")


def test_a_stale_spec_is_made_anew_in_container(podman):
    with Machine(podman) as m:
        m.install()
        stack(m, 2)
        plan = m.ok("up", "--runtime", "podman", "--dry-run").out
        command = "nvidia-ctk cdi generate --device-name-strategy=index --device-name-strategy=uuid --output=/var/run/cdi/nvidia.yaml"
        equal(plan.count(command), 1, plan)
        check(plan.index("-cgi") < plan.index(command) < plan.index("\npodman "), plan)
        equal(m.calls(), [], "a dry run")
        r = m.ok("up", "--runtime", "podman")
        r.says("the CDI spec is made anew, by which podman knows the slices")
        equal(len(m.calls()), 1, "once for both slices")
        rows = {x["slice"]["uuid"]: x["port"] for x in stand.json.loads(m.ok("ps", "--json").out)["models"]}
        equal(sorted(rows), sorted(m.uuids()))
        for uuid, port in rows.items():
            equal(get(port, "env=BOUND_BY"), uuid, "bound by its name")
        # Nothing was cut: the spec is right.
        m.ok("restart", STACK + "/m-0")
        m.ok("up")
        equal(len(m.calls()), 1, "made again for nothing")
        m.ok("down", "--grace", "1")
        # The same place has the same UUID; its device nodes may be others.
        m.ok("up", "--runtime", "podman")
        equal((sorted(m.uuids()), len(m.calls())), (sorted(rows), 2))
        m.ok("down", "--grace", "1")
        # A file that is there is the one that is made anew.
        shutil.move("/run/cdi/nvidia.yaml", "/etc/cdi/nvidia.yaml")
        r = m.ok("run", "-q", "--image", podman.image, "--runtime", "podman", "1g.10gb", "--", "1", "exit=0")
        check(m.calls()[-1].endswith("--output=/etc/cdi/nvidia.yaml"), m.calls())
        r.says("the CDI spec is made anew")
        equal(m.uuids(), [])


def test_a_spec_that_cannot_be_made_takes_all_back_in_container(podman):
    with Machine(podman) as m:
        m.install()
        stack(m, 1)
        for flag, words in (
            ("breaks", ['start m-0: nvidia-ctk makes no CDI spec, by which podman binds a slice: level=error msg="failed to generate',
                        "try: nvidia-ctk cdi generate"]),
            ("forgets", ["start m-0: the CDI spec that nvidia-ctk has just made does not name 'MIG-", "try: nvidia-ctk cdi list"]),
        ):
            with open(os.path.join(m.ctk, flag), "w", encoding="utf-8"):
                pass
            m.tranche("up", "--runtime", "podman").fails(6, *words)
            equal(m.uuids(), [], "slices")
            equal(stand.json.loads(m.ok("ps", "--json").out)["models"], [])
            m.ok("mig", "on")
            m.tranche("run", "--image", podman.image, "--runtime", "podman", "1g.10gb", "--", "1").fails(6, words[0][11:])
            equal(m.uuids(), [], "a job's slice")
            m.ok("mig", "off")
            os.unlink(os.path.join(m.ctk, flag))


if __name__ == "__main__":
    try:
        if os.geteuid() != 0:
            raise stand.Skip("needs podman and root")
        dockerd.apart()
        own_folders()
    except stand.Skip as why:
        print("1..0 # SKIP %s" % why)
        sys.exit(0)
    stand.main()
