#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input, and what it gets: the cause, the holder, the next command; and nothing is begun."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile

import stand
from stand import Skip, check, equal, free_port, get, wait_for

PROFILES = "1g.10gb (19), 1g.10gb+me (20), 1g.20gb (15), 2g.20gb (14), 3g.40gb (9), 4g.40gb (5), 7g.80gb (0)"


def refused(place, status, *words, args=()):
    """`up` is refused with these words, and has not so much as turned MIG on."""
    before = state(place)
    r = place.tranche(*place.up_args(*args)).fails(status, *words)
    equal(state(place), before, str(r))
    equal(r.steps(), [], str(r))
    return r


def state(place):
    gpus = place.json("gpus")["gpus"]
    slices = [s["uuid"] for s in place.slices()]
    return [g.get("mig_on") for g in gpus], slices, place.rows(), place.folders(), place.containers(), place.pids()


# --- The file ---

SLIPS = [
    # a model's lines, line:column, what is said, what is allowed
    ("engin: command\n    slice: 1g.10gb", "5:5", "unknown key 'engin'", "did you mean 'engine'?", "allowed: model, engine"),
    ("engine: comand\n    slice: 1g.10gb", "5:13", "unknown engine 'comand'", "llama.cpp"),
    ("engine: command\n    slice: 1g.10gb\n    replicas: two", "7:15", "'two', no whole number", "from 1 to 64"),
    ("engine: command\n    slice: 1g.10gb\n    replicas: 65", "7:15", "65", "from 1 to 64"),
    ("engine: command\n    slice: 1g.10gb\n    port: 70000", "7:11", "70000", "65535"),
    ("engine: command\n    slice: {memory: 18}", "6:21", "no unit", "as 18G"),
    ("engine: command\n    slice: {memory: 18 GBit}", "6:21", "unknown unit", "as 18G"),
    ("engine: command\n    slice: {memory: [18G]}", "6:21", "memory", "allowed"),
    ("engine: command\n    slice: 1g.10gb\n    args: run", "7:11", "args", "list"),
    ("engine: command\n    slice: 1g.10gb\n    env: [NOVALUE]", "7:11", "no '='", "[NAME=value]"),
    ("engine: command\n    slice: 1g.10gb\n    args: ['${PROT}']", "7:12", "unknown '${PROT}'", "${PORT}"),
    ("engine: command\n    slice: 1g.10gb\n    env: {CUDA_VISIBLE_DEVICES: '0'}", "7:11", "CUDA_VISIBLE_DEVICES", "tranche"),
    ("engine: command\n    slice: 1g.10gb\n    image: [a", "8:1", "not closed", "']'"),
]


def test_a_slip_in_the_file_is_told_with_its_place(process):
    process.node()
    for lines, where, *words in SLIPS:
        process.file("version: 1\nname: lab\nmodels:\n  chat:\n    " + lines + "\n")
        try:
            refused(process, 2, "tranche.yaml:%s: " % where, *words)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (lines, e)) from e


def test_slips_around_the_models_are_told_with_their_place(process):
    process.node()
    model = process.model("a")
    for text, where, words in [
        ("version: 2\nmodels:\n" + model, "1:10", "version"),
        ("models:\n" + model, "1:1", "version"),
        ("version: 1\nname: No Name\nmodels:\n" + model, "2:7", "small letters"),
        ("version: 1\nname: lab\n", "1:1", "models"),
        ("version: 1\nname: lab\nmodels: {}\n", "3:9", "models"),
        ("version: 1\nname: lab\nprice: {per_gpu_month: 1}\nmodels:\n" + model, "3:1", "no 'currency' in price"),
        ("version: 1\nname: lab\ngateway: {listen: nowhere}\nmodels:\n" + model, "3:19", "PORT"),
        ("version: 1\nname: lab\nmodels:\n" + model + model, "8:3", "stands here twice"),
    ]:
        process.file(text)
        refused(process, 2, "tranche.yaml:%s: " % where, words)


def test_two_models_on_one_port_are_told_with_the_place(process):
    process.node()
    process.stack(process.model("a", port=20000, replicas=2), process.model("b", port=20001))
    refused(process, 2, "tranche.yaml:14:11: ports 20001", "of models.b", "of models.a")


def test_a_file_that_is_not_there(process):
    process.node()
    refused(process, 3, "'nosuch.yaml'", "  try: ", args=("-f", "nosuch.yaml"))
    refused(process, 3, "'tranche.yaml'", "  try: ", "-f FILE")


# --- The card ---


def test_a_profile_that_this_gpu_lacks_gets_the_list(process):
    process.node()
    process.stack(process.model("a", slice="2g.10gb"))
    refused(process, 2, "tranche.yaml:6:12: model 'a': ", "has no profile '2g.10gb'; it has " + PROFILES)
    process.stack(process.model("a", slice="13"))
    refused(process, 2, "'13'", PROFILES)
    process.stack(process.model("a", slice="{memory: 90G}"))
    refused(process, 2, "tranche.yaml:6:12: model 'a': ", "MiB; it has " + PROFILES)


def test_a_gpu_that_is_not_there(process):
    process.node()
    process.stack(process.model("a", gpu=3))
    refused(process, 2, "tranche.yaml:8:10: ", "there is no GPU 3", "tranche gpus")


def test_no_room_names_who_holds_it_and_what_would_fit(process):
    process.node()
    process.ok("mig", "on")
    process.ok("create", "2g.20gb:4")
    process.stack(process.model("m", slice="1g.10gb"), name="first", file="first.yaml")
    process.up("-f", "first.yaml")
    process.stack(process.model("big", slice="4g.40gb"), process.model("small", slice="2g.20gb"))
    refused(
        process,
        5,
        "no room for small-0; there is room for big-0; ",
        "2g.20gb at 0:4 (cut by 'tranche create')",
        "1g.10gb at 0:6 (stack 'first', model 'm')",
        "  try: tranche slices",
        "tranche down STACK",
    )
    equal([r["stack"] for r in process.json("ps")["models"]], ["first"])


def test_no_room_on_an_empty_card_names_what_would_fit(process):
    process.node()
    process.stack(process.model("a", slice="4g.40gb", replicas=2), process.model("b"))
    refused(process, 5, "no room for a-1; there is room for a-0, b-0; ", "holds nothing")


def test_no_whole_card_names_the_holders(process):
    process.node()
    process.stack(process.model("m"), name="first", file="first.yaml")
    process.up("-f", "first.yaml")
    process.stack(process.model("a", slice="whole"))
    refused(process, 5, "no whole card for a-0: GPU 0 is cut into 1g.10gb at 0:6 (stack 'first', model 'm')")


def test_a_card_with_a_client_is_not_switched_to_mig(process):
    process.node()
    process.stack(process.model("m", slice="whole"), name="first", file="first.yaml")
    process.up("-f", "first.yaml")
    pid = process.models()["m-0"]["pid"]
    process.stack(process.model("a"))
    refused(process, 8, "GPU 0 is held as a whole by stack 'first', model 'm'", "  try: tranche down first")
    process.tranche("mig", "on").fails(
        8, "GPU 0 is in use by pid %d (server), stack 'first', model 'm'" % pid, "  try: tranche down first"
    )
    process.stack(process.model("a", gpu=0))
    refused(process, 8, "stack 'first', model 'm'")
    equal(get(process.models()["m-0"]["port"]), "ok")


def test_a_card_that_a_model_names_and_another_holds(process):
    process.node(stand.CARD + ":2")
    process.stack(process.model("m", slice="whole", gpu=1), name="first", file="first.yaml")
    process.up("-f", "first.yaml")
    process.stack(process.model("a", gpu=1))
    refused(process, 8, "no room for a-0: GPU 1 is held as a whole by stack 'first', model 'm'", "tranche down first")
    process.stack(process.model("a"))
    process.up()
    equal(process.models("lab")["a-0"]["slice"]["gpu"], 0)


def test_a_geforce_cannot_be_sliced_and_cards_that_can_are_named(process):
    process.node("geforce-rtx-4090")
    process.stack(process.model("a"))
    refused(process, 10, "'NVIDIA GeForce RTX 4090' has no MIG", "A100", "H100")
    process.tranche("mig", "on").fails(10, "has no MIG", "A100")
    process.tranche("create", "1g.10gb").fails(10, "has no MIG", "A100")
    process.stack(process.model("a", slice="whole"))
    process.up()
    equal(process.models()["a-0"]["slice"]["kind"], "whole")


# --- Before anything is cut ---


def test_a_port_in_use_is_told_with_its_holder(process):
    process.node()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        process.stack(process.model("a"), process.model("b", port=port))
        refused(
            process,
            8,
            "model 'b': port %d of 127.0.0.1 is in use by process %d (" % (port, os.getpid()),
            "  try: name another port",
        )


def test_a_port_of_another_stack_is_in_use(process):
    process.node()
    port = free_port()
    process.stack(process.model("a", port=port), name="first", file="first.yaml")
    process.up("-f", "first.yaml")
    process.stack(process.model("a", port=port))
    refused(process, 8, "port %d of 127.0.0.1 is in use by process" % port)


def test_a_model_file_that_is_not_there(process):
    process.node()
    process.file("version: 1\nname: lab\nmodels:\n  a:\n    engine: llama.cpp\n    slice: 1g.10gb\n    model: ./nosuch.gguf\n")
    if not os.path.exists(stand.ENGINE_BIN + "/llama-server"):
        os.symlink("/bin/true", os.path.join(process.dir, "bin", "llama-server"))
    refused(process, 3, "tranche.yaml:7:12: model '", "nosuch.gguf': No such file", "  try: ")


def test_a_program_an_env_file_and_a_volume_that_are_not_there(process):
    process.node()
    process.file("version: 1\nname: lab\nmodels:\n  a:\n    engine: command\n    slice: 1g.10gb\n    args: [/no/such]\n")
    refused(process, 3, "model 'a': there is no program '/no/such'")
    process.stack(process.model("a", env_file="nosuch.env"))
    refused(process, 3, "tranche.yaml:8:15: env_file: ", "nosuch.env': No such file", "  try: ")
    process.stack(process.model("a", volumes="[./nosuch:/data]"))
    refused(process, 3, "volume '", "nosuch': No such file", "  try: ")


def test_an_image_that_is_not_there_in_containers(podman):
    podman.node()
    podman.image = "localhost/tranche-e2e/nosuch:1"
    podman.stack(podman.model("a"))
    refused(podman, 3, "model 'a': there is no image 'localhost/tranche-e2e/nosuch:1'", "podman build -t")


def test_an_image_that_cannot_be_pulled_in_containers(podman):
    podman.node()
    podman.image = "127.0.0.1:9/nosuch:1"  # nobody listens there
    podman.stack(podman.model("a"))
    r = podman.tranche(*podman.up_args()).fails(3, "pull image '127.0.0.1:9/nosuch:1'", "podman pull")
    equal([word for word, _ in r.steps()], ["pulling"], str(r))
    podman.ok("mig", "on")
    r = podman.tranche("run", "--runtime", "podman", "--image", podman.image, "1g.10gb").fails(3, "pull image")
    check(float(r.err.split("s  ")[0]) < 60, "when the pull began, since the run did:", r)
    podman.ok("mig", "off")
    equal(podman.slices(), [])
    equal(podman.json("gpus")["gpus"][0]["mig_on"], False)


def test_a_job_whose_image_cannot_be_pulled_counts_its_own_seconds(podman):
    podman.node().ok("mig", "on")
    r = podman.tranche("run", "--runtime", "podman", "1g.10gb", "--image", "127.0.0.1:9/nosuch:1", "--", "x")
    r.fails(3, "pull image '127.0.0.1:9/nosuch:1'", "podman pull")
    # Since it began, not since the machine did.
    check(re.search(r"^ *\d{1,2}\.\ds  pulling ", r.err, re.M), r)
    equal(podman.slices(), [])


# What is wrong with an image: how it is made, what is said.
MISFITS = {
    "far": (["--arch", "s390x"], [], 10, ["is for linux/s390x, and this machine is linux/", "podman build --arch "]),
    "musl": ([], ["lib/ld-musl-%s.so.1" % os.uname().machine], 10,
             ["is built on musl (Alpine)", "glibc", "an image built on Debian"]),
    "newer": (["--change", "ENV NVIDIA_REQUIRE_CUDA=cuda>=99.0"], [], 10,
              ["it needs cuda>=99.0, and driver 580.159.04 has CUDA 13.0", "an image for CUDA 13.0"]),
    "bare": (None, [], 2, ["has no entry point: '--port'", "engine: command, with the program first"]),
}


def make_image(name, switches, files):
    """The test server's image, with something amiss."""
    image = "localhost/tranche-misfit-%s:%d" % (name, os.getpid())
    entry = [] if switches is None else ["--change", 'ENTRYPOINT ["/server"]']
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as d:
        os.mkdir(d + "/root")
        shutil.copy(stand.SERVER, d + "/root/server")
        for path in files:
            os.makedirs(os.path.dirname("%s/root/%s" % (d, path)), exist_ok=True)
            shutil.copy(stand.SERVER, "%s/root/%s" % (d, path))
        stand.run("tar", "-C", d + "/root", "-cf", d + "/image.tar", ".", check=True)
        r = stand.run("podman", "import", *entry, *(switches or []), d + "/image.tar", image)
    equal(r.returncode, 0, r.stderr)
    return image


def test_an_image_without_what_a_slice_needs_in_containers(podman):
    podman.node()
    for name, (switches, files, status, words) in MISFITS.items():
        image = make_image(name, switches, files)
        try:
            podman.stack("  m:\n    engine: command\n    slice: 1g.10gb\n    image: %s\n"
                         "    args: ['--port', '${PORT}']\n" % image)
            refused(podman, status, "tranche.yaml:7:12: ", "model 'm': image '%s'" % image, *words)
            before = state(podman)
            job = ("run", "--runtime", "podman", "--image", image, "1g.10gb", "--", "--port", "1")
            podman.ok("mig", "on")
            podman.tranche(*job).fails(status, "image '%s'" % image, *words[:1])
            podman.ok("mig", "off")
            equal(state(podman), before, name)
        finally:
            stand.run("podman", "rmi", "-f", image)


FAKE_DOCKER = """#!/bin/sh
case "$1" in
--version) echo "Docker version 20.10.24, build x" ;;
context) echo unix:///nowhere ;;
*) echo "Cannot connect to the Docker daemon at unix:///nowhere. Is the docker daemon running?" >&2; exit 1 ;;
esac
"""


def test_docker_that_does_not_run_is_said(process):
    process.node()
    path = os.path.join(process.dir, "bin/docker")
    with open(path, "w", encoding="utf-8") as f:
        f.write(FAKE_DOCKER)
    os.chmod(path, 0o755)
    dead = "docker is installed, but its daemon does not run"
    # As asked: refused. For an image: nothing else starts one.
    process.stack(process.model("m"))
    process.tranche("up", "--runtime", "docker").fails(10, dead, "try: sudo ")
    process.ok("mig", "on")
    process.tranche("run", "--image", "x", "1g.10gb").fails(10, dead, "try: sudo ")
    equal((process.slices(), process.rows(), process.folders()), ([], [], []), "begun")
    # By itself: what can be used is, and nobody is left to guess why.
    r = process.ok("up")
    r.says(dead + ": plain processes in its place; to have it: sudo ")
    equal(process.models()["m-0"]["runtime"], "process")
    # From then on the stack is of that runtime, and there is nothing to say.
    check(dead not in process.ok("up").err, "said again")
    process.down()
    # A server that only a container can run.
    process.file("version: 1\nname: lab\nmodels:\n  m: {model: Qwen/Qwen3-4B, engine: vllm, slice: 2g.20gb}\n")
    process.tranche("up").fails(2, "engine 'vllm' cannot run as a plain process").says(dead)
    equal((process.slices(), process.rows(), process.folders()), ([], [], []), "begun")


def test_a_command_in_a_container_needs_an_image_in_containers(podman):
    podman.node()
    podman.file("version: 1\nname: lab\nmodels:\n  a:\n    engine: command\n    slice: 1g.10gb\n    args: [x]\n")
    refused(podman, 2, "tranche.yaml:4:3: model 'a': ", "image", "--runtime process")


# --- The machine ---


def test_no_driver_and_no_virtual_node_names_both_ways_out(process):
    if os.path.exists("/dev/nvidiactl"):
        raise Skip("this machine has a driver")
    process.stack(process.model("a"))
    process.tranche(*process.up_args()).fails(
        3, "no NVIDIA driver", "no virtual node", "install NVIDIA's driver", "tranche virtual create"
    )


def test_a_runtime_that_is_not_there(process):
    process.node()
    process.stack(process.model("a"))
    process.tranche("up", "--runtime", "docket").fails(2, "there is no runtime 'docket'; there are podman")
    process.tranche("up", "--runtime", "podman").fails(10, "podman is not installed", "apt-get install podman")


class Nobody:
    """The built program, as somebody without rights: installed where he can reach it, with folders
    of his own."""

    def __init__(self, place):
        if os.geteuid() != 0:
            raise Skip("needs root, to become somebody else")
        self.place, self.dir = place, os.path.join(place.dir, "nobody")
        bin_dir, libexec = self.dir + "/bin", self.dir + "/libexec/tranche"
        for d in (bin_dir, libexec, self.dir + "/run", self.dir + "/state", self.dir + "/files"):
            os.makedirs(d)
        shutil.copy(stand.TRANCHE, bin_dir)
        shutil.copy(os.path.join(stand.BUILD, "src/run/tranche-shim"), libexec)
        shutil.copy(os.path.join(stand.BUILD, "sim/libnvidia-ml.so.1"), libexec)
        subprocess.run(["chown", "-R", "nobody", self.dir], check=True)
        self.env = {"PATH": place.env["PATH"], "HOME": self.dir}
        self.env.update(TRANCHE_RUN_DIR=self.dir + "/run", TRANCHE_STATE_DIR=self.dir + "/state")

    def tranche(self, *args, **env):
        argv = [shutil.which("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups", self.dir + "/bin/tranche", *args]
        p = stand.run(*argv, env=dict(self.env, **env), cwd=self.dir + "/files", timeout=60)
        return stand.Result("(as nobody) " + " ".join(args), p.returncode, p.stdout, p.stderr)

    def ok(self, *args, **env):
        r = self.tranche(*args, **env)
        equal(r.status, 0, str(r))
        return r

    def file(self, text):
        with open(self.dir + "/files/tranche.yaml", "w", encoding="utf-8") as f:
            f.write(text)


def test_not_root_is_told_which_step_needs_it(process):
    """Root's own node, seen by somebody else: looking is free, changing is not."""
    process.node()
    nobody = Nobody(process)
    os.chmod(process.run_dir, 0o755)
    others = {"TRANCHE_RUN_DIR": process.run_dir, "TRANCHE_NODE": process.name}
    check("A100" in nobody.ok("gpus", **others).out, "gpus")
    nobody.file("version: 1\nname: lab\nmodels:\n" + process.model("a"))
    up = ("up", "--runtime", "process")
    for args in (("mig", "on"), ("create", "1g.10gb"), up):
        r = nobody.tranche(*args, **others)
        r.fails(4, "to turn MIG on or off, cut slices or run models on node '%s' needs root" % process.name)
        r.says("  try: the same command behind sudo", "tranche virtual create")
    r = nobody.ok(*up, "--dry-run", **others)
    check("nvidia-smi -i 0 -mig 1" in r.out, r)
    equal(process.slices(), [])


def test_without_root_a_node_of_ones_own_works_and_limits_are_not_enforced(process):
    nobody = Nobody(process)
    name = process.name + "-nobody"
    nobody.ok("virtual", "create", stand.CARD, "--name", name, "--scale", "64")
    try:
        nobody.file("version: 1\nname: lab\nmodels:\n" + process.model("a") + process.model("b"))
        r = nobody.ok("up", "--runtime", "process")
        check("lab/a-0" in r.out and "1g.10gb" in r.out, r)
        r = nobody.ok("ps")
        check("limits not enforced: lab/a-0, lab/b-0" in r.out, r)
        r = nobody.ok("logs", "a")
        check("listening on" in r.out, r)
        nobody.ok("down", "lab")
        equal(nobody.ok("slices").out.splitlines()[-1], "no slices")
    finally:
        nobody.ok("virtual", "destroy", "--force", "--grace", "1", name)


if __name__ == "__main__":
    stand.main()
