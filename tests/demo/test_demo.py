# SPDX-License-Identifier: Apache-2.0
"""Whole runs of demo/demo.py. Each has a node and folders of its own; each looks for what is left."""
import os
import re
import shutil
import signal
import subprocess
import sys

import tap

HAS_CONTAINERS = os.geteuid() == 0 and shutil.which("podman") is not None
LAST = re.compile(r"^demo: every step held \(8 steps, \d+ s\)$")


def start(folder, name, runtime):
    env = dict(
        os.environ,
        TRANCHE_DEMO_NAME="%s-%d" % (name, os.getpid()),
        TRANCHE_RUN_DIR=folder + "/run",
        TRANCHE_STATE_DIR=folder + "/state",
        RUNTIME=runtime,
    )
    return subprocess.Popen(
        [sys.executable, tap.ROOT + "/demo/demo.py"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(p):
    out = p.communicate()[0]
    assert p.returncode == 0 and LAST.match(out.splitlines()[-1]), out
    return out


def runtime():
    return "podman" if HAS_CONTAINERS else "process"


def test_every_step_holds(folder):
    out = finish(start(folder, "whole", runtime()))
    assert out.count("held,") == 8
    assert len(re.findall(r"tokens for \d+ in", out)) == 2


def test_every_step_holds_without_containers(folder):
    assert "--runtime process" in finish(start(folder, "plain", "process"))


def test_two_at_the_same_time_do_not_meet(folder):
    both = [start(folder, name, runtime()) for name in ("left", "right")]
    texts = [p.communicate()[0] for p in both]
    for p, text in zip(both, texts):
        assert p.returncode == 0 and LAST.match(text.splitlines()[-1]), text


def test_interrupted_it_takes_everything_down(folder):
    sys.path.insert(0, tap.ROOT + "/demo")
    import leftovers

    name = "stopped-%d" % os.getpid()
    traces = leftovers.Traces(name, [folder])
    p = start(folder, "stopped", runtime())
    text = ""
    for line in p.stdout:
        text += line
        if "starting" in line:
            p.send_signal(signal.SIGINT)
            break
    text += p.communicate()[0]
    assert p.returncode == 1, text
    assert re.match(r"^demo: FAILED: step \d: interrupted$", text.splitlines()[-1]), text
    assert traces.find() == [], traces.find()


def test_an_unknown_runtime_is_refused(folder):
    p = start(folder, "odd", "docker")
    text = p.communicate()[0]
    assert p.returncode == 1 and "RUNTIME is podman or process, not 'docker'" in text, text


tap.main()
