# SPDX-License-Identifier: Apache-2.0
"""tools/uninstall.py: takes away what was installed, and no more. Meson is a stand-in here."""
import json
import os
import subprocess
import sys

import tap


def run(folder, installed, log=None):
    """installed: paths below the prefix, as the build would tell; log: as the last install told."""
    plan = {str(i): "/usr/" + p for i, p in enumerate(installed)}
    tap.write(folder + "/plan", json.dumps(plan))
    tap.write(folder + "/bin/meson", "#!/bin/sh\ncat %s/plan\n" % folder, 0o755)
    os.makedirs(folder + "/build/meson-info")
    if log is not None:
        tap.write(folder + "/build/meson-logs/install-log.txt", "# a comment\n" + log)
    r = subprocess.run(
        [sys.executable, tap.ROOT + "/tools/uninstall.py", folder + "/build", folder + "/dest"],
        env=dict(os.environ, PATH=folder + "/bin:" + os.environ["PATH"]),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert r.returncode == 0
    return r.stdout


def left(folder):
    return sorted(
        os.path.relpath(os.path.join(d, f), folder + "/dest")
        for d, _, files in os.walk(folder + "/dest")
        for f in files
    )


def test_what_was_installed_goes_and_the_rest_stays(folder):
    for path in ("bin/tranche", "bin/other", "libexec/tranche/tranche-shim"):
        tap.write(folder + "/dest/usr/" + path, "x")
    out = run(folder, ["bin/tranche", "libexec/tranche/tranche-shim", "never/was/there"])
    assert "2 files" in out
    assert left(folder) == ["usr/bin/other"]
    assert not os.path.exists(folder + "/dest/usr/libexec/tranche")
    assert os.path.isdir(folder + "/dest/usr/libexec")


def test_the_log_of_the_last_install_counts_too(folder):
    tap.write(folder + "/dest/usr/share/tranche/old", "x")
    run(folder, [], log=folder + "/dest/usr/share/tranche/old\n")
    assert left(folder) == []


def test_a_folder_that_still_holds_something_stays(folder):
    tap.write(folder + "/dest/usr/include/tranche/err.h", "x")
    tap.write(folder + "/dest/usr/include/tranche/mine.h", "x")
    run(folder, ["include/tranche/err.h"])
    assert left(folder) == ["usr/include/tranche/mine.h"]


tap.main()
