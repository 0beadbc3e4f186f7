#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole job, once, on a machine with no GPU: what `make demo` runs.

A virtual node with one A100 is made, two slices are cut, a real model server is started on each,
both are asked at the same time, all is taken down again, and then the machine is searched for
anything that was left behind. Each step is checked; the last line says whether every one held.

    RUNTIME=podman|process   what starts the servers (default: podman, else process)
    TRANCHE_DEMO_NAME=NAME   the virtual node's name (default: demo-PID)
    TRANCHE_BUILD=FOLDER     where the programs were built (default: build)
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import ask
import leftovers

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEMO = os.path.join(ROOT, "demo")
MODELS = os.path.join(ROOT, "build", "models")
ENGINE_BIN = os.path.join(ROOT, "build", "engine", "bin")
BUILD = os.path.abspath(os.environ.get("TRANCHE_BUILD") or os.path.join(ROOT, "build"))
NAME = os.environ.get("TRANCHE_DEMO_NAME") or "demo-%d" % os.getpid()
STACK = os.path.relpath(os.path.join(DEMO, "tranche.yaml"))
UPSTREAM_IMAGE = "ghcr.io/ggml-org/llama.cpp:server"
CARD, CARD_GIB = "a100-sxm4-80gb", 80
VOICES = ("chat", "coder")
QUESTION = "Hello!"
SEED = 147  # two answers of about the same length, and the same ones each time

BOLD, GREEN, RED, DIM, PLAIN = (
    ("\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    else ("",) * 5
)


class Failed(Exception):
    """A step did not hold."""


def check(holds, words):
    if not holds:
        raise Failed(words)


def out(text=""):
    for line in text.splitlines() or [""]:
        print("    " + line, flush=True)


class Steps:
    """The numbered steps that the reader sees."""

    def __init__(self):
        self.n, self.began = 0, time.monotonic()

    @contextlib.contextmanager
    def step(self, title):
        self.n += 1
        began = time.monotonic()
        print("\n%s%d. %s%s" % (BOLD, self.n, title, PLAIN), flush=True)
        yield
        out("%sheld, %.1f s%s" % (GREEN, time.monotonic() - began, PLAIN))

    def seconds(self):
        return time.monotonic() - self.began


# --- Running what a person would type ------------------------------------------------------------


def environment():
    env = dict(os.environ)
    path = [os.path.join(BUILD, "src", "cli"), ENGINE_BIN, env.get("PATH", os.defpath)]
    env["PATH"] = os.pathsep.join(path)
    env["TRANCHE_NODE"] = NAME
    return env


def tranche(*args, show=True):
    """Runs tranche and shows it as it goes; returns what it printed."""
    if show:
        print("    %s$ tranche %s%s" % (DIM, " ".join(args), PLAIN), flush=True)
    program = os.path.join(BUILD, "src", "cli", "tranche")
    p = subprocess.Popen(
        [program, *args],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if show else None,
        text=True,
        start_new_session=True,  # Ctrl-C comes to us alone, and is passed on below
    )
    lines = []
    try:
        for line in p.stdout:
            lines.append(line)
            if show:
                out(line.rstrip("\n"))
        p.wait()
    except BaseException:
        p.send_signal(signal.SIGINT)
        p.communicate()
        raise
    check(p.returncode == 0, "'tranche %s' ended with status %d" % (" ".join(args), p.returncode))
    return "".join(lines)


def tranche_json(*args):
    return json.loads(tranche(*args, "--json", show=False))


# --- What the demo needs -------------------------------------------------------------------------


def make_models():
    """build/models/NAME.gguf from voices/NAME.txt, unless it is there and no older."""
    os.makedirs(MODELS, exist_ok=True)
    maker = os.path.join(DEMO, "mkgguf.py")
    for voice in VOICES:
        text = os.path.join(DEMO, "voices", voice + ".txt")
        model = os.path.join(MODELS, voice + ".gguf")
        newest = max(os.path.getmtime(maker), os.path.getmtime(text))
        if not os.path.exists(model) or os.path.getmtime(model) < newest:
            subprocess.run([sys.executable, maker, text, model], check=True)


def make_engine(what):
    """demo/image.sh image|rootfs; False when it could not (it has said why)."""
    return subprocess.run([os.path.join(DEMO, "image.sh"), what]).returncode == 0


def with_image(image):
    """The stack file again, with an image of its own for each model."""
    copy = os.path.join(MODELS, NAME + ".yaml")
    with open(STACK, encoding="utf-8") as f:
        text = f.read().replace("../build/models/", "")
    with open(copy, "w", encoding="utf-8") as f:
        f.write(re.sub(r"^( *)engine: .*$", r"\g<0>\n\1image: " + image, text, flags=re.M))
    return copy


def choose():
    """(runtime, stack file, what to say about it)."""
    wanted = os.environ.get("RUNTIME") or ""
    check(wanted in ("", "podman", "process"), "RUNTIME is podman or process, not '%s'" % wanted)
    if wanted != "process":
        if not shutil.which("podman"):
            why = "podman is not installed"
        elif os.geteuid() != 0:
            why = "containers with limits need root"
        elif make_engine("image"):
            return "podman", STACK, "each server in a container, made by podman"
        elif wanted == "podman" or not shutil.which("llama-server"):
            note = "the image could not be made here; podman pulls %s" % UPSTREAM_IMAGE
            return "podman", with_image(UPSTREAM_IMAGE), note
        else:
            why = "the image could not be made, and there is a llama-server on PATH"
        check(wanted != "podman", "RUNTIME=podman, but %s" % why)
        out("no containers here: %s" % why)
    has_engine = make_engine("rootfs") or shutil.which("llama-server")
    check(has_engine, "there is no llama-server, and none could be had from Debian sid")
    return "process", STACK, "each server a plain process"


def scale():
    """By how much limits are divided, so that a whole card fits into this machine."""
    with open("/proc/meminfo", encoding="utf-8") as f:
        gib = int(f.readline().split()[1]) / 1048576
    n = 1
    while CARD_GIB / n > gib:
        n *= 2
    return n


# --- Looking at what runs ------------------------------------------------------------------------


def replicas():
    rows = tranche_json("ps")["models"]
    return sorted(rows, key=lambda r: r["model"])


def cgroup_of(pid):
    """The memory hierarchy's folder of a process, in version 1 or 2."""
    with open("/proc/%d/cgroup" % pid, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split(":", 2) for line in f]
    for _, controllers, path in rows:
        if "memory" in controllers.split(","):
            return leftovers.CGROUPS + "/memory" + path
    for number, _, path in rows:
        if number == "0":
            return leftovers.CGROUPS + path
    raise Failed("process %d is in no memory cgroup" % pid)


def cgroup_bytes(pid):
    """Memory that is the cgroup's own: anonymous and shared, not the page cache."""
    numbers = {}
    with open(cgroup_of(pid) + "/memory.stat", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(" ")
            numbers[key] = int(value)
    if "total_rss" in numbers:
        return numbers["total_rss"] + numbers["total_shmem"]
    return numbers["anon"] + numbers["shmem"]


def memory_agrees(by):
    """Each slice's memory as tranche says and as the kernel does. A server that is at work may
    change it between the two looks, so look again."""
    for _ in range(20):
        rows = replicas()
        kernel = {r["model"]: cgroup_bytes(r["pid"]) * by for r in rows}
        shown = {r["model"]: r["slice"]["memory_used_bytes"] for r in rows}
        if shown == kernel:
            return shown
        time.sleep(0.1)
    raise Failed("tranche says %s, the cgroups say %s" % (shown, kernel))


# --- The steps -----------------------------------------------------------------------------------


def check_up(rows, runtime):
    check([r["model"] for r in rows] == sorted(VOICES), "not both models are there: %s" % rows)
    for r in rows:
        check(r["state"] == "ready", "'%s' is %s" % (r["model"], r["state"]))
        check(r["runtime"] == runtime, "'%s' runs by %s" % (r["model"], r["runtime"]))
    check(len({r["slice"]["uuid"] for r in rows}) == 2, "both models are on one slice")


def check_answers(answers):
    for a in answers:
        check(not a.error, "'%s' did not answer: %s" % (a.model, a.error))
        check(a.text and a.tokens > 0 and a.prompt_tokens > 0, "'%s' said nothing" % a.model)
        check(a.fingerprint, "'%s' has no fingerprint of llama-server's" % a.model)
    check(answers[0].text != answers[1].text, "both gave the same answer")
    seconds, share = ask.overlap(answers)
    out("answered at the same time for %.3f s, %.0f %% of the shorter one" % (seconds, share * 100))
    check(share >= 0.5, "the two were not answered at the same time")


def bring_up(steps, runtime, stack, by, traces):
    with steps.step("A virtual node with one A100-SXM4-80GB"):
        more = ["--scale", str(by)] if by > 1 else []
        tranche("virtual", "create", CARD, "--name", NAME, *more)
        tranche("gpus")
    with steps.step("MIG on"):
        tranche("mig", "on")
    with steps.step("Two slices, a model server on each"):
        more = ["--runtime", runtime] if runtime != "podman" else []
        tranche("up", "-f", stack, *more)
        rows = replicas()
        for r in rows:
            traces.note_server(r["server"], r["pid"])
        check_up(rows, runtime)
        check(len(traces.processes) > 1, "the servers' processes are not to be seen")


def use(steps, by):
    with steps.step('"%s" to both at the same time' % QUESTION):
        servers = [(r["model"], r["port"]) for r in replicas()]
        answers = ask.ask_all(QUESTION, servers, seed=SEED)
        ask.show(answers, out)
        check_answers(answers)
    with steps.step("Memory of each slice, as tranche and as the kernel have it"):
        tranche("ps")
        if not any(r["limits_enforced"] for r in replicas()):
            known = [r["model"] for r in replicas() if "memory_used_bytes" in r["slice"]]
            check(not known, "servers with no cgroup of their own, yet memory of %s" % known)
            out("no cgroups without root: no limits, and memory that nobody counts is shown as '-'")
            return
        shown = memory_agrees(by)
        for model, used in sorted(shown.items()):
            words = " (cgroup: %d bytes, times %d)" % (used // by, by) if by > 1 else ""
            out("%-8s %d bytes%s" % (model, used, words))


def take_down(steps, traces):
    with steps.step("Everything down"):
        tranche("down", "demo")
        slices = tranche_json("slices")["slices"]
        check(not slices, "slices are left: %s" % slices)
        tranche("virtual", "destroy", NAME)
    with steps.step("Nothing left behind"):
        check_leftovers(traces)
        out("no container, process, zombie, mount, cgroup, file or firewall rule of %s" % NAME)


def check_leftovers(traces):
    for _ in range(50):  # the system's first process reaps when it finds the time
        found = traces.find()
        if not found:
            return
        time.sleep(0.1)
    raise Failed("left behind: " + "; ".join(found))


def state_folders():
    """Where tranche keeps things: as its own rules say (src/base/paths.h)."""
    root, env = os.geteuid() == 0, os.environ.get
    run = env("TRANCHE_RUN_DIR") or (
        "/run/tranche"
        if root
        else env("XDG_RUNTIME_DIR", "") + "/tranche"
        if env("XDG_RUNTIME_DIR")
        else "/tmp/tranche-%d" % os.geteuid()
    )
    state = env("TRANCHE_STATE_DIR") or (
        "/var/lib/tranche"
        if root
        else (env("XDG_STATE_HOME") or env("HOME", "") + "/.local/state") + "/tranche"
    )
    return [run, state, MODELS]


def demo(steps, traces):
    with steps.step("An engine and two models"):
        runtime, stack, note = choose()
        make_models()
        out(note)
    by = scale()
    bring_up(steps, runtime, stack, by, traces)
    use(steps, by)
    if stack != STACK:
        os.unlink(stack)
    take_down(steps, traces)


def clean_up():
    """After a failure or Ctrl-C: whatever was begun goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(MODELS, NAME + ".yaml"))
    nodes = [n["node"] for n in tranche_json("virtual", "list")["nodes"]]
    if NAME in nodes:
        print("\n%sTaking down what stands%s" % (BOLD, PLAIN), flush=True)
        tranche("virtual", "destroy", "--force", NAME)


def main():
    steps = Steps()
    traces = leftovers.Traces(NAME, state_folders())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        demo(steps, traces)
    except (Failed, KeyboardInterrupt, OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
        why = "interrupted" if isinstance(e, KeyboardInterrupt) else str(e) or repr(e)
        try:
            clean_up()
        except (Failed, OSError, ValueError, KeyError) as again:
            why += "; and taking it down failed: %s" % again
        print("\n%sdemo: FAILED: step %d: %s%s" % (RED, steps.n, why, PLAIN), flush=True)
        return 1
    print("\n%sdemo: every step held (%d steps, %.0f s)%s" % (GREEN, steps.n, steps.seconds(), PLAIN))
    return 0


if __name__ == "__main__":
    sys.exit(main())
