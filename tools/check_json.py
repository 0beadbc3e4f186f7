#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a JSON document against its schema.

    check_json.py SCHEMA [FILE]      (standard input without FILE)
    check_json.py --schemas FOLDER   (are the schemas themselves sound?)

Names every place that does not fit. A schema of ours allows no key that it does not name, so
a key that a command gains must be documented.
"""
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("check_json.py: needs jsonschema: apt-get install python3-jsonschema")


def open_objects(schema, path="$"):
    """Objects in a schema that allow unnamed keys."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            yield path
        for key, value in schema.items():
            yield from open_objects(value, f"{path}.{key}")


def check_schemas(folder):
    bad = 0
    files = sorted(pathlib.Path(folder).glob("*.schema.json"))
    for file in files:
        schema = json.loads(file.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        for path in open_objects(schema):
            print(f"{file.name}: {path} allows keys that it does not name")
            bad += 1
    if not files:
        print(f"{folder}: no schemas")
    return bad or not files


def check_document(schema_file, text):
    schema = json.loads(pathlib.Path(schema_file).read_text())
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(json.loads(text)), key=str)
    for error in errors:
        where = "/".join(str(part) for part in error.absolute_path) or "top"
        print(f"{where}: {error.message}")
    return len(errors)


def main(args):
    if args[0] == "--schemas":
        return check_schemas(args[1])
    return check_document(args[0], pathlib.Path(args[1]).read_text() if args[1:] else sys.stdin.read())


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(1 if main(sys.argv[1:]) else 0)
