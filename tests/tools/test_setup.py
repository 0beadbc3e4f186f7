# SPDX-License-Identifier: Apache-2.0
"""tools/setup.sh, with stand-ins for dpkg-query, apt-get and id: nothing is installed here."""
import os
import subprocess

import tap

TABLE = """# comment
build   gcc                 compiles
build   pkgconf/pkg-config  finds libraries
test    bats                tests
"""


def run(folder, *args, have="", uid=0, apt="exit 0"):
    """Returns (exit status, output, apt-get's calls). `apt`: what apt-get does, in shell."""
    with open(tap.ROOT + "/tools/setup.sh", encoding="utf-8") as f:
        tap.write(folder + "/tools/setup.sh", f.read(), 0o755)
    tap.write(folder + "/tools/packages.txt", TABLE)
    installed = "".join("echo 'ii  %s'\n" % p for p in have.split())
    tap.write(folder + "/bin/dpkg-query", "#!/bin/sh\n" + installed, 0o755)
    tap.write(folder + "/bin/id", "#!/bin/sh\necho %d\n" % uid, 0o755)
    tap.write(folder + "/bin/apt-get", '#!/bin/sh\necho "$@" >>%s/calls\n%s\n' % (folder, apt), 0o755)
    tap.write(folder + "/calls", "")
    r = subprocess.run(
        [folder + "/tools/setup.sh", *args],
        env=dict(os.environ, PATH=folder + "/bin:" + os.environ["PATH"]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with open(folder + "/calls", encoding="utf-8") as f:
        return r.returncode, r.stdout, f.read().splitlines()


def test_nothing_missing_says_and_does_nothing(folder):
    assert run(folder, "build", have="gcc pkgconf") == (0, "", [])


def test_either_of_two_names_will_do(folder):
    assert run(folder, "build", have="gcc pkg-config") == (0, "", [])


def test_only_the_named_group_is_looked_at(folder):
    assert run(folder, "test", have="bats") == (0, "", [])


def test_what_is_missing_is_named_with_its_reason_and_installed(folder):
    status, out, calls = run(folder, have="gcc pkgconf")
    assert status == 0 and "bats" in out and "tests" in out and "gcc" not in out
    assert " install " in calls[-1] and calls[-1].endswith(" bats")
    assert "DPkg::Lock::Timeout" in calls[-1]


def test_lists_are_fetched_only_when_they_do_not_know_the_package(folder):
    calls = run(folder, "test")[2]
    assert not any(" update" in c for c in calls)
    apt = 'case "$*" in *update*) touch %s/fresh ;; *) [ -e %s/fresh ] ;; esac' % (folder, folder)
    status, _, calls = run(folder, "test", apt=apt)
    assert status == 0 and sum(" update" in c for c in calls) == 1
    assert " install " in calls[-1]


def test_what_apt_says_is_shown_when_it_fails(folder):
    apt = 'case "$*" in *update*) ;; *) echo "no such thing"; exit 100 ;; esac'
    status, out, _ = run(folder, "test", apt=apt)
    assert status == 1 and "no such thing" in out and "could not install: bats" in out


def test_without_root_it_says_what_to_type(folder):
    status, out, calls = run(folder, "build", have="gcc", uid=1000)
    assert status == 1 and calls == []
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends pkgconf" in out


def test_a_dry_run_installs_nothing(folder):
    status, out, calls = run(folder, "-n", "test")
    assert status == 1 and "bats" in out and calls == []
    assert run(folder, "-n", "test", have="bats") == (0, "", [])


def test_an_unknown_group_is_refused(folder):
    status, out, calls = run(folder, "tset")
    assert status == 2 and "no such group" in out and calls == []


def test_every_row_of_the_table_has_a_reason():
    with open(tap.ROOT + "/tools/packages.txt", encoding="utf-8") as f:
        rows = [line.split(None, 2) for line in f if line.strip() and not line.startswith("#")]
    assert rows and all(len(r) == 3 for r in rows)
    assert {r[0] for r in rows} == {"build", "engine", "container", "test", "long", "fuzz"}


tap.main()
