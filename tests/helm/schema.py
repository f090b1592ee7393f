"""As much of JSON Schema as values.schema.json uses; a word it does not know is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
}
_KNOWN = {
    *("$schema", "title", "type", "properties", "required", "additionalProperties", "items", "enum"),
    *("pattern", "minLength", "minItems", "minimum", "maximum"),
}


def problems(schema: Mapping[str, Any], value: Any, path: str = "values") -> Iterator[str]:
    """Where `value` is not what `schema` wants."""
    if unknown := schema.keys() - _KNOWN:
        yield f"{path}: the schema uses {sorted(unknown)}, which this check does not know"
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{path}: is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        if len(value) < schema.get("minLength", 0):
            yield f"{path}: is too short"
    elif isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: has too few entries"
        for at, item in enumerate(value):
            yield from problems(schema.get("items", {}), item, f"{path}[{at}]")
    elif isinstance(value, dict):
        yield from _members(schema, value, path)


def _members(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: is missing"
    known = schema.get("properties", {})
    further = schema.get("additionalProperties", True)
    for name, one in value.items():
        if name in known:
            yield from problems(known[name], one, f"{path}.{name}")
        elif further is False:
            yield f"{path}.{name}: is not known"
        elif isinstance(further, Mapping):
            yield from problems(further, one, f"{path}.{name}")
