"""The JSON Schema of hybridgw.yaml, for editors: generated from the structs that read it.

Two things are added to what the structs say. Any value may be a reference such as `${PORT}`, which
an editor sees as text; and the binder takes a number where a text is meant (`model: 8`), so the
schema does too.
"""

import json
import sys
from typing import Any

import msgspec

from hybridgw.config.native import NativeFile

_REFERENCE = {"type": "string", "pattern": r"\$\{"}


def native_schema() -> dict[str, Any]:
    """The schema as plain data, draft 2020-12."""
    (root,), components = msgspec.json.schema_components([NativeFile], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hybridgw.yaml",
        **root,
        "$defs": {name: _open(msgspec.to_builtins(part)) for name, part in sorted(components.items())},
    }
    # Through JSON once, so that the data is exactly what is published (lists, no tuples).
    data: dict[str, Any] = json.loads(msgspec.json.encode(schema))
    return data


def render() -> str:
    """The schema as the file that is published."""
    return json.dumps(native_schema(), indent=2) + "\n"


def _open(part: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _property(value) for name, value in part.get("properties", {}).items()}
    return {**part, "properties": properties, "additionalProperties": False}


def _property(value: dict[str, Any]) -> dict[str, Any]:
    if "items" in value:
        return {**value, "items": _property(value["items"])}
    if isinstance(value.get("additionalProperties"), dict):
        return {**value, "additionalProperties": _property(value["additionalProperties"])}
    if "anyOf" in value:
        options = [_property(option) for option in value["anyOf"]]
        flat: list[dict[str, Any]] = []
        for option in options:
            flat += option.get("anyOf", [option])
        unique = [o for i, o in enumerate(flat) if o not in flat[:i]]
        return {**value, "anyOf": unique}
    kind = value.get("type")
    if kind in ("integer", "number") and "pattern" in value:
        # A duration or a size: its pattern is about the spelling as text.
        return {**value, "type": [kind, "string"]}
    if kind == "string" and "pattern" not in value and "minLength" not in value:
        return {**value, "type": ["string", "number"]}
    if kind in ("integer", "number", "boolean") or "enum" in value:
        described = {k: v for k, v in value.items() if k in ("description", "default")}
        rest = {k: v for k, v in value.items() if k not in described}
        return {**described, "anyOf": [rest, _REFERENCE]}
    return value


if __name__ == "__main__":
    sys.stdout.write(render())
