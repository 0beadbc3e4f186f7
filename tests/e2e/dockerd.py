# SPDX-License-Identifier: Apache-2.0
"""A docker daemon of the test's own.

The whole test runs in a network and a mount namespace of its own (`apart`), so port 8000 is free
there and what the daemon mounts and bridges goes with it. Ports are published by docker-proxy alone:
no iptables needed.
"""
import ctypes
import fcntl
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess

import stand
from stand import check, run

MS_REC, MS_PRIVATE = 0x4000, 0x40000
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
# Leaks are looked for by ptrace, which a container may not.
CHANGES = ("--change", 'ENTRYPOINT ["/guest"]', "--change", "ENV ASAN_OPTIONS=detect_leaks=0")
GUEST = os.environ.get("GUEST") or os.path.join(stand.BUILD, "tests/e2e/e2e_guest")


def need_root():
    if os.geteuid() != 0:
        raise stand.Skip("a docker daemon of one's own needs root")


def need():
    need_root()
    if not shutil.which("dockerd") or not shutil.which("docker"):
        raise stand.Skip("needs docker: apt-get install docker.io")


def apart():
    """Puts this process, and all that it starts, into namespaces of its own; loopback is up."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise stand.Skip("no namespaces here: " + os.strerror(ctypes.get_errno()))
    libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def libraries(program):
    """The files that the loader needs for a program, the loader included."""
    out = run("ldd", program, check=True).stdout
    return [w for line in out.splitlines() for w in line.split() if w.startswith("/")]


def make_rootfs(folder, *more_links):
    """The stand-in's program with its libraries, laid out as Debian does."""
    for name in ("lib", "lib64"):
        os.makedirs(os.path.join(folder, "usr", name))
        os.symlink("usr/" + name, os.path.join(folder, name))
    for path in libraries(GUEST):
        target = folder + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(GUEST, folder + "/guest")
    for target, link in more_links:
        os.makedirs(os.path.dirname(folder + link), exist_ok=True)
        os.symlink(target, folder + link)


def make_shell(folder):
    """A shell and its libraries, with nothing to start by itself."""
    for name in ("bin", "lib", "lib64"):
        os.makedirs(os.path.join(folder, "usr", name))
        os.symlink("usr/" + name, os.path.join(folder, name))
    shell = os.path.realpath("/bin/sh")
    for path in [shell] + libraries(shell):
        target = folder + os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    if not shell.endswith("/sh"):
        os.symlink(os.path.basename(shell), folder + "/usr/bin/sh")


class Daemon:
    def __init__(self, folder, path=None, env=None, options=()):
        self.dir = os.path.join(folder, "docker")
        os.mkdir(self.dir)
        self.host = "unix://%s/socket" % self.dir
        self.group = "/tranche-e2e-docker-%d" % os.getpid()
        self.env = dict(env or os.environ, DOCKER_HOST=self.host)
        environ = dict(self.env)
        if path:
            environ["PATH"] = path + ":" + environ["PATH"]
        with open(self.dir + "/log", "w", encoding="utf-8") as log:
            self.p = subprocess.Popen(
                ["dockerd", "-H", self.host, "--cgroup-parent", self.group, "--iptables=false",
                 "--ip-forward=false", "--ip-masq=false", "--data-root", self.dir + "/data",
                 "--exec-root", self.dir + "/exec", "--pidfile", self.dir + "/pid", *options],
                env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        try:
            stand.wait_for(self.answers, "docker's daemon", 60)
        except BaseException:
            self.p.kill()
            self.p.wait()
            raise

    def answers(self):
        check(self.p.poll() is None, "dockerd ended:", self.log())
        return self.docker("version").returncode == 0

    def log(self):
        with open(self.dir + "/log", encoding="utf-8") as f:
            return f.read()[-2000:]

    def docker(self, *words, **more):
        return run("docker", *words, env=dict(self.env, **more), timeout=60)

    def ok(self, *words, **more):
        r = self.docker(*words, **more)
        check(r.returncode == 0, "docker", *words, r.stdout, r.stderr)
        return r.stdout.strip()

    def image(self, name, *links, folder=None):
        """The stand-in's, with links (target, name) and an empty folder in it."""
        root, tar = self.dir + "/rootfs", self.dir + "/image.tar"
        shutil.rmtree(root, ignore_errors=True)
        make_rootfs(root, *links)
        if folder:
            os.makedirs(root + folder)
        run("tar", "-C", root, "-cf", tar, ".", check=True)
        self.ok("import", *CHANGES, tar, name)

    def groups(self):
        pattern = glob.escape(self.group)
        return glob.glob("/sys/fs/cgroup" + pattern) + glob.glob("/sys/fs/cgroup/*" + pattern)

    def close(self):
        """Ends it; what it left behind."""
        self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(30)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return ["a docker daemon that does not end: " + self.log()]
        left = [g for g in self.groups() if glob.glob(g + "/*/")]
        for group in self.groups():
            try:
                os.rmdir(group)
            except OSError:
                left.append(group)
        libc = ctypes.CDLL(None)
        with open("/proc/self/mounts", encoding="utf-8") as f:
            for line in f:
                # The namespace that it shares with us it keeps mounted for the next time.
                if line.split()[1].startswith(self.dir) and "/netns/" not in line:
                    left.append("mount " + line.split()[1])
                if line.split()[1].startswith(self.dir):
                    libc.umount2(line.split()[1].encode(), 2)
        return left
