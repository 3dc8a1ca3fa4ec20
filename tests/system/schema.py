# SPDX-License-Identifier: MIT
"""Checks JSON by the part of JSON Schema that docs/schemas uses. An unknown keyword is an error, not a pass."""
import json
import os
import re

from system.harness import TOP, expect

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
TEXT = {"$schema", "title", "description"}
KNOWN = TEXT | {"type", "const", "enum", "oneOf", "pattern", "minimum", "required", "properties", "patternProperties",
                "additionalProperties", "items"}


def schema(name):
    """One of docs/schemas."""
    with open(os.path.join(TOP, "docs", "schemas", f"{name}.schema.json"), encoding="utf-8") as file:
        return json.load(file)


def is_of(value, kind):
    """Whether VALUE has the type of this name; a boolean is no number."""
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def errors(value, by, where="$"):
    """Yields what is wrong, each with where."""
    expect(set(by) <= KNOWN, f"the schema has keywords that are not checked: {set(by) - KNOWN}")
    kinds = by.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of(value, kind) for kind in kinds):
        yield f"{where}: {value!r} is no {' or '.join(kinds)}"
        return
    if "const" in by and value != by["const"] or "enum" in by and value not in by["enum"]:
        yield f"{where}: {value!r} is not {by.get('const', by.get('enum'))!r}"
    if "oneOf" in by:
        found = [list(errors(value, one, where)) for one in by["oneOf"]]
        if sum(not found_errors for found_errors in found) != 1:
            yield f"{where}: {value!r} is not exactly one of the {len(found)} kinds: {min(found, key=len)}"
    if isinstance(value, str) and "pattern" in by and not re.search(by["pattern"], value):
        yield f"{where}: {value!r} does not match {by['pattern']}"
    if isinstance(value, (int, float)) and "minimum" in by and value < by["minimum"]:
        yield f"{where}: {value!r} is below {by['minimum']}"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from errors(item, by.get("items", {}), f"{where}[{number}]")
    if isinstance(value, dict):
        yield from object_errors(value, by, where)


def object_errors(value, by, where):
    """Of an object's members."""
    for key in by.get("required", []):
        if key not in value:
            yield f"{where}: there is no {key!r}"
    for key, member in value.items():
        patterns = [one for pattern, one in by.get("patternProperties", {}).items() if re.search(pattern, key)]
        ways = ([by["properties"][key]] if key in by.get("properties", {}) else []) + patterns
        rest = by.get("additionalProperties", True)
        if not ways and rest is False:
            yield f"{where}: {key!r} is not in the schema"
        for one in ways or ([rest] if isinstance(rest, dict) else []):
            yield from errors(member, one, f"{where}.{key}")


def expect_valid(value, name):
    """Fails with the first errors."""
    found = list(errors(value, schema(name)))
    expect(not found, f"{name}: " + "; ".join(found[:3]))
