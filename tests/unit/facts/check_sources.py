#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each field of data/gpus and data/boards.json says how it was seen and where.

    check_sources.py BOARDS.json GPU.json...
"""
import fnmatch
import json
import sys

SEEN = {"hw", "nvidia-doc", "derived", "analogy", "third-party", "vendor-mock"}
SAID_ELSEWHERE = {"key", "title", "arch", "chip", "source", "sources", "notes", "profiles",
                  "bar1_mib_seen", "compute_slices", "memory_slices", "nvml_enum_value", "slices",
                  "size", "compute_instances", "default"}


def complaints(where, row):
    sources = row.get("source", {})
    if isinstance(sources, list):
        sources = {"all": sources}
    for field, source in sources.items():
        if len(source) != 2 or source[0] not in SEEN or not source[1].strip():
            yield f"{where}: '{field}' has no source that counts: {source}"
    if "all" in sources:
        return
    # A card whose profiles were seen has MIG.
    said = SAID_ELSEWHERE | ({"mig"} if row.get("profiles") else set())
    for field in row.keys() - said - sources.keys():
        if row[field] not in (False, "none", {}, []):
            yield f"{where}: '{field}' does not say where it is from"


def boards(path):
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)["boards"]
    for row in rows:
        for field in row.keys() - {"product", "source"}:
            sources = [s for name, s in row["source"].items() if fnmatch.fnmatch(field, name)]
            if row[field] is not None and not sources:
                yield f"{row['product']}: '{field}' does not say where it is from"
            for source in sources:
                if len(source) != 2 or source[0] not in SEEN or not source[1].strip():
                    yield f"{row['product']}: '{field}' has no source that counts: {source}"


def main():
    found = list(boards(sys.argv[1]))
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as file:
            gpu = json.load(file)
        found += complaints(path, gpu)
        for profile in gpu["profiles"]:
            found += complaints(f"{path}: {profile['name']}", profile)
            for compute in profile["compute_instances"]:
                found += complaints(f"{path}: {profile['name']}: {compute['name']}", compute)
    print("\n".join(found))
    sys.exit(bool(found) or len(sys.argv) < 11)


main()
