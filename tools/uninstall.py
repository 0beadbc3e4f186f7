#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes away what `make install` put in place.

    tools/uninstall.py BUILD [DESTDIR]

The list is meson's own log of the last installation, or, when that is gone, what the build says
that it installs. Folders go only when they are ours (named tranche) and empty by then.
"""
import json
import os
import subprocess
import sys


def from_log(build):
    """The last installation's paths, DESTDIR in them as it was; None when there is no log."""
    log = os.path.join(build, "meson-logs", "install-log.txt")
    if not os.path.exists(log):
        return None
    with open(log, encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f if not line.startswith("#")]


def from_build(build, destdir):
    out = subprocess.run(
        ["meson", "introspect", "--installed", build], stdout=subprocess.PIPE, check=True
    ).stdout
    return [destdir + path for path in json.loads(out).values()]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = sys.argv[1]
    destdir = os.path.abspath(sys.argv[2]) if len(sys.argv) == 3 else ""
    if not os.path.isdir(os.path.join(build, "meson-info")):
        sys.exit("uninstall: '%s' is no build folder, so it does not say what was installed" % build)
    paths = from_build(build, destdir)
    paths += [p for p in from_log(build) or [] if p.startswith(destdir + "/")]
    removed, folders = 0, set()
    for path in dict.fromkeys(paths):
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
            removed += 1
        elif os.path.isdir(path):
            folders.add(path)
        folders.add(os.path.dirname(path))
    # A folder inside another first.
    for folder in sorted(folders, key=len, reverse=True):
        while "tranche" in folder.split("/"):
            try:
                os.rmdir(folder)
            except OSError:
                break
            folder = os.path.dirname(folder)
    print("uninstall: %d files removed" % removed)


if __name__ == "__main__":
    main()
