#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a neighbour does to a model server: on slices, and without.

    bench/isolation/isolation.py BUILD [--rounds N] [--seconds S] [--smoke]

Two llama-servers on two virtual slices (1g.10gb), and the same two containers once more with no
slices: no limits, all else the same. In each pair one is asked a short question again and again, and
how long it takes to answer is measured: with an idle neighbour, with one that is kept busy without a
pause, and beside a program that eats memory up to its slice's limit and beyond. The six cases take
turns, round by round, so that whatever else the machine does falls on all of them. Printed are the
medians over the rounds of each round's p50 and p99, and the rows for README.md and bench/RESULTS.md.

Half of the processors are the card: the servers and the eater run there and nowhere else, at a high
weight; the questions come from the other half, at a real-time priority where that is allowed. How late
its own clock wakes the asker is measured too. Needs root and podman; listens on loopback only. The
default, 6 rounds of 3 s, takes about 150 s; --smoke is one short round, to see that all works.
"""
import argparse
import contextlib
import gc
import glob
import http.client
import json
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "demo"))
import demo  # noqa: E402

SLICE = "1g.10gb"
SCALE = 64  # a slice is 152 MiB of this machine's memory
GREEDY_MIB = 456  # what the eater wants: three slices' worth
QUESTION_TOKENS, LOAD_TOKENS, LOADERS = 4, 64, 2
PAUSE_S = 0.045  # an asked server stays below its own share of the processors
SETTLE_S = 0.5
WEIGHT_V1, WEIGHT_V2 = "65536", "6400"  # 64 times the default
NEIGHBOURS = ("idle", "busy", "eater")
CPUS = sorted(os.sched_getaffinity(0))
CARD, REST = CPUS[len(CPUS) // 2 :], CPUS[: len(CPUS) // 2] or CPUS


def fail(words):
    sys.exit("isolation: " + words)


# --- Asking ----------------------------------------------------------------------------------------


def body(tokens):
    """The same work every time: as many tokens, whatever they say."""
    return json.dumps(
        {
            "messages": [{"role": "user", "content": "Hello!"}],
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
        }
    )


def ask(port, text):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        conn.request("POST", "/v1/chat/completions", text, {"Content-Type": "application/json"})
        reply = conn.getresponse()
        raw = reply.read()
    finally:
        conn.close()
    if reply.status != 200:
        raise OSError("HTTP %d: %s" % (reply.status, raw[:200].decode(errors="replace")))
    return raw


class Load:
    """Keeps a server busy: each thread asks again as soon as it has its answer."""

    def __init__(self, port):
        self.is_over, self.answers = False, 0
        self.threads = [threading.Thread(target=self._run, args=(port,)) for _ in range(LOADERS)]
        for t in self.threads:
            t.start()

    def _run(self, port):
        text = body(LOAD_TOKENS)
        while not self.is_over:
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(port, text)
                self.answers += 1

    def end(self):
        self.is_over = True
        for t in self.threads:
            t.join()
        return self.answers


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Asked:
    """The questions of one phase: milliseconds each took, and how late the asker's clock was."""

    def __init__(self, port, seconds):
        self.taken, self.late, self.failed = [], [], 0
        text = body(QUESTION_TOKENS)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            begin = time.monotonic()
            try:
                ask(port, text)
                self.taken.append((time.monotonic() - begin) * 1000)
            except (OSError, http.client.HTTPException):
                self.failed += 1
            begin = time.monotonic()
            time.sleep(PAUSE_S)
            self.late.append((time.monotonic() - begin - PAUSE_S) * 1000)


# --- The machine -----------------------------------------------------------------------------------


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(pid, cpus):
    for task in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cpus)


def be_prompt():
    """This process is the stopwatch: nothing that it measures may keep it waiting."""
    gc.disable()
    os.sched_setaffinity(0, REST)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def be_ordinary():
    """What is started from here runs on the card's processors; the priority stays behind anyway."""
    os.sched_setaffinity(0, CARD)


class Weight:
    """The weight of "/tranche", above all servers' groups: other work on the machine hardly counts
    while it stands. Put back at the end."""

    def __init__(self):
        self.before = {}
        for path, value in (("cpu/tranche/cpu.shares", WEIGHT_V1), ("tranche/cpu.weight", WEIGHT_V2)):
            path = os.path.join(demo.leftovers.CGROUPS, path)
            with contextlib.suppress(OSError):
                with open(path, encoding="utf-8") as f:
                    before = f.read()
                with open(path, "w", encoding="utf-8") as f:
                    f.write(value)
                self.before[path] = before

    def back(self):
        for path, value in self.before.items():
            with contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as f:
                f.write(value)


def groups_of(name):
    ours = "/tranche/" + name
    return glob.glob(demo.leftovers.CGROUPS + ours) + glob.glob(demo.leftovers.CGROUPS + "/*" + ours)


def drop_groups(name):
    """Once they are empty: conmon stays a moment longer than its container."""
    until = time.monotonic() + 5
    while groups_of(name) and time.monotonic() < until:
        for top in groups_of(name):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        time.sleep(0.05)


def free_ports(n):
    """Below those that the kernel gives out by itself, so that nobody gets one in between."""
    found = []
    for port in range(24000 + os.getpid() % 6000, 32000):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == n:
            return found
    fail("no free ports")


# --- The two pairs ---------------------------------------------------------------------------------


class Pair:
    """One asked server and its neighbour: a port and a process each."""

    def __init__(self, name):
        self.name, self.ports, self.pids = name, {}, {}
        self.phases = {n: [] for n in NEIGHBOURS}

    def settle_in(self):
        for pid in self.pids.values():
            pin(pid, CARD)
        for port in self.ports.values():
            ask(port, body(QUESTION_TOKENS))  # the prompt is in its cache from here on


class Bench:
    def __init__(self, build, room):
        self.tranche = os.path.join(build, "src/cli/tranche")
        self.eater = os.path.join(build, "bench/bench_eater")
        self.room, self.node = room, "isolation-%d" % os.getpid()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TRANCHE_")}
        self.env.update(
            TRANCHE_RUN_DIR=room + "/run", TRANCHE_STATE_DIR=room + "/var", TRANCHE_NODE=self.node
        )
        self.slices, self.bare = Pair("two slices"), Pair("no slices")
        self.containers, self.ports = [], free_ports(4)

    def run(self, *argv):
        p = subprocess.run(
            argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )
        if p.returncode != 0:
            fail("%s: exit status %d: %s" % (" ".join(argv[:6]), p.returncode, p.stderr.strip()))
        return p.stdout

    def stack_file(self):
        lines = ["version: 1", "name: lab", "models:"]
        for name, port in zip(("asked", "neighbour"), self.ports[:2]):
            lines += [
                "  %s:" % name,
                "    model: %s/chat.gguf" % demo.MODELS,
                "    engine: llama.cpp",
                "    slice: " + SLICE,
                "    port: %d" % port,
                '    args: [--ctx-size, "1024", --parallel, "%d", --threads, "%d", --load-mode, none]'
                % (LOADERS, len(CARD)),
            ]
        path = os.path.join(self.room, "tranche.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        return path

    def up(self):
        path = self.stack_file()
        self.run(self.tranche, "virtual", "create", "a100-80gb", "--name", self.node, "--scale", str(SCALE))
        plan = self.run(self.tranche, "up", "-f", path, "--runtime", "podman", "--dry-run")
        self.run(self.tranche, "up", "-f", path, "--runtime", "podman")
        for row in json.loads(self.run(self.tranche, "ps", "--json"))["models"]:
            self.slices.ports[row["model"]] = row["port"]
            self.slices.pids[row["model"]] = row["pid"]
            self.limit_mib = row["slice"]["memory_bytes"] // SCALE >> 20
        starts = [line for line in plan.splitlines() if line.startswith("podman ")]
        if len(starts) != 2 or "--cpus" in plan or "--memory-swap" in plan:
            fail("the plan is not as this knows it: " + plan)
        for name, port, line in zip(("asked", "neighbour"), self.ports[2:], starts):
            self.start_bare(name, port, shlex.split(line))
        for pair in (self.slices, self.bare):
            pair.settle_in()

    def start_bare(self, model, port, argv):
        """The line that --dry-run printed, with a name, a port and a group of its own, without the
        labels that tranche would know it by. It has no limits, since its slice was not there yet."""
        name = "tranche_%s_bare_%s" % (self.node, model)
        new, words = {"--name": name, "--cgroup-parent": "/tranche/" + name, "--port": str(port)}, iter(argv)
        bare = []
        for word in words:
            if word == "--label":
                next(words)
            elif word in new:
                bare += [word, new[word]]
                next(words)
            else:
                bare.append(word)
        self.containers.append(name)
        self.run(*bare)
        self.bare.ports[model] = port
        form = ["podman", "container", "inspect", "--format", "{{.State.Pid}}", name]
        self.bare.pids[model] = int(self.run(*form))
        self.wait_ready(port)

    def wait_ready(self, port):
        until = time.monotonic() + 30
        while True:
            try:
                return ask(port, body(1))
            except (OSError, http.client.HTTPException) as e:
                if time.monotonic() > until:
                    fail("the server on port %d did not answer in 30 s: %s" % (port, e))
            time.sleep(0.05)

    # --- Neighbours ---

    def join_bare_group(self):
        """A group beside the servers' own, with no limits."""
        be_ordinary()
        for parent in demo.leftovers.cgroup_parents():
            path = os.path.join(parent, self.node + "_bare_eater")
            os.makedirs(path, exist_ok=True)
            with contextlib.suppress(OSError), open(path + "/cgroup.procs", "w", encoding="utf-8") as f:
                f.write(str(os.getpid()))

    def start_eater(self, pair, seconds):
        argv, first = [self.eater, str(GREEDY_MIB), str(int(SETTLE_S + seconds + 1.5))], self.join_bare_group
        if pair is self.slices:
            argv, first = [self.tranche, "run", "-q", "--runtime", "process", SLICE, "--", *argv], be_ordinary
        return subprocess.Popen(
            argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=first, text=True, start_new_session=True,
        )

    def phase(self, pair, neighbour, seconds):
        """The questions of one phase, with the neighbour at work before the first one."""
        load = Load(pair.ports["neighbour"]) if neighbour == "busy" else None
        eater = self.start_eater(pair, seconds) if neighbour == "eater" else None
        try:
            time.sleep(SETTLE_S)
            used, begin = cpu_seconds(pair.pids["neighbour"]), time.monotonic()
            asked = Asked(pair.ports["asked"], seconds)
            used = cpu_seconds(pair.pids["neighbour"]) - used
            asked.neighbour_cpus = used / (time.monotonic() - begin)
        except BaseException:
            if eater:
                eater.terminate()
            raise
        finally:
            answers = load.end() if load else 0
            said, why = eater.communicate() if eater else ("", "")
        if load and not answers:
            fail("the busy neighbour never answered")
        if eater and eater.returncode != 0:
            fail("the eater ended with status %d: %s" % (eater.returncode, why.strip()))
        asked.eaten = json.loads(said) if eater else None
        if not asked.taken:
            fail("%s, neighbour %s: not one answer" % (pair.name, neighbour))
        pair.phases[neighbour].append(asked)

    def down(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.containers:
            subprocess.run(
                ["podman", "rm", "-f", "-i", "-t", "0", *self.containers],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        for name in self.containers + [self.node + "_bare_eater"]:
            drop_groups(name)
        if os.path.isdir(self.env["TRANCHE_RUN_DIR"] + "/virtual/" + self.node):
            self.run(self.tranche, "virtual", "destroy", "--force", "--grace", "2", self.node)


# --- What came of it -------------------------------------------------------------------------------


class Cell:
    """One case: medians over its rounds."""

    def __init__(self, phases):
        self.p50 = statistics.median(percentile(p.taken, 0.50) for p in phases)
        self.p99 = statistics.median(percentile(p.taken, 0.99) for p in phases)
        self.late = statistics.median(percentile(p.late, 0.99) for p in phases)
        self.cpus = statistics.median(p.neighbour_cpus for p in phases)
        self.n, self.failed = sum(len(p.taken) for p in phases), sum(p.failed for p in phases)
        meals = [p.eaten for p in phases if p.eaten]
        self.most_mib = max((m["most_mib"] for m in meals), default=0)
        self.fed, self.killed = (sum(m[k] for m in meals) for k in ("fed", "killed"))

    def times(self):
        return "%.1f / %.1f" % (self.p50, self.p99)

    def beside(self, idle):
        return "%.2f / %.2f" % (self.p50 / idle.p50, self.p99 / idle.p99)


def eater_words(cell, wanted):
    if cell.killed and not cell.fed:
        return "killed at %d MiB, %d times of %d" % (cell.most_mib, cell.killed, cell.killed)
    return "got all of its %d MiB, %d times of %d" % (wanted, cell.fed, cell.fed + cell.killed)


def report(cells, limit_mib):
    print("\n%-11s %-6s %7s %8s %8s %9s %9s %7s" % (
        "", "beside", "p50 ms", "p99 ms", "p50 x", "p99 x", "its CPUs", "asked"))
    for pair, row in cells.items():
        for neighbour, cell in row.items():
            idle = row["idle"]
            print("%-11s %-6s %7.1f %8.1f %8.2f %9.2f %9.2f %7d" % (
                pair, neighbour, cell.p50, cell.p99, cell.p50 / idle.p50, cell.p99 / idle.p99,
                cell.cpus, cell.n))
    for pair, row in cells.items():
        print("%-11s the eater %s (a slice: %d MiB)" % (pair, eater_words(row["eater"], GREEDY_MIB), limit_mib))
    all_cells = [c for row in cells.values() for c in row.values()]
    print("questions failed: %d of %d; the asker's own clock: at most %.2f ms late (p99)" % (
        sum(c.failed for c in all_cells), sum(c.n + c.failed for c in all_cells), max(c.late for c in all_cells)))
    print("\nREADME.md:\n")
    for pair, row in cells.items():
        print("| %s | %s | %s | %s |" % (pair, *(row[n].times() for n in NEIGHBOURS)))
    print("\nbench/RESULTS.md:\n")
    for pair, row in cells.items():
        what = {"idle": "", "busy": "%.2f CPUs" % row["busy"].cpus, "eater": eater_words(row["eater"], GREEDY_MIB)}
        for n in NEIGHBOURS:
            print(("| %s, %s | %s | %s | %s |" % (
                pair, n, row[n].times(), row[n].beside(row["idle"]), what[n])).replace("  ", " "))


def verdict(cells, limit_mib):
    """What must hold however loaded the machine is."""
    wrong = ["%s, %s: %d questions failed" % (pair, n, c.failed)
             for pair, row in cells.items() for n, c in row.items() if c.failed]
    on_slice, bare = cells["two slices"]["eater"], cells["no slices"]["eater"]
    if on_slice.fed or not on_slice.killed or on_slice.most_mib > limit_mib:
        wrong.append("the slice of %d MiB did not hold the eater: %s" % (
            limit_mib, eater_words(on_slice, GREEDY_MIB)))
    if not bare.fed or bare.most_mib != GREEDY_MIB:
        wrong.append("without a slice the eater was held: %s" % eater_words(bare, GREEDY_MIB))
    return wrong


def need_machine(build):
    for name in ("src/cli/tranche", "bench/bench_eater"):
        if not os.path.exists(os.path.join(build, name)):
            fail("there is no '%s/%s': ninja -C %s" % (build, name, build))
    if os.geteuid() != 0:
        fail("containers with limits need root")
    with open("/proc/meminfo", encoding="utf-8") as f:
        rows = dict(line.split(":") for line in f)
    if int(rows["MemAvailable"].split()[0]) >> 10 < 4 * GREEDY_MIB:
        fail("needs %d MiB of free memory, to be safe from what it eats" % (4 * GREEDY_MIB))
    if not demo.make_engine("image"):
        fail("the engine's image could not be made; see 'make demo'")
    demo.make_models()


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    rounds, seconds = (1, 0.5) if args.smoke else (args.rounds, args.seconds)
    need_machine(args.build)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="tranche-isolation-") as room:
        bench, weight = Bench(os.path.abspath(args.build), room), None
        try:
            bench.up()
            weight = Weight()
            be_prompt()
            for n in range(rounds):
                for neighbour in NEIGHBOURS:
                    for pair in (bench.slices, bench.bare):
                        bench.phase(pair, neighbour, seconds)
                print("round %d of %d" % (n + 1, rounds), file=sys.stderr, flush=True)
        finally:
            if weight:
                weight.back()
            bench.down()
    cells = {p.name: {n: Cell(p.phases[n]) for n in NEIGHBOURS} for p in (bench.slices, bench.bare)}
    report(cells, bench.limit_mib)
    wrong = verdict(cells, bench.limit_mib)
    for line in wrong:
        print("isolation: " + line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("isolation: interrupted")
