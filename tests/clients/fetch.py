# SPDX-License-Identifier: Apache-2.0
"""Programs of any Debian suite, unpacked under BUILD/clients and never installed.

Each suite has an apt root of its own there: the mirror is the one that this system's apt uses, the
signatures are checked, and nothing outside of BUILD is touched. The vendor's driver library counts
as installed, so that it is never fetched; what runs gets ours.
"""
import fcntl
import glob
import os
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# What the clients depend on and must not get: the vendor's libraries, and what only set-up needs.
HELD = ("libnvidia-ml1", "libcuda1", "libcudart11.0", "libcudart12", "ucf", "munge", "adduser",
        "debconf", "perl-base", "init-system-helpers", "dpkg", "tar", "media-types", "mailcap")

STATUS = """Package: {name}
Status: install ok installed
Priority: optional
Section: libs
Maintainer: nobody <nobody@localhost>
Architecture: {arch}
Version: 999
Provides: {provides}
Description: stands for what is not to be fetched

"""

CONF = """Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "{root}/none/";
Dir::Etc::Preferences "{root}/none/preferences";
Dir::Etc::PreferencesParts "{root}/none/";
Dir::State "{root}/state";
Dir::State::Status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Log "{root}";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


class Unreachable(Exception):
    """The mirror, or apt itself, is not to be had here: a reason to skip."""


def say(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL)


def mirror():
    done = say("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)",
               "Created-By: Packages")
    for line in done.stdout.splitlines():
        uri, _, origin = line.partition(" ")
        if "security" not in uri and (origin == "Debian" or not origin[:1].isupper()):
            return uri
    raise Unreachable("apt knows no Debian mirror here")


def private_apt(root, suite):
    for folder in ("state/lists/partial", "cache/archives/partial", "none"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    if not os.path.exists(KEYRING):
        raise Unreachable(f"no {KEYRING}")
    arch = say("dpkg", "--print-architecture").stdout.strip()
    with open(f"{root}/status", "w", encoding="utf-8") as file:
        for name in HELD:
            provides = "libnvidia-ml.so.1 (= 999)" if name == "libnvidia-ml1" else name + "-held"
            file.write(STATUS.format(name=name, arch=arch, provides=provides))
    with open(f"{root}/sources.list", "w", encoding="utf-8") as file:
        file.write(f"deb [signed-by={KEYRING}] {mirror()} {suite} main contrib\n")
    with open(f"{root}/apt.conf", "w", encoding="utf-8") as file:
        file.write(CONF.format(root=root))


def fetch(build, suite, packages):
    """The folder in which the packages lie unpacked, with all that they need."""
    home = f"{build}/clients/{suite}"
    tree = f"{home}/{'+'.join(packages)}"
    os.makedirs(home, exist_ok=True)
    with open(f"{home}/lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(f"{tree}/done"):
            return tree
        private_apt(f"{home}/apt", suite)
        conf = ("-qq", "-c", f"{home}/apt/apt.conf")
        if not glob.glob(f"{home}/apt/state/lists/*Packages*"):
            done = say("apt-get", *conf, "update")
            if done.returncode:
                raise Unreachable(f"the list of {suite}: {done.stdout.strip()}")
        install = ("install", "-y", "--download-only", "--no-install-recommends", *packages)
        done = say("apt-get", *conf, "--print-uris", "-o",
                   f"Dir::Cache::Archives={home}/apt/none/", *install)
        if done.returncode:
            raise Unreachable(f"{suite} has no {' '.join(packages)}: {done.stdout.strip()}")
        names = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("'")]
        done = say("apt-get", *conf, *install)
        if done.returncode:
            raise Unreachable(f"download: {done.stdout.strip()}")
        os.makedirs(tree, exist_ok=True)
        for name in names:
            done = say("dpkg-deb", "-x", f"{home}/apt/cache/archives/{name}", tree)
            assert done.returncode == 0, done.stdout
        with open(f"{tree}/done", "w", encoding="utf-8") as file:
            file.write("\n".join(names) + "\n")
    return tree


def command(tree, driver, program, *args, name=None):
    """An argument vector that runs a program of the tree with the tree's own loader and libraries,
    and the driver library of the folder `driver`."""
    loader = (glob.glob(f"{tree}/lib64/ld-linux-*.so.*") +
              glob.glob(f"{tree}/usr/lib64/ld-linux-*.so.*") +
              glob.glob(f"{tree}/lib/*/ld-linux-*.so.*") +
              glob.glob(f"{tree}/usr/lib/*/ld-linux-*.so.*"))
    folders = [folder for folder in glob.glob(f"{tree}/lib/*-linux-gnu") +
               glob.glob(f"{tree}/usr/lib/*-linux-gnu") + glob.glob(f"{tree}/usr/lib/*/slurm-wlm") +
               glob.glob(f"{tree}/usr/lib/*/systemd") if os.path.isdir(folder)]
    return [loader[0], "--library-path", ":".join([driver, *folders]), "--argv0", name or program,
            f"{tree}/{program}", *args]
