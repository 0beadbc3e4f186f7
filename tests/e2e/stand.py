# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: a virtual node of one's own, and the built program on it.

A case is a function test_NAME; its arguments say what it needs: `process` or `podman` (a Stand with
that runtime), `engine` (llama-server and its models are there). When it ends, well or not, its node
goes with all that is on it, and the machine is searched for what was left behind.
"""
import contextlib
import glob
import http.client
import inspect
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "demo"))
import leftovers  # noqa: E402

TRANCHE = os.environ.get("TRANCHE") or os.path.join(ROOT, "build/src/cli/tranche")
SERVER = os.environ.get("SERVER") or os.path.join(ROOT, "build/tests/e2e/e2e_server")
BUILD = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(TRANCHE))))
ENGINE_BIN = os.path.join(ROOT, "build/engine/bin")
CARD = "a100-sxm4-80gb"
IS_LONG = "long" in sys.argv[1:]  # more moments, for make test-long
CASE_S = 1500 if IS_LONG else 300  # a case that takes longer hangs
WAIT_S = 30
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Skip(Exception):
    """This machine cannot run the case."""


def check(holds, *words):
    """Like assert, and never compiled away."""
    if not holds:
        raise AssertionError(" ".join(str(w) for w in words))


def equal(got, wanted, what=""):
    check(got == wanted, "%s: got %r, wanted %r" % (what, got, wanted))


def wait_for(question, what, seconds=WAIT_S):
    """Asks until the answer is true; returns it."""
    until = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        check(time.monotonic() < until, "never came:", what)
        time.sleep(0.02)


def free_port():
    """A port that nobody listens on, below those that the kernel gives out by itself."""
    for port in range(20000 + os.getpid() % 8000, 32000):
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no free port")


def get(port, path="/", timeout=10):
    """One GET from the test server; its answer."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        conn.request("GET", "/" + path.lstrip("/"))
        return conn.getresponse().read().decode()
    finally:
        conn.close()


def environ(pid):
    try:
        with open("/proc/%d/environ" % pid, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def run(*argv, **more):
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def seen(text):
    """{"gpu": [...], "mig": [...], "device": [...]} of what the guest says it sees."""
    found = {"gpu": [], "mig": [], "device": [], "no": []}
    for line in text.splitlines():
        word, rest = line.split(" ", 1)
        found[word].append(rest)
    return found


def memory_limit(pid):
    """What the kernel holds a process's control group to, in bytes."""
    with open("/proc/%s/cgroup" % pid, encoding="utf-8") as f:
        groups = {n: path for _, names, path in (l.strip().split(":", 2) for l in f) for n in names.split(",")}
    if "memory" in groups:
        path = "/sys/fs/cgroup/memory%s/memory.limit_in_bytes" % groups["memory"]
    else:
        path = "/sys/fs/cgroup%s/memory.max" % groups[""]
    with open(path, encoding="utf-8") as f:
        return int(f.read())


def drop_groups(name):
    """Removes a control group from every hierarchy, and its children, once they are empty: whoever
    held a container stays a moment longer than it."""

    def are_gone():
        tops = glob.glob("/sys/fs/cgroup" + name) + glob.glob("/sys/fs/cgroup/*" + name)
        for top in tops:
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        return not any(os.path.exists(top) for top in tops)

    wait_for(are_gone, "the end of control group " + name)


class Result:
    """What a command said and how it ended."""

    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, ANSI.sub("", err)

    def says(self, *parts):
        """Each part stands in its complaint."""
        for part in parts:
            check(part in self.err, "'%s' is not said by: %s" % (part, self))
        return self

    def fails(self, status, *parts):
        equal(self.status, status, str(self))
        equal(self.out, "", "standard output of a command that failed")
        return self.says("tranche: ", *parts)

    def steps(self):
        """(word, text) of each line of progress."""
        found = re.findall(r"^ *\d+\.\ds  (MIG on|MIG off|\w+) +(.*)$", self.err, re.M)
        return [(word, text) for word, text in found]

    def __str__(self):
        return "$ tranche %s\n%s%s[exit status %d]" % (self.words, self.out, self.err, self.status)


class Running:
    """A tranche at work, its progress line by line."""

    def __init__(self, stand, *args):
        self.words = " ".join(args)
        self.lines, self.is_over = [], False
        self.more = threading.Condition()
        self.p = subprocess.Popen(
            [TRANCHE, *args],
            env=stand.env,
            cwd=stand.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.p.stderr:
            with self.more:
                self.lines.append(ANSI.sub("", line))
                self.more.notify_all()
        with self.more:
            self.is_over = True
            self.more.notify_all()

    def wait_line(self, n):
        """Until it has told n steps, or ends first (False)."""
        with self.more:
            self.more.wait_for(lambda: len(self.lines) >= n or self.is_over, WAIT_S)
            return len(self.lines) >= n

    def wait_word(self, word, seconds=WAIT_S):
        with self.more:
            found = self.more.wait_for(lambda: any(word in line for line in self.lines), seconds)
        check(found, "'%s' never said by 'tranche %s': %s" % (word, self.words, self.lines))

    def send(self, signum):
        self.p.send_signal(signum)

    def end(self, seconds=60):
        out = self.p.stdout.read()
        self.p.wait(seconds)
        self.thread.join()
        return Result(self.words, self.p.returncode, out, "".join(self.lines))


class Stand:
    """A virtual node with folders of its own; every tranche of the case runs on it."""

    count = 0

    def __init__(self, runtime, image=None):
        Stand.count += 1
        self.runtime, self.image = runtime, image
        self.name = "e2e%d-%d" % (os.getpid(), Stand.count)
        self.dir = tempfile.mkdtemp(prefix="tranche-e2e-")
        os.chmod(self.dir, 0o755)
        self.work = os.path.join(self.dir, "work")
        self.run_dir, self.state_dir = self.dir + "/run", self.dir + "/state"
        for d in (self.work, self.run_dir, self.state_dir):
            os.mkdir(d)
        # A program of this case's own: whoever runs it is told apart from all others.
        self.server = os.path.join(self.dir, "server")
        shutil.copy(SERVER, self.server)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TRANCHE_")}
        for k in ("LD_LIBRARY_PATH", "NO_COLOR", "COLUMNS"):
            self.env.pop(k, None)
        self.env.update(TRANCHE_RUN_DIR=self.run_dir, TRANCHE_STATE_DIR=self.state_dir)
        self.env["PATH"] = ENGINE_BIN + ":" + (self.env["PATH"] if image else self.few_programs())
        self.traces = leftovers.Traces(self.name, [self.run_dir])
        self.has_node = False

    def few_programs(self):
        """A PATH as of a machine without podman: just what the engine's wrapper runs."""
        path = os.path.join(self.dir, "bin")
        os.mkdir(path)
        for name in ("sh", "dirname", "readlink"):
            os.symlink(shutil.which(name), os.path.join(path, name))
        return path

    # --- tranche ---

    def node(self, *cards, scale=64):
        r = self.tranche("virtual", "create", *(cards or [CARD]), "--name", self.name, "--scale", str(scale))
        equal(r.status, 0, str(r))
        self.has_node = True
        self.scale = scale
        self.env["TRANCHE_NODE"] = self.name
        return self

    def tranche(self, *args, timeout=60, env=None):
        p = run(TRANCHE, *args, env=env or self.env, cwd=self.work, timeout=timeout)
        return Result(" ".join(args), p.returncode, p.stdout, p.stderr)

    def ok(self, *args, **more):
        r = self.tranche(*args, **more)
        equal(r.status, 0, str(r))
        return r

    def json(self, *args):
        return json.loads(self.ok(*args, "--json").out)

    def start(self, *args):
        return Running(self, *args)

    def file(self, text, name="tranche.yaml"):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def model(self, name, slice="1g.10gb", words=(), **keys):
        """A model's lines in a stack file, served by the test server."""
        argv = ['"${PORT}"'] + ['"%s"' % w for w in words]
        lines = ["  %s:" % name, "    engine: command", "    slice: %s" % slice]
        if self.runtime == "podman":
            lines.append("    image: %s" % self.image)
        else:
            argv.insert(0, self.server)
        lines.append("    args: [%s]" % ", ".join(argv))
        lines += ["    %s: %s" % (k, v) for k, v in keys.items()]
        return "\n".join(lines) + "\n"

    def stack(self, *models, name="lab", file="tranche.yaml"):
        return self.file("version: 1\nname: %s\nmodels:\n" % name + "".join(models), file)

    def up_args(self, *args):
        return ("up", "--runtime", self.runtime, *args)

    def up(self, *args, status=0):
        r = self.tranche(*self.up_args(*args))
        equal(r.status, status, str(r))
        return r

    def down(self, *args):
        return self.ok("down", "--grace", "1", *args)

    def models(self, stack=None):
        rows = self.json("ps")["models"]
        return {
            "%s-%d" % (r["model"], r["replica"]): r
            for r in rows
            if stack is None or r["stack"] == stack
        }

    def slices(self):
        return self.json("slices")["slices"]

    def pids(self):
        return {name: r.get("pid") for name, r in self.models().items()}

    # --- What is really there, asked of the system ---

    def rows(self):
        """(start, stack, model, replica, is_cut) of each slice's row."""
        path = os.path.join(self.state_dir, "tranche.db")
        if not os.path.exists(path):
            return []
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
            return db.execute(
                "SELECT start, stack, model, replica, is_cut FROM slice WHERE node = ? ORDER BY start",
                (self.name,),
            ).fetchall()

    def containers(self):
        """Names of this node's containers, all that run or not."""
        if self.runtime != "podman":
            return []
        r = run("podman", "ps", "-a", "--format", "{{.Names}}", "--filter", "label=tranche.node=" + self.name)
        return sorted(r.stdout.split())

    def folders(self):
        """Servers' folders, also those half made or half removed."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(os.listdir(os.path.join(self.run_dir, "servers")))
        return []

    def processes(self):
        """Processes of this case: its servers, the shims, podman's and conmon's for it."""
        found = {}
        for pid in leftovers.pids():
            words = leftovers.words(pid)
            if self.dir in words + environ(pid) or "tranche_%s_" % self.name in words:
                found[pid] = words.strip()
        return found

    def servers(self):
        """Processes of the servers, and of whatever they started: by the shim's mark in their
        environment, or by their container's control group."""
        if self.runtime == "process":
            mark = self.run_dir + "/servers/"
            return sorted(p for p in leftovers.pids() if mark in environ(p))
        found = set()
        for group in self.cgroup_folders():
            for path in glob.glob(glob.escape(group) + "/**/cgroup.procs", recursive=True):
                with contextlib.suppress(OSError), open(path, encoding="utf-8") as f:
                    found |= {int(p) for p in f.read().split()}
        return sorted(p for p in found if "conmon" not in leftovers.words(p))

    def cgroup_folders(self):
        ours = "/tranche/tranche_%s_*" % self.name
        return glob.glob(leftovers.CGROUPS + ours) + glob.glob(leftovers.CGROUPS + "/*" + ours)

    def cgroups(self):
        """The servers that have a control group."""
        return sorted({os.path.basename(p) for p in self.cgroup_folders()})

    def assert_holds(self, *wanted):
        """Exactly these servers ("lab/chat-0") run and answer, each on a slice of its own, and
        nothing else is there."""
        rows = self.json("ps")["models"]
        equal(
            sorted("%s/%s-%d %s" % (r["stack"], r["model"], r["replica"], r["state"]) for r in rows),
            sorted("%s ready" % w for w in wanted),
            "ps",
        )
        slices = self.slices()
        named = sorted("%s/%s-%d" % (s.get("stack"), s.get("model"), s.get("replica", 0)) for s in slices)
        equal(named, sorted(wanted), "slices")
        equal(len({r["slice"]["uuid"] for r in rows}), len(wanted), "slices of models")
        equal(
            sorted("%s/%s-%d" % row[1:4] for row in self.rows() if row[4]),
            sorted(wanted),
            "rows",
        )
        equal(len(self.rows()), len(wanted), "rows, also those not confirmed")
        names = sorted("tranche_%s_%s" % (self.name, re.sub(r"[/]|-(?=\d+$)", "_", w)) for w in wanted)
        equal(self.folders(), names, "servers' folders")
        equal(sorted(r["pid"] for r in rows), self.servers(), "servers' processes")
        if self.runtime == "podman":
            equal(self.containers(), names, "containers")
        if any(r["limits_enforced"] for r in rows):
            equal(self.cgroups(), names, "control groups")
        return {"%s-%d" % (r["model"], r["replica"]): r for r in rows}

    def assert_empty(self):
        """No model, slice, row, server, container or control group."""
        equal(self.json("ps")["models"], [], "ps")
        equal(self.slices(), [], "slices")
        equal(self.rows(), [], "rows")
        self.assert_no_servers()

    def assert_no_servers(self):
        equal(self.folders(), [], "servers' folders")
        equal(self.containers(), [], "containers")
        wait_for(lambda: not self.servers(), "the end of %s" % self.servers())
        wait_for(lambda: not self.cgroups(), "the end of %s" % self.cgroups())

    # --- The end ---

    def close(self):
        """Takes everything down; returns what is wrong with what was left."""
        wrong = []
        self.env["TRANCHE_NODE"] = self.name
        for node in glob.glob(self.run_dir + "/virtual/*/"):
            r = self.tranche("virtual", "destroy", "--force", "--grace", "1", os.path.basename(node[:-1]))
            if r.status != 0:
                wrong.append(str(r))
        for name in self.containers():
            wrong.append("container " + name)
            run("podman", "rm", "-f", "-t", "0", name)
        until = time.monotonic() + 10
        while True:
            left = self.processes()
            found = self.traces.find() if not left else []
            if not left and not found:
                break
            if time.monotonic() > until:
                wrong += found + ["process %d (%s)" % x for x in left.items()]
                break
            time.sleep(0.05)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)
        return wrong


# --- Running cases ---------------------------------------------------------------------------------


class Podman:
    """One image for all cases of a program: the test server and nothing else."""

    image = None

    @classmethod
    def need(cls):
        if cls.image:
            return cls.image
        if os.geteuid() != 0:
            raise Skip("containers with limits need root")
        if not shutil.which("podman"):
            raise Skip("podman is not installed")
        image = "localhost/tranche-e2e:%d" % os.getpid()
        with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as d:
            shutil.copy(SERVER, d + "/server")
            run("tar", "-C", d, "-cf", d + "/image.tar", "server", check=True)
            r = run("podman", "import", "--change", 'ENTRYPOINT ["/server"]', d + "/image.tar", image)
        check(r.returncode == 0, "podman import:", r.stderr)
        cls.image = image
        return image

    @classmethod
    def drop(cls):
        if cls.image:
            run("podman", "rmi", "-f", cls.image)


def need_engine():
    """llama-server for the process runtime, and two models."""
    if not os.path.exists(ENGINE_BIN + "/llama-server"):
        r = run(os.path.join(ROOT, "demo/image.sh"), "rootfs")
        if r.returncode != 0 and not shutil.which("llama-server"):
            raise Skip("no llama-server, and none could be had from Debian sid")
    make_models = "import demo; demo.make_models()"
    r = run(sys.executable, "-c", make_models, cwd=os.path.join(ROOT, "demo"))
    check(r.returncode == 0, r.stderr)


def need_engine_image():
    Podman.need()
    r = run(os.path.join(ROOT, "demo/image.sh"), "image")
    if r.returncode != 0:
        raise Skip("the engine's image could not be made here")


def make(argument, stands):
    if argument == "engine":
        return need_engine()
    if argument == "engine_image":
        return need_engine_image()
    stand = Stand(argument, Podman.need() if argument == "podman" else None)
    stands.append(stand)
    return stand


@contextlib.contextmanager
def alarm(seconds):
    def ring(*_):
        raise AssertionError("still at it after %d s" % seconds)

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def run_case(case):
    """None when it holds; else why not."""
    stands, wrong = [], []
    try:
        with alarm(CASE_S):
            case(*[make(a, stands) for a in inspect.signature(case).parameters])
    finally:
        for stand in stands:
            with alarm(60):
                wrong += stand.close()
    check(not wrong, "left behind: " + "; ".join(wrong))


def comment(text):
    return "".join("# %s\n" % line for line in text.splitlines())


def main():
    """Runs the program's cases, or those named on the command line; prints TAP."""
    for path in (TRANCHE, SERVER):
        if not os.path.exists(path):
            sys.exit("there is no '%s': build first" % path)
    module = sys.modules["__main__"]
    cases = {n[5:]: f for n, f in vars(module).items() if n.startswith("test_")}
    chosen = [a for a in sys.argv[1:] if a != "long"] or list(cases)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("1..%d" % len(chosen), flush=True)
    bad = 0
    try:
        for number, name in enumerate(chosen, 1):
            began = time.monotonic()
            try:
                run_case(cases[name])
                print("ok %d - %s" % (number, name))
            except Skip as why:
                print("ok %d - %s # SKIP %s" % (number, name, why))
            except Exception:
                bad += 1
                print("not ok %d - %s" % (number, name))
                print(comment(traceback.format_exc()), end="")
            print("# %.1f s" % (time.monotonic() - began), flush=True)
    finally:
        Podman.drop()
    sys.exit(1 if bad else 0)
