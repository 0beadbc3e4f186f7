#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree that need no build.

    tree.py readmes ROOT    a README of at most 15 lines per folder, naming each of its files
    tree.py texts ROOT      SPDX lines, TODO only with an issue
    tree.py format ROOT     clang-format 14 has nothing to change; 77 where it is not installed
"""
import pathlib
import re
import shutil
import subprocess
import sys

FOLDERS = ["src", "sim", "gateway", "bench", "tests", "docs", "data", "tools", "packaging"]
SKIPPED = 77


def files_of(root):
    """What git knows, or would add; without git, everything."""
    done = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                          capture_output=True, text=True)
    if done.returncode:
        return sorted(p for p in root.rglob("*") if p.is_file() and ".git" not in p.parts
                      and not p.relative_to(root).parts[0].startswith("build"))
    return sorted(p for p in (root / line for line in done.stdout.splitlines()) if p.is_file())


def is_named(pattern, name):
    """x.c names x.h and x_priv.h too: a module is one thing."""
    return name.match(pattern) or name.suffix == ".h" and (
        name.with_suffix(".c").match(pattern) or
        name.name == pathlib.PurePath(pattern).stem + "_priv.h")


def check_readmes(root):
    found, folders = [], {}
    for path in files_of(root):
        parts = path.relative_to(root).parts
        if parts[0] in FOLDERS and len(parts) > 1:
            folders.setdefault(path.parent, []).append(path.name)
    for folder, names in sorted(folders.items()):
        where = folder.relative_to(root)
        readme = folder / "README.md"
        sources = [n for n in names if n not in ("README.md", "meson.build")]
        if not readme.is_file():
            # Corpora and the like are named in a folder above.
            below = folder
            while below != root and not (below.parent / "README.md").is_file():
                below = below.parent
            if sources and (below.parent in (root, root.parent) or
                            f"{below.name}/" not in (below.parent / "README.md").read_text()):
                found.append(f"{where}: no README.md")
            continue
        text = readme.read_text()
        if len(text.splitlines()) > 15:
            found.append(f"{where}/README.md: more than 15 lines")
        named = re.findall(r"[\w.*/-]+", "\n".join(
            line.split("|")[1] for line in text.splitlines() if line.startswith("| ")))
        found += [f"{where}/README.md: does not name {name}" for name in sources
                  if not any(is_named(n, pathlib.PurePath(name)) for n in named if "." in n)]
    return found


def check_texts(root):
    found = []
    for path in files_of(root):
        where = path.relative_to(root)
        if path.suffix not in (".c", ".h", ".def", ".py", ".sh", ".bats", ".md", ".build", ".scd"):
            continue
        text = path.read_text(errors="replace")
        if path.suffix in (".c", ".h", ".py", ".sh", ".bats", ".build") and \
                "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
            found.append(f"{where}: no SPDX line on top")
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!.*#\d)", line) and where.name != "tree.py" \
                    and path.suffix != ".md" and "XXXXXX" not in line:
                found.append(f"{where}:{number}: TODO without an issue")
    return found


def check_format(root):
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not program or " 14." not in subprocess.run(
            [program, "--version"], capture_output=True, text=True).stdout:
        print("clang-format 14 is not installed")
        sys.exit(SKIPPED)
    sources = [str(p) for p in files_of(root) if p.suffix in (".c", ".h")]
    done = subprocess.run([program, "--dry-run", "--Werror", *sources], capture_output=True,
                          text=True, cwd=root)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def main():
    checks = {"readmes": check_readmes, "texts": check_texts, "format": check_format}
    found = checks[sys.argv[1]](pathlib.Path(sys.argv[2]).resolve())
    print("\n".join(found))
    sys.exit(bool(found))


main()
