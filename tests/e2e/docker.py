#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docker on a virtual node: the guide's own commands with our hook, tranche's runtime, errors."""
import json
import os
import shutil
import sys
import urllib.request

import dockerd
import stand
from stand import check, equal, seen, wait_for

IMAGE = "vllm/vllm-openai:latest"
MIB = 1 << 20


class Dock:
    """A stand with a daemon whose PATH begins with our hook."""

    def __init__(self, s, *options):
        dockerd.need()
        self.s = s.node()
        s.ok("mig", "on")
        self.hook_dir = s.dir + "/hook"
        self.hook = s.ok("virtual", "install-hook", self.hook_dir).out.strip()
        equal(self.hook, self.hook_dir + "/nvidia-container-runtime-hook", "install-hook")
        self.d = dockerd.Daemon(s.dir, self.hook_dir, options=options)
        s.env.update(DOCKER_HOST=self.d.host)

    def __enter__(self):
        try:
            self.d.image(IMAGE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        ids = self.d.ok("ps", "-aq").split()
        if ids:
            self.d.ok("rm", "-f", *ids)
        left = self.d.close()
        check(not left, "the daemon left behind:", *left)

    def cut(self, *profiles):
        self.s.ok("create", *profiles)
        return [r["uuid"] for r in self.s.slices()]

    def group(self, name):
        """Where a container's limits are, and how to read one: {name: number}."""
        pid = self.d.ok("inspect", "-f", "{{.State.Pid}}", name)
        with open("/proc/%s/cgroup" % pid, encoding="utf-8") as f:
            lines = [line.strip().split(":", 2) for line in f]
        found = {}
        for _, names, path in lines:
            for controller in names.split(","):
                found[controller] = path
        if "memory" in found:
            cpu = next(c for c in ("/cpu", "/cpu,cpuacct") if os.path.isdir("/sys/fs/cgroup" + c))
            memory, cpu = "/sys/fs/cgroup/memory" + found["memory"], "/sys/fs/cgroup" + cpu + found["cpu"]
            names = {"memory": memory + "/memory.limit_in_bytes", "quota": cpu + "/cpu.cfs_quota_us"}
            if os.path.exists(memory + "/memory.memsw.limit_in_bytes"):
                names["swap"] = memory + "/memory.memsw.limit_in_bytes"
        else:
            group = "/sys/fs/cgroup" + found[""]
            names = {"memory": group + "/memory.max", "quota": group + "/cpu.max"}
        return {k: int(open(v, encoding="utf-8").read().split()[0]) for k, v in names.items()}

    def refused(self, *words):
        """`docker run` of these words fails; what it says."""
        r = self.d.docker("run", "-d", "--name", "refused", *words)
        check(r.returncode != 0, "docker run", *words, "was not refused")
        self.d.ok("rm", "-f", "refused")
        return r.stderr


def ask(port, path="/see", body=None):
    url = "http://127.0.0.1:%d%s" % (port, path)
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
        return answer.read().decode()


def is_up(port):
    try:
        return ask(port, "/health") == "ok"
    except OSError:
        return False


def guide_run(dock, uuid, name, port, *words):
    """The guide's line, as it stands there."""
    r = stand.run(
        "sh", "-c",
        'docker run -d --gpus "device=$SLICE0" --name %s -p %d:8000 %s --model Qwen/Qwen3-4B %s'
        % (name, port, IMAGE, " ".join(words)),
        env=dict(dock.d.env, SLICE0=uuid),
    )
    equal(r.returncode, 0, r.stderr + dock.d.log())
    wait_for(lambda: is_up(port), "an answer on port %d" % port)


def test_the_guides_command_gives_each_container_its_slice_alone(process):
    with Dock(process) as dock:
        uuids = dock.cut("2g.20gb", "2g.20gb")
        for i, uuid in enumerate(uuids):
            guide_run(dock, uuid, "model-slice-%d" % i, 8000 + i)
        totals = {r["uuid"]: r["memory_bytes"] for r in process.slices()}
        for i, uuid in enumerate(uuids):
            chat = json.dumps({"model": "Qwen/Qwen3-4B", "max_tokens": 50}).encode()
            equal(json.loads(ask(8000 + i, "/v1/chat/completions", chat))["model"], "Qwen/Qwen3-4B")
            what = seen(ask(8000 + i))
            equal(what["no"], [], "NVML")
            equal(len(what["gpu"]), 1, "cards")
            equal(what["mig"], ["%s %d" % (uuid, totals[uuid])], "slices seen on port %d" % (8000 + i))
            for name in ("nvidiactl", "nvidia-uvm", "nvidia0"):
                check("/dev/" + name in what["device"], name, what["device"])
            caps = [d for d in what["device"] if d.startswith("/dev/nvidia-caps/")]
            equal(len(caps), 2, "capability nodes")
        # The kernel holds each to its slice: 19968 MiB of the card's, and 28 of its 98 SMs.
        cores = os.cpu_count()
        for i in range(2):
            limits = dock.group("model-slice-%d" % i)
            equal(limits["memory"], 19968 * MIB // 64, "memory limit")
            equal(limits.get("swap", limits["memory"]), limits["memory"], "with swap")
            equal(limits["quota"], int(cores * 1000 * 28 / 98) * 100, "share of the processors")
        # tranche knows who is on them, and does not cut them away from under them.
        for r in process.slices():
            equal(len(r["processes"]), 1, "processes on " + r["uuid"])
        process.tranche("destroy", uuids[0]).fails(8, "in use")
        dock.d.ok("stop", "-t", "0", "model-slice-0", "model-slice-1")
        dock.d.ok("rm", "model-slice-0", "model-slice-1")
        process.ok("destroy", *uuids)


def test_a_container_that_eats_too_much_dies_alone(process):
    with Dock(process) as dock:
        uuids = dock.cut("1g.10gb", "1g.10gb")
        guide_run(dock, uuids[0], "eater", 8000, "--eat", "400")  # of 152 MiB
        guide_run(dock, uuids[1], "other", 8001)
        try:
            ask(8000, "/eat")
        except OSError:
            pass
        wait_for(lambda: dock.d.ok("inspect", "-f", "{{.State.Running}}", "eater") == "false", "its end")
        equal(dock.d.ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "eater"), "true 137")
        equal(ask(8001, "/health"), "ok")
        # Its slice is free again as soon as it has ended.
        guide_run(dock, uuids[0], "next", 8002)


def test_limits_of_the_command_line_stay_where_they_are_lower(process):
    with Dock(process) as dock:
        uuids = dock.cut("2g.20gb", "2g.20gb")
        dock.d.ok("run", "-d", "--gpus", "device=" + uuids[0], "--name", "low", "-m", "64m", "--cpus", "0.1",
                  IMAGE, "--model", "x")
        dock.d.ok("run", "-d", "--gpus", "device=" + uuids[1], "--name", "high", "-m", "4g", IMAGE)
        low, high = dock.group("low"), dock.group("high")
        equal((low["memory"], low["quota"]), (64 * MIB, 10000), "lower limits")
        equal(high["memory"], 19968 * MIB // 64, "a higher limit")
        equal(high.get("swap", high["memory"]), high["memory"], "with swap")


def test_a_refused_container_is_told_why_and_what_next(process):
    with Dock(process) as dock:
        uuids = dock.cut("2g.20gb")
        unknown = "MIG-00000000-1111-2222-3333-444444444444"
        said = dock.refused("--gpus", "device=" + unknown, IMAGE)
        for words in ("no virtual node has a slice '%s'" % unknown, uuids[0], "try: tranche slices"):
            check(words in said, words, "is not in:", said)
        guide_run(dock, uuids[0], "holder", 8000)
        pid = dock.d.ok("inspect", "-f", "{{.State.Pid}}", "holder")
        said = dock.refused("--gpus", "device=" + uuids[0], IMAGE)
        for words in ("'%s' is held by pid %s (guest)" % (uuids[0], pid), "try: stop it"):
            check(words in said, words, "is not in:", said)
        equal(seen(ask(8000))["mig"][0].split()[0], uuids[0])  # the holder is none the worse
        for gpus, words in (
            ("device=0:7", "GPU 0 of virtual node '%s' has no slice number 7" % process.name),
            ("device=3", "has no GPU 3"),
        ):
            said = dock.refused("--gpus", gpus, IMAGE)
            check(words in said, words, "is not in:", said)
        # The refused ones hold nothing: the slice is free when its holder ends.
        dock.d.ok("rm", "-f", "holder")
        guide_run(dock, uuids[0], "next", 8001)
        dock.d.ok("rm", "-f", "next")
        process.ok("virtual", "destroy", process.name)
        said = dock.refused("--gpus", "all", IMAGE)
        for words in ("there is no virtual node in '%s'" % process.run_dir, "try: tranche virtual create"):
            check(words in said, words, "is not in:", said)
        # Who asks for nothing gets nothing, and runs.
        equal(dock.d.ok("run", "--rm", "-e", "NVIDIA_VISIBLE_DEVICES=void", IMAGE, "once").split(" ")[0], "no")


def test_indexes_all_and_watchers(process):
    with Dock(process) as dock:
        uuids = dock.cut("1g.10gb", "2g.20gb")
        once = ("--rm", IMAGE, "once")
        by_index = {}
        for i in range(2):
            out = seen(dock.d.ok("run", "--gpus", "device=0:%d" % i, *once))
            by_index[i] = [line.split()[0] for line in out["mig"]]
        equal(sorted(by_index[0] + by_index[1]), sorted(uuids), "slices by index")
        for gpus in ("all", "device=0", '"device=%s"' % ",".join(uuids)):
            out = seen(dock.d.ok("run", "--gpus", gpus, *once))
            equal(sorted(line.split()[0] for line in out["mig"]), sorted(uuids), gpus)
        # Two slices are the sum of their limits.
        dock.d.ok("run", "-d", "--gpus", "all", "--name", "both", IMAGE)
        equal(dock.group("both")["memory"], (9728 + 19968) * MIB // 64, "memory of both")
        # A container that only watches may look on, and holds nothing.
        out = seen(dock.d.ok("run", "--gpus", "all,capabilities=utility", *once))
        equal(len(out["mig"]), 2, "seen by a watcher")
        said = dock.refused("--gpus", "all", IMAGE)
        check("is held by" in said, said)


def test_links_in_an_image_lead_nowhere_else(process):
    with Dock(process) as dock:
        uuids = dock.cut("1g.10gb")
        bait = process.dir + "/bait"
        os.mkdir(bait)
        up = "../" * 12
        dock.d.image("bad", (up + bait[1:], "/run"), (bait + "/x", "/usr/lib64/libnvidia-ml.so.1"),
                     folder=bait)
        out = seen(dock.d.ok("run", "--rm", "--gpus", "device=" + uuids[0], "bad", "once"))
        equal([line.split()[0] for line in out["mig"]], uuids, "slices")
        equal(os.listdir(bait), [], "what came into the host's folder")
        # One that leads to nothing at all is said, and holds nothing.
        dock.d.image("worse", (up + "nowhere", "/run"))
        said = dock.refused("--gpus", "device=" + uuids[0], "worse", "once")
        check("tranche: mount '/run/tranche-guest/state' in the container: " in said, said)
        dock.d.ok("run", "--rm", "--gpus", "device=" + uuids[0], IMAGE, "once")


def test_tranche_runs_models_by_docker_without_the_hook(process):
    with Dock(process) as dock:
        dock.s.env["PATH"] = os.environ["PATH"]
        server = process.dir + "/img"
        os.mkdir(server)
        shutil.copy(stand.SERVER, server + "/server")
        stand.run("tar", "-C", server, "-cf", server + ".tar", "server", check=True)
        dock.d.ok("import", "--change", 'ENTRYPOINT ["/server"]', server + ".tar", "localhost/e2e-server")
        process.file("version: 1\nname: lab\nmodels:\n  m:\n    engine: command\n    slice: 1g.10gb\n"
                     "    replicas: 2\n    image: localhost/e2e-server\n    args: ['${PORT}']\n")
        found = [c for c in process.json("doctor")["checks"] if c["what"] == "docker --gpus"]
        check(dock.hook in [c["text"].split()[-1] for c in found if c["verdict"] == "ok"], found)
        plan = process.ok("up", "--runtime", "docker", "--dry-run").out
        check("docker run -d" in plan and "--gpus" not in plan, plan)
        # Where there is no podman it is the first that can be used.
        os.symlink(shutil.which("docker"), process.dir + "/bin/docker")
        few = dict(process.env, PATH=process.dir + "/bin")
        check("docker run -d" in process.tranche("up", "--dry-run", env=few).out, "not the first")
        process.ok("up", "--runtime", "docker")
        rows = process.models()
        equal(sorted((r["runtime"], r["state"], r["limits_enforced"]) for r in rows.values()),
              [("docker", "ready", True)] * 2, "ps")
        for r in rows.values():
            equal(dock.group(r["server"])["memory"], 9728 * MIB // 64, "memory limit")
            equal(stand.get(r["port"], "env=NVIDIA_VISIBLE_DEVICES"), r["slice"]["uuid"])
        # What tranche's own servers hold, the hook refuses to others.
        said = dock.refused("--gpus", "device=" + rows["m-0"]["slice"]["uuid"], IMAGE)
        check("is held by" in said, said)
        process.ok("down", "--grace", "1")
        equal(dock.d.ok("ps", "-aq"), "", "containers after down")
        process.assert_no_servers()


def test_an_image_that_asks_for_a_newer_driver_is_refused(process):
    """By the hook, as the vendor's does; by tranche, before anything is cut."""
    with Dock(process) as dock:
        dock.s.env["PATH"] = os.environ["PATH"]
        uuids = dock.cut("1g.10gb")
        with open(process.dir + "/Dockerfile", "w", encoding="utf-8") as f:
            f.write("FROM %s\nENV NVIDIA_REQUIRE_CUDA=cuda>=99.0\n" % IMAGE)
        dock.d.ok("build", "-q", "-t", "newer", "-f", process.dir + "/Dockerfile", process.work)
        said = dock.refused("--gpus", "device=" + uuids[0], "newer", "once")
        for words in ("tranche: the container's image: it needs cuda>=99.0, and driver 580.159.04 has CUDA 13.0",
                      "try: an image for CUDA 13.0 or older"):
            check(words in said, words, "is not in:", said)
        # Nothing is held by one that was refused; the vendor's switch turns the question off.
        out = dock.d.ok("run", "--rm", "--gpus", "device=" + uuids[0], "-e", "NVIDIA_DISABLE_REQUIRE=1", "newer", "once")
        equal([line.split()[0] for line in seen(out)["mig"]], uuids)
        r = process.tranche("run", "--runtime", "docker", "--image", "newer", "2g.20gb", "--", "once")
        r.fails(10, "image 'newer': it needs cuda>=99.0", "try: an image for CUDA 13.0")
        equal(len(process.slices()), 1, "slices")


def test_a_job_runs_on_dockers_daemon(process):
    with Dock(process) as dock:
        dock.s.env["PATH"] = os.environ["PATH"]
        process.env["LAB_HERE"] = "here"
        os.mkdir(process.work + "/data")
        how = ("run", "--runtime", "docker", "--image", IMAGE, "--json")
        r = process.ok(*how, "18G", "--", "once")
        got, end = seen(r.out), json.loads(r.err.splitlines()[-1])
        uuid = end["slice"]["uuid"]
        equal([line.split()[0] for line in got["mig"]], [uuid], "slices that it sees")
        equal(len([d for d in got["device"] if d.startswith("/dev/nvidia-caps/")]), 2, "capability nodes")
        equal((end["runtime"], end["status"], end["slice"]["profile"], end["limits_enforced"]),
              ("docker", 0, "1g.20gb", True), "how it ended")
        # Its own exit status; variables and folders are its own.
        shell = process.dir + "/shell"
        dockerd.make_shell(shell)
        stand.run("tar", "-C", shell, "-cf", shell + ".tar", ".", check=True)
        dock.d.ok("import", shell + ".tar", "localhost/shell")
        script = 'echo $LAB_A,$LAB_HERE,$LAB_FILE; echo wrote >/data/out; echo x 2>/dev/null >/fixed/out || exit 7'
        process.file("LAB_FILE=of a file\n", "lab.env")
        r = process.tranche("run", "-q", "--runtime", "docker", "--image", "localhost/shell", "-v", "data:/data", "-v", "data:/fixed:ro",
                            "-e", "LAB_A=a b", "-e", "LAB_HERE", "--env-file", "lab.env", "1g.10gb", "--", "/bin/sh", "-c", script)
        equal((r.status, r.out, r.err), (7, "a b,here,of a file\n", ""), r)
        with open(process.work + "/data/out", encoding="utf-8") as f:
            equal(f.read(), "wrote\n")
        # Out of its slice's memory: 152 MiB here.
        r = process.tranche("run", "-q", "--runtime", "docker", "--image", "localhost/shell", "1g.10gb", "--",
                            "/bin/sh", "-c", 'a=x; while :; do a=$a$a; done')
        equal(r.status, 137, r)
        r.says("the job ran out of memory: its slice 1g.10gb has 9728 MiB")
        # Killed from outside, its container stays until the next command, and goes then.
        job = process.start("run", "--runtime", "docker", "--image", IMAGE, "1g.10gb", "--", "--model", "m")
        job.wait_word("starting")
        wait_for(lambda: dock.d.ok("ps", "-q"), "its container")
        job.send(9)
        job.end()
        equal(len(process.slices()), 1, "its slice")
        process.ok("run", "-q", "--runtime", "docker", "--image", "localhost/shell", "1g.10gb", "--", "/bin/sh", "-c", ":")
        equal((process.slices(), process.rows(), dock.d.ok("ps", "-aq")), ([], [], ""), "what is left")
        process.tranche("run", "--runtime", "docker", "--image", "localhost/nosuch", "1g.10gb").fails(
            3, "there is no image 'localhost/nosuch'", "docker build -t localhost/nosuch")
        process.tranche("run", "--runtime", "docker", "--image", "localhost/shell", "1g.10gb").fails(
            2, "image 'localhost/shell' names no program to start", "tranche run ... -- PROGRAM")
        process.assert_no_servers()


def test_the_hook_is_not_put_where_it_would_harm(process):
    process.node()
    process.tranche("virtual", "install-hook", "/usr/bin").fails(2, "system's programs", "try: ")
    process.tranche("virtual", "install-hook", "/bin").fails(2, "system's programs")
    vendor = process.dir + "/vendor"
    os.mkdir(vendor)
    path = vendor + "/nvidia-container-runtime-hook"
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n")
    os.chmod(path, 0o755)
    process.tranche("virtual", "install-hook", vendor).fails(9, "'%s' is the vendor's" % path)
    env = dict(process.env, PATH=vendor + ":" + process.env["PATH"])
    process.tranche("virtual", "install-hook", process.dir + "/ours", env=env).fails(9, "the vendor's")
    check(not os.path.exists(process.dir + "/ours"), "a folder was left")
    # Over one of ours it is fine: that is how it is brought up to date.
    for _ in range(2):
        process.ok("virtual", "install-hook", process.dir + "/ours")
    equal(os.readlink(process.dir + "/ours/.tranche-run"), process.run_dir, "where the nodes are")


if __name__ == "__main__":
    try:
        dockerd.need()
        dockerd.apart()
    except stand.Skip as why:
        print("1..0 # SKIP %s" % why)
        sys.exit(0)
    stand.main()
