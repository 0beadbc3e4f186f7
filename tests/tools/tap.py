# SPDX-License-Identifier: Apache-2.0
"""Runs a module's functions named test_* and reports in TAP, as the C tests do."""
import inspect
import os
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def main():
    """Each test gets an empty folder of its own."""
    tests = [f for n, f in sorted(vars(sys.modules["__main__"]).items()) if n.startswith("test_")]
    print("1..%d" % len(tests))
    bad = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__[len("test_") :]
        try:
            with tempfile.TemporaryDirectory(prefix="tranche-tools-") as folder:
                test(*[folder][: len(inspect.signature(test).parameters)])
            print("ok %d - %s" % (number, name))
        except Exception:
            bad += 1
            print("not ok %d - %s" % (number, name))
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
    sys.exit(1 if bad else 0)
