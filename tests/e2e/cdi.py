#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CDI: slices of a virtual node by name, for podman; the file that is kept in step with them."""
import contextlib
import json
import os
import shutil
import tempfile

import dockerd
import stand
from stand import check, equal, run, seen

CDI_DIR = "/var/run/cdi"
MIB = 1 << 20


def podman(*words):
    switches = []
    if not os.path.isdir("/run/systemd/system"):
        switches += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    if shutil.which("runc"):
        switches += ["--runtime", "runc"]
    return run("podman", *switches, *words, timeout=60)


@contextlib.contextmanager
def guest_image():
    """The guest's image in podman's store."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        raise stand.Skip("needs podman and root")
    name = "localhost/tranche-cdi:%d" % os.getpid()
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as d:
        dockerd.make_rootfs(d + "/root")
        run("tar", "-C", d + "/root", "-cf", d + "/image.tar", ".", check=True)
        r = podman("import", *dockerd.CHANGES, d + "/image.tar", name)
    equal(r.returncode, 0, r.stderr)
    try:
        yield name
    finally:
        podman("rmi", "-f", name)


@contextlib.contextmanager
def kept_where_podman_looks(s):
    """A spec of the stand's node in the folder that podman reads; its names are nobody else's."""
    had_dir = os.path.isdir(CDI_DIR)
    path = "%s/tranche-%s.json" % (CDI_DIR, s.name)
    s.ok("cdi", "generate", "--output", path)
    try:
        yield path
    finally:
        s.tranche("virtual", "destroy", "--force", s.name)
        check(not os.path.exists(path), "the node is gone, its spec is not")
        if not had_dir:
            with contextlib.suppress(OSError):
                os.rmdir(CDI_DIR)


def devices_in(path):
    """{name: what it gives}"""
    with open(path, encoding="utf-8") as f:
        return {d["name"]: d["containerEdits"] for d in json.load(f)["devices"]}


def names_in(path):
    """The UUIDs among the names."""
    return [name for name in devices_in(path) if "-" in name]


def test_a_name_gives_a_container_its_slice_alone(process):
    process.node().ok("mig", "on")
    with guest_image() as image, kept_where_podman_looks(process):
        process.ok("create", "1g.10gb", "2g.20gb")
        slices = {r["profile"]: r["uuid"] for r in process.slices()}
        uuid = slices["2g.20gb"]
        name, group = "tranche-%s" % process.name, "/tranche-%s" % process.name
        common = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--network", "none",
                  "--cgroup-parent", group)
        try:
            r = podman("run", "-d", "--name", name, *common, "--device", "nvidia.com/gpu=" + uuid, image)
            equal(r.returncode, 0, r.stderr)
            what = seen(podman("exec", name, "/guest", "once").stdout)
            equal([line.split()[0] for line in what["mig"]], [uuid], "slices")
            check("/dev/nvidia0" in what["device"], what)
            pid = podman("inspect", "-f", "{{.State.Pid}}", name).stdout.strip()
            limit = stand.memory_limit(pid)
            equal(limit, 19968 * MIB // 64, "memory limit, with none on the command line")
            both = podman("run", "--rm", *common, "--device", "nvidia.com/gpu=" + uuid, image, "once")
            check(both.returncode != 0, "two containers on one slice")
            check("is held by pid %s (guest)" % pid in both.stderr, both.stderr)
            other = podman("run", "--rm", *common, "--device", "nvidia.com/gpu=" + slices["1g.10gb"],
                           image, "once")
            equal([line.split()[0] for line in seen(other.stdout)["mig"]], [slices["1g.10gb"]], other.stderr)
            # Gone with the next change of slices; podman says so itself.
            process.ok("destroy", slices["1g.10gb"])
            gone = podman("run", "--rm", *common, "--device", "nvidia.com/gpu=" + slices["1g.10gb"], image)
            check("unresolvable CDI devices" in gone.stderr, gone.stderr)
        finally:
            podman("rm", "-f", "-t", "0", name)
            stand.drop_groups(group)


def test_the_kept_file_follows_every_change(process):
    process.node()
    path = process.work + "/spec.json"
    r = process.tranche("cdi", "generate", "--output", "spec.json")
    equal(r.status, 0, r)
    card = names_in(path)
    check(len(card) == 1 and card[0].startswith("GPU-"), "an uncut card:", card)
    process.ok("mig", "on")
    equal(names_in(path), [], "a card in MIG mode without slices")
    process.ok("create", "1g.10gb", "2g.20gb")
    uuids = sorted(r["uuid"] for r in process.slices())
    equal(sorted(names_in(path)), uuids, "after create")
    listed = process.json("cdi", "list")
    equal((listed["fresh"], listed["file"]), (True, path), "cdi list")
    equal(sorted(listed["names"]), ["nvidia.com/gpu=" + u for u in uuids], "names")
    process.ok("destroy", uuids[0])
    equal(names_in(path), uuids[1:], "after destroy")
    process.stack(process.model("m"))
    process.up()
    equal(len(names_in(path)), 2, "after up")
    process.down()
    equal(names_in(path), uuids[1:], "after down")
    process.ok("virtual", "reset", process.name)
    equal(names_in(path), [], "after a reset")


def test_numbers_and_all_name_the_same_things(process):
    """What docker 29 makes of --gpus: `device=0:1` is nvidia.com/gpu=0:1, `all` is all."""
    process.node(stand.CARD, stand.CARD)
    process.ok("mig", "on", "-i", "1")
    process.ok("create", "1g.10gb", "2g.20gb")
    process.ok("cdi", "generate", "--output", "spec.json")
    found = devices_in(process.work + "/spec.json")
    cards = [g["uuid"] for g in process.json("gpus")["gpus"]]
    numbers = [n for n in found if "-" not in n]
    equal(numbers, ["0", "1:0", "1:1", "all"])
    equal(found["0"], found[cards[0]], "a card")
    check(cards[1] not in found and "1" not in found, "a card in MIG mode is its slices")
    # In the order in which the driver counts them.
    listed = process.tranche("smi", "-L").out
    for i, line in enumerate(l for l in listed.splitlines() if l.startswith("  MIG")):
        equal(found["1:%d" % i], found[line.split("UUID: ")[1].rstrip(")")], line)
    views = {os.path.basename(m["containerPath"]) for m in found["all"]["mounts"] if "/view/" in m["containerPath"]}
    equal(views, {cards[0]} | {s["uuid"] for s in process.slices()}, "all")
    targets = [m["containerPath"] for m in found["all"]["mounts"]]
    equal(len(targets), len(set(targets)), "mounted once")
    nodes = [d["path"] for d in found["all"]["deviceNodes"]]
    equal(len(nodes), len(set(nodes)), "device nodes, once each")
    check({"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"} <= set(nodes), nodes)


def test_a_stale_or_missing_file_is_said(process):
    process.node().ok("mig", "on")
    r = process.ok("cdi", "list")
    r.says("no file tells podman and docker", "try: tranche cdi generate")
    process.ok("cdi", "generate", "--output", "a.json")
    # By the driver alone, as another program would.
    process.ok("smi", "mig", "-cgi", "19", "-C")
    equal(process.json("cdi", "list")["fresh"], False, "after a change without tranche")
    doctor = process.tranche("doctor")
    check("a.json' is stale" in doctor.out and "tranche cdi generate --output" in doctor.out, doctor)
    process.ok("cdi", "list").says("is stale", "try: tranche cdi generate --output")
    r = process.ok("cdi", "generate", "--output", "b.json")
    r.says("removed '%s/a.json'" % process.work)
    check(not os.path.exists(process.work + "/a.json"), "two files with the same names")
    equal(process.json("cdi", "list")["fresh"], True, "made anew")
    text = json.loads(process.ok("cdi", "generate").out)
    equal((text["cdiVersion"], text["kind"]), ("0.5.0", "nvidia.com/gpu"), "printed")
    process.tranche("cdi", "generate", "--output", "c.txt").fails(2, "does not end in .json", "try: ")
    process.ok("virtual", "destroy", process.name)
    process.has_node = False
    check(not os.path.exists(process.work + "/b.json"), "the node is gone, its spec is not")


if __name__ == "__main__":
    stand.main()
