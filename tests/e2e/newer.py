#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A docker that knows CDI, of Debian trixie (26.1) or DEBIAN=sid: all that `e2e docker` asks of the packaged
one, and slices by name. Fetched, never installed; runc is this system's, since theirs wants a newer libc."""
import glob
import json
import os
import re
import shutil
import sys

import dockerd
import docker
import stand
from docker import (  # noqa: F401: the test_* are cases of this program, too
    IMAGE,
    MIB,
    Dock,
    test_a_container_that_eats_too_much_dies_alone,
    test_a_job_runs_on_dockers_daemon,
    test_a_refused_container_is_told_why_and_what_next,
    test_an_image_that_asks_for_a_newer_driver_is_refused,
    test_indexes_all_and_watchers,
    test_limits_of_the_command_line_stay_where_they_are_lower,
    test_links_in_an_image_lead_nowhere_else,
    test_the_guides_command_gives_each_container_its_slice_alone,
    test_tranche_runs_models_by_docker_without_the_hook,
)
from stand import check, equal, seen, wait_for

sys.path.insert(0, os.path.join(stand.ROOT, "tests/clients"))
import fetch  # noqa: E402

DEBIAN = os.environ.get("DEBIAN", "trixie")
PROGRAMS = ("docker", "dockerd", "docker-proxy", "docker-init", "containerd", "containerd-shim-runc-v2")


def take_programs():
    """Puts the suite's docker first on the PATH."""
    if not shutil.which("runc"):
        raise stand.Skip("needs runc: apt-get install runc")
    try:
        tree = fetch.fetch(stand.BUILD, DEBIAN, ["docker.io", "docker-cli"])
    except fetch.Unreachable as why:
        raise stand.Skip(" ".join(str(why).split())[:200])
    folder = tree + "/docker"
    os.makedirs(folder, exist_ok=True)
    for name in PROGRAMS:
        found = glob.glob("%s/usr/*bin/%s" % (tree, name))
        check(found, "no", name, "in", tree)
        if not os.path.lexists("%s/%s" % (folder, name)):
            os.symlink(os.path.relpath(found[0], folder), "%s/%s" % (folder, name))
    r = stand.run(folder + "/dockerd", "--version")
    if "GLIBC_" in r.stderr:
        raise stand.Skip("docker of %s wants a newer libc" % DEBIAN)
    os.environ["PATH"] = folder + ":" + os.environ["PATH"]


class Named(Dock):
    """A daemon that looks for specs in a folder of its own, where the node's is kept."""

    def __init__(self, s, **config):
        specs = s.dir + "/cdi"
        os.mkdir(specs)
        with open(s.dir + "/daemon.json", "w", encoding="utf-8") as f:
            json.dump({"cdi-spec-dirs": [specs], **config}, f)
        super().__init__(s, "--config-file", s.dir + "/daemon.json")
        s.ok("cdi", "generate", "--output", specs + "/tranche.json")

    def sees(self, *words):
        """The slices that a container finds, and nothing but slices."""
        what = seen(self.d.ok("run", "--rm", *words, IMAGE, "once"))
        equal(what["no"], [], "NVML")
        return sorted(line.split()[0] for line in what["mig"])

    def knows(self, name):
        """Its daemon watches the folder: it knows a moment after tranche has written there."""
        wait_for(lambda: self.d.docker("run", "--rm", *device(name), IMAGE, "once").returncode == 0, name)

    def has_forgotten(self, name):
        words = "unresolvable CDI devices nvidia.com/gpu=" + name
        wait_for(lambda: words in self.refused(*device(name), IMAGE), words)


def with_cdi(s):
    """25 to 28.1 must be told to."""
    return Named(s, features={"cdi": True})


def device(name):
    return ("--device", "nvidia.com/gpu=" + name)


def test_it_is_newer_than_24(process):
    with with_cdi(process) as dock:
        for side in ("Client", "Server"):
            version = dock.d.ok("version", "-f", "{{.%s.Version}}" % side)
            check(int(version.split(".")[0]) >= 25, side, version)


def test_a_name_gives_a_container_its_slice_alone(process):
    with with_cdi(process) as dock:
        uuids = dock.cut("1g.10gb", "2g.20gb")
        profiles = {r["uuid"]: r["profile"] for r in process.slices()}
        for uuid in uuids:
            dock.knows(uuid)
        limits = {"1g.10gb": (9728, 14), "2g.20gb": (19968, 28)}
        for i, uuid in enumerate(uuids):
            dock.d.ok("run", "-d", *device(uuid), "--name", "by-name-%d" % i, "-p", "%d:8000" % (8000 + i), IMAGE)
            wait_for(lambda i=i: docker.is_up(8000 + i), "an answer")
            what = seen(docker.ask(8000 + i))
            equal((what["no"], len(what["gpu"])), ([], 1), "what it sees")
            equal([line.split()[0] for line in what["mig"]], [uuid], "slices")
            check("/dev/nvidia0" in what["device"], what)
            equal(len([d for d in what["device"] if d.startswith("/dev/nvidia-caps/")]), 2, "capability nodes")
            held = dock.group("by-name-%d" % i)
            mib, sms = limits[profiles[uuid]]
            equal((held["memory"], held["quota"]), (mib * MIB // 64, int(os.cpu_count() * 1000 * sms / 98) * 100),
                  "limits, with none on the command line")
        # One slice, one container, whichever way it asks.
        pid = dock.d.ok("inspect", "-f", "{{.State.Pid}}", "by-name-0")
        for words in (device(uuids[0]), ("--gpus", "device=" + uuids[0])):
            said = dock.refused(*words, IMAGE)
            check("'%s' is held by pid %s (guest)" % (uuids[0], pid) in said, said)
        dock.d.ok("rm", "-f", "by-name-0", "by-name-1")
        numbers = [dock.sees(*device("0:%d" % i)) for i in range(2)]
        equal(sorted(sum(numbers, [])), sorted(uuids), "slices by number")
        equal(dock.sees(*device("all")), sorted(uuids), "all")
        equal(dock.sees(*device(uuids[0]), *device(uuids[1])), sorted(uuids), "two names")


def test_it_follows_each_change_of_slices(process):
    with with_cdi(process) as dock:
        for profile in ("1g.10gb", "2g.20gb"):
            uuid = dock.cut(profile)[-1]
            dock.knows(uuid)
            equal(dock.sees(*device(uuid)), [uuid], "a new slice")
            process.ok("destroy", uuid)
            dock.has_forgotten(uuid)
        # What tranche cuts for its models it knows, too, and that they are on them.
        server = process.dir + "/img"
        os.mkdir(server)
        shutil.copy(stand.SERVER, server + "/server")
        stand.run("tar", "-C", server, "-cf", server + ".tar", "server", check=True)
        dock.d.ok("import", "--change", 'ENTRYPOINT ["/server"]', server + ".tar", "localhost/e2e-server")
        process.file("version: 1\nname: lab\nmodels:\n  m:\n    engine: command\n    slice: 1g.10gb\n"
                     "    image: localhost/e2e-server\n    args: ['${PORT}']\n")
        process.env["PATH"] = os.environ["PATH"]
        process.ok("up", "--runtime", "docker")
        (row,) = process.models().values()
        uuid = row["slice"]["uuid"]
        equal(dock.group(row["server"])["memory"], 9728 * MIB // 64, "memory limit")
        wait_for(lambda: "'%s' is held by" % uuid in dock.refused(*device(uuid), IMAGE), "who holds it")
        process.ok("down", "--grace", "1")
        dock.has_forgotten(uuid)
        process.assert_no_servers()


def test_where_cdi_is_off_it_says_so_as_the_man_page_does(process):
    with Named(process, features={"cdi": False}) as dock:
        said = dock.refused(*device(dock.cut("1g.10gb")[0]), IMAGE)
        words = 'could not select device driver "cdi"'
        check(words in said, said)
        with open(stand.ROOT + "/docs/man/tranche-cdi.1.scd", encoding="utf-8") as f:
            check(words in re.sub(r"\s+", " ", f.read()), "the man page does not know:", words)


if __name__ == "__main__":
    try:
        dockerd.need_root()
        take_programs()
        dockerd.apart()
    except stand.Skip as why:
        print("1..0 # SKIP %s" % why)
        sys.exit(0)
    stand.main()
