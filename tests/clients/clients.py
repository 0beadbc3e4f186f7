#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real NVML programs, unmodified, on a virtual node: clients.py CLIENT

Each runs as Debian ships it (fetch.py), finds the node's library as it would find the vendor's, and
must show what is there. The driver counts the calls by process: a program that never opened the
library fails. 77: the program cannot be had here. TRANCHE and BUILD come from the build.
"""
import fcntl
import glob
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import fetch

TRANCHE, BUILD = os.environ["TRANCHE"], os.environ["BUILD"]
SKIPPED = 77
CARD, CARD_1 = "A100-SXM4-80GB", "H100 80GB HBM3"


class Node:
    """A node of its own: an A100 with three slices, and an H100 that is whole."""

    def __init__(self):
        self.room = tempfile.mkdtemp(prefix="tranche-clients-")
        self.env = dict(os.environ, TRANCHE_RUN_DIR=f"{self.room}/run", HOME=self.room,
                        TRANCHE_STATE_DIR=f"{self.room}/state", LC_ALL="C.UTF-8")
        self.env.pop("LD_LIBRARY_PATH", None)
        self.tranche("virtual", "create", "--name", "clients", "a100-80gb", "h100-sxm5-80gb")
        self.driver = json.loads(self.tranche("virtual", "list", "--json"))["nodes"][0][
            "library_dir"]

    def tranche(self, *args):
        done = subprocess.run([TRANCHE, *args], env=self.env, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, f"tranche {' '.join(args)}: {done.stderr}"
        return done.stdout

    def cut(self):
        self.tranche("mig", "on", "-i", "0")
        self.tranche("create", "-i", "0", "2g.20gb", "1g.10gb", "1g.10gb")

    def calls(self, pid):
        """{function: how often} of one process."""
        rows = json.loads(self.tranche("virtual", "trace", "--json"))["calls"]
        return {row["function"]: row["n_calls"] for row in rows if row["pid"] == pid}

    def close(self):
        self.tranche("virtual", "destroy", "--force", "clients")
        shutil.rmtree(self.room)


def run(node, argv, **env):
    """Runs a program to its end; its output and its calls."""
    node.tranche("virtual", "trace", "on")
    child = subprocess.Popen(argv, env=dict(node.env, **env), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                             cwd=node.room)
    try:
        output, _ = child.communicate(timeout=120)
    finally:
        child.kill()
    node.tranche("virtual", "trace", "off")
    assert child.returncode == 0, f"{argv[-1]}: exit status {child.returncode}: {output}"
    return output, node.calls(child.pid)


def run_on_screen(node, argv, words, **env):
    """Runs a program on a terminal of its own until it has shown all words, then ends it."""
    node.tranche("virtual", "trace", "on")
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(node.room)
        os.execve(argv[0], argv, dict(node.env, TERM="xterm-256color", **env))
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    os.kill(pid, signal.SIGWINCH)
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end and not all(word.encode() in shown for word in words):
        if select.select([screen], [], [], 0.2)[0]:
            try:
                shown += os.read(screen, 65536)
            except OSError:
                break
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(screen)
    node.tranche("virtual", "trace", "off")
    text = shown.decode(errors="replace")
    assert all(word in text for word in words), f"{words} not all in {text[-3000:]!r}"
    return text, node.calls(pid)


def wants(calls, *functions):
    missing = [name for name in functions if name not in calls]
    assert not missing, f"never called {missing}; called {calls}"


def python(tree, node, *args):
    home = f"{tree}/usr"
    version = os.path.basename(sorted(glob.glob(f"{home}/bin/python3.*[0-9]"))[0])
    return fetch.command(tree, node.driver, f"usr/bin/{version}", *args), {
        "PYTHONHOME": home, "PYTHONPATH": f"{home}/lib/python3/dist-packages"}


def test_nvtop_3_0(node):
    tree = fetch.fetch(BUILD, "bookworm", ["nvtop"])
    _, calls = run_on_screen(node, fetch.command(tree, node.driver, "usr/bin/nvtop"),
                             [CARD, CARD_1, "GPU", "MEM"])
    wants(calls, "nvmlInit_v2", "nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetMemoryInfo",
          "nvmlDeviceGetTemperature", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetUtilizationRates")


def test_nvtop_3_2(node):
    tree = fetch.fetch(BUILD, "trixie", ["nvtop"])
    node.cut()
    output, calls = run(node, fetch.command(tree, node.driver, "usr/bin/nvtop", "-s"))
    cards = json.loads(output)
    assert [CARD in cards[0]["device_name"], CARD_1 in cards[1]["device_name"]] == [True, True]
    assert cards[1]["power_draw"] == "70W" and cards[1]["temp"] == "33C", cards
    wants(calls, "nvmlDeviceGetMemoryInfo_v2")


def test_btop(node):
    tree = fetch.fetch(BUILD, "trixie", ["btop"])
    os.makedirs(f"{node.room}/.config/btop")
    with open(f"{node.room}/.config/btop/btop.conf", "w", encoding="utf-8") as file:
        file.write('shown_boxes = "gpu0 gpu1"\nupdate_ms = 500\n')
    _, calls = run_on_screen(node, fetch.command(tree, node.driver, "usr/bin/btop", "--utf-force"),
                             [CARD, CARD_1])
    wants(calls, "nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex")


def test_gpustat(node):
    tree = fetch.fetch(BUILD, "bookworm", ["gpustat"])
    argv, env = python(tree, node, f"{tree}/usr/bin/gpustat", "--json")
    output, calls = run(node, argv, **env)
    cards = json.loads(output)["gpus"]
    assert [card["name"] for card in cards] == [f"NVIDIA {CARD}", f"NVIDIA {CARD_1}"], cards
    assert cards[0]["memory.total"] == 81920 and cards[0]["enforced.power.limit"] == 400, cards
    assert cards[1]["utilization.gpu"] == 0 and cards[1]["temperature.gpu"] == 33, cards
    wants(calls, "nvmlDeviceGetUtilizationRates")


def test_nvitop(node):
    tree = fetch.fetch(BUILD, "trixie", ["nvitop"])
    node.cut()
    argv, env = python(tree, node, "-m", "nvitop", "--once", "--no-unicode")
    output, calls = run(node, argv, **env)
    for words in (CARD, CARD_1, "2g.20gb @ GI/CI", "1g.10gb @ GI/CI", "580.159.04", "70W / 700W"):
        assert words in output, f"{words!r} is not in {output}"
    wants(calls, "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetBAR1MemoryInfo")


def test_pynvml(node):
    tree = fetch.fetch(BUILD, "bookworm", ["python3-pynvml"])
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pynvml_mig.py")
    argv, env = python(tree, node, script)
    output, calls = run(node, argv, **env)
    assert output.splitlines()[-1] == "all done", output
    wants(calls, "nvmlDeviceCreateGpuInstance", "nvmlGpuInstanceDestroy",
          "nvmlGpuInstanceCreateComputeInstance", "nvmlComputeInstanceDestroy")


def test_hwloc(node):
    tree = fetch.fetch(BUILD, "bookworm", ["hwloc-nox", "libhwloc-contrib-plugins"])
    argv = fetch.command(tree, node.driver, "usr/bin/lstopo-no-graphics", "--of", "console", "-v",
                         "--whole-io")
    output, calls = run(node, argv, HWLOC_PLUGINS_PATH=glob.glob(f"{tree}/usr/lib/*/hwloc")[0])
    for words in ("nvml0", "nvml1", f"NVIDIA {CARD}", f"NVIDIA {CARD_1}", "NVIDIAUUID=GPU-"):
        assert words in output, f"{words!r} is not in {output}"
    wants(calls, "nvmlDeviceGetSerial", "nvmlDeviceGetUUID", "nvmlDeviceGetPciInfo_v3")


def test_slurm(node):
    if os.geteuid() != 0:
        raise fetch.Unreachable("needs root, to show it the driver's files")
    tree = fetch.fetch(BUILD, "trixie", ["slurmd", "slurm-wlm-nvml-plugin"])
    node.cut()
    host = os.uname().nodename
    with open(f"{node.room}/slurm.conf", "w", encoding="utf-8") as file:
        file.write(f"ClusterName=test\nSlurmctldHost={host}\nGresTypes=gpu\n"
                   f"PluginDir={glob.glob(f'{tree}/usr/lib/*/slurm-wlm')[0]}\n"
                   f"AuthType=auth/none\nCredType=cred/none\nSlurmUser=root\nSlurmdUser=root\n"
                   f"SlurmdSpoolDir={node.room}/spool\nSlurmdPidFile={node.room}/slurmd.pid\n"
                   f"SlurmdLogFile={node.room}/slurmd.log\nProctrackType=proctrack/linuxproc\n"
                   f"TaskPlugin=task/none\nNodeName={host} CPUs={os.cpu_count()} "
                   f"Gres=gpu:nvidia_a100_2g.20gb:1,gpu:nvidia_a100_1g.10gb:2,"
                   f"gpu:nvidia_h100_80gb_hbm3:1\n"
                   f"PartitionName=all Nodes={host}\n")
    with open(f"{node.room}/gres.conf", "w", encoding="utf-8") as file:
        file.write("AutoDetect=nvml\n")
    slurmd = fetch.command(tree, node.driver, "usr/sbin/slurmd-wlm", "-G", "-f",
                           f"{node.room}/slurm.conf", name="slurmd")
    output, calls = run(node, [TRANCHE, "virtual", "run", "--", *slurmd])
    for words in ("Type=nvidia_h100_80gb_hbm3 Count=1", "Type=nvidia_a100_2g.20gb Count=1",
                  "Type=nvidia_a100_1g.10gb Count=1",
                  "File=/dev/nvidia0,/dev/nvidia-caps/nvidia-cap84,/dev/nvidia-caps/nvidia-cap85"):
        assert words in output, f"{words!r} is not in {output}"
    wants(calls, "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetGpuInstanceId",
          "nvmlDeviceGetMinorNumber", "nvmlDeviceGetCpuAffinity")


TESTS = {name[5:].replace("_", "-"): test for name, test in globals().items()
         if name.startswith("test_")}


def main():
    name = sys.argv[1]
    print("1..1", flush=True)
    node = Node()
    try:
        TESTS[name](node)
    except fetch.Unreachable as reason:
        print(f"ok 1 - {name} # SKIP {' '.join(str(reason).split())[:200]}")
        return 0
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(f"not ok 1 - {name}\n# " + str(error).replace("\n", "\n# "))
        return 1
    finally:
        node.close()
    print(f"ok 1 - {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
