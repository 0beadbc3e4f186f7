#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns data/gpus/*.json into the const tables that src/facts/tables.h declares.

    gen_facts.py OUT.c BOARDS.json IN.json...

A row with an unknown field (null, or no source) stops the build: such a GPU has no place in
data/gpus until the field is known. A board's unknown fields become 0 or NULL.
"""
import json
import pathlib
import sys

ARCH = {"ampere": "TR_ARCH_AMPERE", "ada": "TR_ARCH_ADA", "hopper": "TR_ARCH_HOPPER",
        "blackwell": "TR_ARCH_BLACKWELL"}
CI_RULE = {"none": "TR_CI_NONE", "first-fit": "TR_CI_FIRST_FIT", "cts-aligned": "TR_CI_CTS_ALIGNED"}
NUMBERS = ["sm", "ce", "dec", "enc", "jpeg", "ofa"]
FIELDS = ["name", "id", "nvml_enum", "nvml_enum_value", "slices", "memory_mib", "p2p",
          "max_instances", "starts", "size"] + NUMBERS


def fail(path, text):
    sys.exit(f"{path}: {text}")


def check(path, gpu):
    for profile in gpu["profiles"]:
        for field in FIELDS:
            if profile.get(field) is None:
                fail(path, f"profile {profile.get('name')}: '{field}' is unknown")
        for field in set(FIELDS) - {"nvml_enum_value", "slices", "size"}:
            if field not in profile["source"]:
                fail(path, f"profile {profile['name']}: '{field}' has no source")
        if not any(ci["default"] for ci in profile["compute_instances"]):
            fail(path, f"profile {profile['name']}: no default compute instance")


def c_bool(value):
    return "true" if value else "false"


def emit(path, gpu, out):
    ident = gpu["key"].replace("-", "_")
    for index, profile in enumerate(gpu["profiles"]):
        out.append(f"static const struct tr_ci_profile {ident}_ci_{index}[] = {{")
        for ci in profile["compute_instances"]:
            out.append(f'\t{{ "{ci["name"]}", {ci["id"]}, {ci["slices"]}, {ci["sm"]}, '
                       f'{ci["max_instances"]}, {c_bool(ci["default"])} }},')
        out.append("};")
    if gpu["profiles"]:
        out.append(f"static const struct tr_gi_profile {ident}_profiles[] = {{")
    for index, profile in enumerate(gpu["profiles"]):
        starts = ", ".join(map(str, profile["starts"]))
        numbers = ", ".join(f".{n} = {profile[n]}" for n in NUMBERS)
        out.append(f'\t{{ .name = "{profile["name"]}", .id = {profile["id"]}, '
                   f'.nvml_enum = {profile["nvml_enum_value"]}, .slices = {profile["slices"]}, '
                   f'.memory_mib = {profile["memory_mib"]}, {numbers}, '
                   f'.p2p = {c_bool(profile["p2p"])}, .max_instances = {profile["max_instances"]}, '
                   f'.size = {profile["size"]}, .n_starts = {len(profile["starts"])}, '
                   f'.starts = {{ {starts} }}, '
                   f'.n_ci_profiles = {len(profile["compute_instances"])}, '
                   f'.ci_profiles = {ident}_ci_{index} }},')
    if gpu["profiles"]:
        out.append("};")
    for kind, places in gpu["gi_ids"].items():
        out.append(f"static const struct tr_gi_place {ident}_{kind}[] = {{")
        for place, gi_id in places.items():
            start, size = place.split(":")
            out.append(f"\t{{ {start}, {size}, {gi_id} }},")
        out.append("};")


def model_row(gpu):
    ident = gpu["key"].replace("-", "_")
    ids = gpu["gi_ids"]
    kinds = ["normal", "swapped"]
    n_places = ", ".join(str(len(ids.get(kind, {}))) for kind in kinds)
    places = ", ".join(f"{ident}_{kind}" if kind in ids else "NULL" for kind in kinds)
    return (f'\t{{ .key = "{gpu["key"]}", .title = "{gpu["title"]}", .arch = {ARCH[gpu["arch"]]}, '
            f'.has_mig = {c_bool(gpu["mig"])}, '
            f'.mig_mode_survives_reboot = {c_bool(gpu["mig_mode_survives_reboot"])}, '
            f'.mig_mode_needs_reset = {c_bool(gpu["mig_mode_needs_reset"])}, '
            f'.ci_rule = {CI_RULE[gpu["ci_placement"]]}, '
            f'.memory_total_mib = {gpu["memory_total_mib"]}, '
            f'.compute_slices = {gpu["compute_slices"]}, .memory_slices = {gpu["memory_slices"]}, '
            f'.n_profiles = {len(gpu["profiles"])}, '
            f'.profiles = {ident + "_profiles" if gpu["profiles"] else "NULL"}, '
            f'.n_places = {{ {n_places} }}, .places = {{ {places} }} }},')


BOARD_TEXTS = ["part_number", "vbios", "inforom_image", "inforom_oem", "inforom_ecc"]


def emit_boards(path, out):
    """The names of the structs, by product."""
    names = {}
    for board in json.loads(pathlib.Path(path).read_text())["boards"]:
        fields = []
        for field, value in board.items():
            if field in ("product", "source") or value is None:
                continue
            if field in BOARD_TEXTS:
                fields.append(f'.{field} = "{value}"')
            else:
                fields.append(f".{field} = {c_bool(value) if isinstance(value, bool) else value}")
        names[board["product"]] = "board_" + board["product"].replace("-", "_")
        out.append(f"static const struct tr_gpu_board {names[board['product']]} = {{ "
                   f"{', '.join(fields)} }};")
    return names


def main():
    out_path, boards_path, *in_paths = sys.argv[1:]
    out = ["/* Generated from data/gpus/ by tools/gen_facts.py: change those, not this. */",
           '#include "facts/tables.h"', ""]
    gpus = []
    for path in sorted(in_paths):
        gpu = json.loads(pathlib.Path(path).read_text())
        check(path, gpu)
        emit(path, gpu, out)
        gpus.append(gpu)
    boards = emit_boards(boards_path, out)
    out += ["", "const struct tr_gpu_model tr_facts__models[] = {"]
    out += [model_row(gpu) for gpu in gpus]
    out += ["};", f"const size_t tr_facts__n_models = {len(gpus)};", "",
            "const struct tr_gpu_product tr_facts__products[] = {"]
    n_products = 0
    for index, gpu in enumerate(gpus):
        for product in gpu["products"]:
            name = boards.pop(product["key"], None)
            out.append(f'\t{{ "{product["key"]}", "{product["name"]}", {product["pci_device_id"]}, '
                       f"&tr_facts__models[{index}], {'&' + name if name else 'NULL'} }},")
            n_products += 1
    if boards:
        fail(boards_path, f"no such products: {', '.join(boards)}")
    out += ["};", f"const size_t tr_facts__n_products = {n_products};", ""]
    pathlib.Path(out_path).write_text("\n".join(out))


main()
