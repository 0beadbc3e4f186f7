#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers NVML's names, for counting and failing calls: an enum and the table of its texts.

    gen_nvml_names.py OUT.h OUT.c NAMES.txt
"""
import pathlib
import sys


def main():
    header_path, source_path, names_path = sys.argv[1:]
    lines = pathlib.Path(names_path).read_text().splitlines()
    names = sorted(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    note = "/* Generated from data/nvml-symbols.txt by tools/gen_nvml_names.py. */"
    header = [note, "#pragma once", "", "enum tr_sim_fn {"]
    header += [f"\tTR_FN_{name}," for name in names]
    header += ["\tTR_FN_COUNT", "};", "", "extern const char *const tr_sim_fn_names[TR_FN_COUNT];"]
    source = [note, '#include <nvml_names.h>', "",
              "const char *const tr_sim_fn_names[TR_FN_COUNT] = {"]
    source += [f'\t"{name}",' for name in names]
    source += ["};"]
    pathlib.Path(header_path).write_text("\n".join(header) + "\n")
    pathlib.Path(source_path).write_text("\n".join(source) + "\n")


main()
