# SPDX-License-Identifier: Apache-2.0
"""What a stack leaves on a machine: looked for by name and by what was written down as it ran.

Nothing here asks tranche: processes, mounts, cgroups and the rest are read from the system itself.
"""
import glob
import os
import shutil
import subprocess

CGROUPS = "/sys/fs/cgroup"


def lines_of(argv):
    """A command's output; none when it is not there or fails."""
    if not shutil.which(argv[0]):
        return []
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return r.stdout.splitlines()


def process(pid):
    """(start time, state, command) from /proc/PID/stat; None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            head, _, rest = f.read().rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    return fields[19], fields[0], head.partition("(")[2]


def pids():
    return [int(d) for d in os.listdir("/proc") if d.isdigit()]


def parent(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def words(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def cgroup_parents():
    return set(glob.glob(CGROUPS + "/tranche") + glob.glob(CGROUPS + "/*/tranche"))


class Traces:
    """What to look for once all is over: names, container ids, and processes as they ran."""

    def __init__(self, name, folders):
        self.names = [name]
        self.folders = folders
        self.processes = {}
        self.parents = cgroup_parents()

    def note_process(self, pid):
        seen = process(pid)
        if seen:
            self.processes[pid] = seen

    def note_server(self, name, pid):
        """A server, whoever holds it (conmon, the shim), and its container's id."""
        self.note_process(pid)
        if parent(pid) > 1:
            self.note_process(parent(pid))
        form = "{{.Id}} {{.State.ConmonPid}}"
        for line in lines_of(["podman", "container", "inspect", "--format", form, name]):
            container, _, conmon = line.partition(" ")
            self.names.append(container)
            self.note_process(int(conmon))

    def is_ours(self, text):
        return any(n in text for n in self.names)

    def _containers(self):
        for line in lines_of(["podman", "ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}"]):
            if self.is_ours(line):
                yield "container " + line

    def _processes(self):
        for pid, (start, _, command) in self.processes.items():
            now = process(pid)
            if now and now[0] == start:
                yield "%s %d (%s)" % ("zombie" if now[1] == "Z" else "process", pid, command)
        mine, pid = set(), os.getpid()
        while pid > 1:  # whoever called this may have the name in its command line
            mine.add(pid)
            pid = parent(pid)
        for pid in pids():
            if pid not in self.processes and pid not in mine and self.is_ours(words(pid)):
                yield "process %d (%s)" % (pid, words(pid)[:80])

    def _mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            for line in f:
                if self.is_ours(line):
                    yield "mount " + line.split()[4]

    def _paths(self, root, what):
        for folder, folders, files in os.walk(root):
            for entry in folders + files:
                if self.is_ours(entry):
                    yield "%s %s" % (what, os.path.join(folder, entry))
            folders[:] = [d for d in folders if not self.is_ours(d)]

    def _empty_parents(self):
        """Groups above the servers' own that were not there before and hold nothing now."""
        for path in cgroup_parents() - self.parents:
            if not any(os.path.isdir(os.path.join(path, d)) for d in os.listdir(path)):
                yield "cgroup " + path

    def _rules(self):
        for tool in ("iptables-save", "ip6tables-save"):
            for line in lines_of([tool]):
                if self.is_ours(line):
                    yield "%s: %s" % (tool, line)

    def find(self):
        found = list(self._containers()) + list(self._processes()) + list(self._mounts())
        found += list(self._paths(CGROUPS, "cgroup")) + list(self._empty_parents())
        for folder in self.folders:
            found += self._paths(folder, "left in")
        return found + list(self._rules())
