#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command and option of the program is in its man page, and nothing else is.

    check_man.py TRANCHE FOLDER

The commands come from the program itself (`tranche help --list`), the pages are FOLDER/*.scd. A
command's page is the one that has a line beginning with its name in bold.
"""
import pathlib
import re
import subprocess
import sys


def read_commands(program):
    """{path: [(long, short, value)]}"""
    commands = {}
    out = subprocess.run([program, "help", "--list"], check=True, capture_output=True, text=True)
    for line in out.stdout.splitlines():
        kind, path, *rest = line.split("\t")
        if kind == "command":
            commands[path] = []
        else:
            commands[path].append(tuple(rest))
    return commands


def section(text, name):
    match = re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def page_of(path, pages):
    """The page and the synopsis line of a command; a page of its own before the common one."""
    for name in sorted(pages, key=lambda page: page == "tranche.1"):
        lines = re.findall(rf"^\*tranche {path}\*(?=[ \n+]).*", pages[name], re.MULTILINE)
        if lines:
            return name, " ".join(lines)
    return None, ""


def check_command(path, options, pages):
    name, synopsis = page_of(path, pages)
    if not name:
        yield f"'tranche {path}' is in no page"
        return
    if f"*tranche {path}*" not in pages["tranche.1"]:
        yield f"tranche.1 does not name 'tranche {path}'"
    heads = [line for line in section(pages[name], "OPTIONS").splitlines() if line.startswith("*-")]
    for long, short, value in options:
        want = (f"*{short}*, " if short else "") + f"*{long}*" + (f" _{value}_" if value else "")
        if want not in heads:
            yield f"{name}: OPTIONS has no line '{want}' ('tranche {path}')"
        if long != "--help" and f"*{long}*" not in synopsis and f"*{short}*" not in synopsis:
            yield f"{name}: the synopsis of 'tranche {path}' lacks {long}"


def check_page(name, text, commands, pages):
    """What a page says must be there."""
    known = {long for options in commands.values() for long, _, _ in options} | {"--version"}
    for long in set(re.findall(r"\*(--[a-z-]+)\*", text)) - known:
        yield f"{name}: no command has an option {long}"
    for word in set(re.findall(r"\*(tranche[\w.-]*)\*\(", text)):
        if not any(page.rsplit(".", 1)[0] == word for page in pages):
            yield f"{name}: there is no page {word}"


def main(program, folder):
    commands = read_commands(program)
    pages = {file.stem: file.read_text() for file in sorted(pathlib.Path(folder).glob("*.scd"))}
    bad = []
    for path, options in commands.items():
        bad += check_command(path, options, pages)
    for name, text in pages.items():
        if name.endswith(".1"):
            bad += check_page(name, text, commands, pages)
    print("\n".join(bad) or f"{len(commands)} commands, {len(pages)} pages: all documented")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
