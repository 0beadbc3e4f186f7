#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds every #include against the layer table of ARCHITECTURE.md, which is its input.

    check_layers.py [ROOT]

Names file:line of each include that the table forbids, that says "../", or that stands where x.c
must include x.h first.
"""
import pathlib
import re
import sys

ROW = re.compile(r"^\| `([\w/]+)` \|([^|]*)\|", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def read_table(root):
    rows = ROW.findall((root / "ARCHITECTURE.md").read_text())
    return {layer: re.findall(r"`([^`]+)`", may_use) for layer, may_use in rows}


def layer_of(path, layers):
    """The deepest layer that holds a path."""
    inside = [layer for layer in layers if path == layer or path.startswith(layer + "/")]
    return max(inside, key=len, default=None)


def target_of(root, source, name):
    """Where an include points to in this tree; None for a system header."""
    for place in (f"src/{name}", name, f"include/{name}", f"{source.parent.as_posix()}/{name}"):
        if (root / place).is_file():
            return place
    return None


def complaints(root, table, source):
    text = (root / source).read_text()
    layer = layer_of(source.as_posix(), table)
    own = source.with_suffix(".h")
    first = True
    for match in INCLUDE.finditer(text):
        at = f"{source}:{text.count(chr(10), 0, match.start(2)) + 1}"
        name, target = match[2], target_of(root, source, match[2])
        if "../" in name:
            yield f'{at}: "../" in an include'
        if first and source.suffix == ".c" and (root / own).is_file() and target != own.as_posix():
            yield f'{at}: the first include of {source.name} must be "{own.name}"'
        first = False
        if target is None:
            if match[1] == '"':
                yield f'{at}: "{name}" is nowhere in the tree'
            continue
        goal = layer_of(target, table)
        allowed = [layer, *table[layer]]
        if goal != layer and not any(a in (target, goal) for a in allowed):
            yield f"{at}: {layer} may not use {goal or target}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    table = read_table(root)
    sources = [p.relative_to(root) for top in ("src", "sim", "gateway")
               for p in sorted((root / top).rglob("*")) if p.suffix in (".c", ".h", ".def")]
    found = [f"{s}: no layer of ARCHITECTURE.md holds it" for s in sources
             if layer_of(s.as_posix(), table) is None]
    for source in sources:
        if layer_of(source.as_posix(), table):
            found += complaints(root, table, source)
    print("\n".join(found) or f"{len(sources)} files keep to {len(table)} layers")
    sys.exit(bool(found))


main()
