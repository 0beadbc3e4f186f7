#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What built libraries export and import, read off them with nm and readelf.

    exports.py driver LIBRARY NAMES.txt SYMS.def    the virtual driver: exports, imports, soname
    exports.py library LIBRARY HEADER...            libtranche: exports what its headers declare
    exports.py prefix BUILD_DIR                     static libraries: every global name begins tr_
"""
import pathlib
import re
import subprocess
import sys

# The newest that the virtual driver may ask of the libc of the program that loads it: Debian 12's
# is 2.36, Ubuntu 22.04's (the base of most model images) 2.35.
GLIBC_MAX = (2, 34)

# It lives in a stranger's process: it ends nothing, prints nothing, handles no signal, starts no
# thread or program.
FORBIDDEN = re.compile(
    r"^(_*exit|_Exit|quick_exit|atexit|abort|__assert_fail|raise|kill|perror|v?syslog|std(out|err)|"
    r"(__)?v?(f|d)?printf(_chk)?|f?puts|f?putc|putchar|fwrite|signal|sigaction|pthread_create|"
    r"fork|vfork|execv\w*|posix_spawn\w*|system|popen|setenv|putenv|unsetenv)$")


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def read_list(path):
    lines = pathlib.Path(path).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def exported(library):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", library)
            .splitlines() if line.split()[-2] != "A"}


def differ(found, wanted, what):
    return [f"{what}: not wanted: {name}" for name in sorted(found - wanted)] + [
        f"{what}: missing: {name}" for name in sorted(wanted - found)]


def check_imports(library):
    found = []
    for line in run("nm", "-D", "--undefined-only", library).splitlines():
        kind, symbol = line.split()[-2:]
        name, _, version = symbol.partition("@")
        if FORBIDDEN.match(name):
            found.append(f"imports {name}: a guest does not do that")
        if version.startswith("GLIBC_"):
            number = tuple(int(n) for n in version[6:].split(".")[:2])
            if number > GLIBC_MAX:
                found.append(f"imports {symbol}: newer than GLIBC_{GLIBC_MAX[0]}.{GLIBC_MAX[1]}")
        elif kind != "w":
            found.append(f"imports {symbol}: not of libc")
    return found


def check_driver(library, names, syms_def):
    called = set(re.findall(r"^(?:NEED|WANT)\((\w+)\)", pathlib.Path(syms_def).read_text(), re.M))
    # Bodies of ours: the stubs that fill up the list answer NOT_SUPPORTED.
    sources = pathlib.Path(syms_def).parents[2].glob("sim/*.c")
    modelled = set(re.findall(r"^(?:[\w ]+\*?\b|[A-Z_]+\()(nvml\w+)[(,)]", "\n".join(
        source.read_text() for source in sources), re.M))
    dynamic = run("readelf", "-d", library)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    found = differ(exported(library), read_list(names), "export list")
    found += check_imports(library)
    found += [f"needs {lib}" for lib in needed - {"libc.so.6"} if not lib.startswith("ld-linux")]
    found += [f"{name} is called by us and not modelled" for name in sorted(called - modelled)]
    if "[libnvidia-ml.so.1]" not in dynamic:
        found.append("the soname is not libnvidia-ml.so.1")
    if not called:
        found.append(f"{syms_def} names nothing")
    return found


def check_library(library, *headers):
    declared = set()
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", pathlib.Path(header).read_text(), flags=re.S)
        declared |= set(re.findall(r"\b(tr_\w+)\s*\([^;{}]*\)\s*;", text))
    return differ(exported(library), declared, "export list")


def check_prefix(build):
    found, n = [], 0
    for archive in sorted(pathlib.Path(build).rglob("*.a")):
        if archive.is_relative_to(pathlib.Path(build) / "tests"):
            continue
        for line in run("nm", "-g", "--defined-only", str(archive)).splitlines():
            fields = line.split()
            if len(fields) != 3 or fields[2].startswith(("__asan", "__odr_asan", "__ubsan")):
                continue
            n += 1
            if not fields[2].startswith("tr_"):
                found.append(f"{archive.name}: global name {fields[2]} does not begin tr_")
    return found if n > 50 else [f"only {n} global names found in {build}"]


def main():
    checks = {"driver": check_driver, "library": check_library, "prefix": check_prefix}
    found = checks[sys.argv[1]](*sys.argv[2:])
    print("\n".join(found))
    sys.exit(bool(found))


main()
