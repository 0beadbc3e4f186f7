#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a body that answers NOT_SUPPORTED for each NVML name that sim/ does not model.

    gen_nvml_stubs.py OUT.c NAMES.txt SOURCE.c...

A name counts as modelled when a source defines it at a line's start, or by one of its macros there
(MACRO(nvmlX, ...)). A definition that the list of
the real library's names does not hold stops the build.
"""
import pathlib
import re
import sys

DEFINITION = re.compile(r"^(?:[\w ]+\*?\b|[A-Z_]+\()(nvml\w+)[(,)]", re.MULTILINE)


def main():
    out_path, names_path, *sources = sys.argv[1:]
    lines = pathlib.Path(names_path).read_text().splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    modelled = set()
    for source in sources:
        modelled |= set(DEFINITION.findall(pathlib.Path(source).read_text()))
    unknown = modelled - set(names)
    if unknown:
        sys.exit(f"{names_path}: the real library has no {', '.join(sorted(unknown))}")
    out = ["/* Generated from data/nvml-symbols.txt by tools/gen_nvml_stubs.py. */",
           '#include "sim/unmodelled.h"', "",
           "/* Numbers or pointers, never a struct or a double: one shape serves every signature. */",
           "#define STUB(name)                                                       \\",
           '\t__attribute__((visibility("default"))) int name(uintptr_t, uintptr_t, uintptr_t); \\',
           "\tint name(uintptr_t first, uintptr_t second, uintptr_t third)            \\",
           "\t{                                                                   \\",
           "\t\treturn tr_drv_unmodelled(TR_FN_##name, first, second, third);   \\",
           "\t}", ""]
    out += [f"STUB({name})" for name in sorted(set(names) - modelled)]
    pathlib.Path(out_path).write_text("\n".join(out) + "\n")


main()
