#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles each header alone: private ones as gnu17, public ones as C11 and as C++ too.

    headers.py ROOT CC CXX GENERATED   CXX may be "-": the C++ half is left out; GENERATED: the
                                       folder of the headers that the build makes

Also holds the public headers to a comment for every call, and the private ones to #pragma once.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wpedantic", "-fsyntax-only"]


def compile_alone(command, root, name, suffix):
    # Twice, since a header without a guard only fails then.
    text = f'#include "{name}"\n#include "{name}"\nextern int not_empty;\n'
    with tempfile.NamedTemporaryFile("w", suffix=suffix) as source:
        source.write(text)
        source.flush()
        done = subprocess.run(
            [*command, *WARNINGS, *(f"-I{root / i}" for i in ("include", "src", ".")),
             f"-I{sys.argv[4]}", source.name], capture_output=True, text=True)
    return [f"{name}: {' '.join(command)}: {done.stderr.strip()}"] if done.returncode else []


def uncommented_calls(path):
    """Calls with no comment right above them, or above the run of calls that they stand in."""
    found, has_comment, pending = [], False, ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if text.endswith("*/"):
            has_comment, pending = True, ""
        elif not text or text.startswith(("#", "}", "struct")) and ";" not in text:
            has_comment, pending = False, ""
        else:
            pending += " " + text
            call = re.match(r"[\w\s*]*\b(tr_\w+)\(.*;$", pending.strip())
            if call and not has_comment:
                found.append(f"{path.name}:{number}: {call[1]} has no comment")
            if text.endswith(";"):
                pending = ""
    return found


def main():
    root, cc, cxx = pathlib.Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
    found, n = [], 0
    for path in sorted((root / "include/tranche").glob("*.h")):
        name = f"tranche/{path.name}"
        found += compile_alone([*cc, "-std=c11"], root, name, ".c")
        if cxx != ["-"]:
            found += compile_alone([*cxx, "-std=c++11"], root, name, ".cc")
        found += uncommented_calls(path)
        n += 1
    for top in ("src", "sim", "gateway"):
        for path in sorted((root / top).rglob("*.h")):
            base = root / "src" if top == "src" else root
            found += compile_alone([*cc, "-std=gnu17", "-D_GNU_SOURCE", "-Wno-pedantic",
                                    '-DTR_VERSION="0"'], root,
                                   path.relative_to(base).as_posix(), ".c")
            if "#pragma once" not in path.read_text():
                found.append(f"{path}: no #pragma once")
            n += 1
    print("\n".join(found) or f"{n} headers stand alone")
    sys.exit(bool(found) or n < 10)


main()
