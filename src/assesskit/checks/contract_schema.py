"""A JSON schema of an OpenAPI document, spread into plain alternatives.

Styles differ: references or not, ``nullable`` or a list of types, ``anyOf`` with null, ``allOf`` around a reference.
Spread out, all of them say the same: a list of schemas, each of one JSON type, with the keywords that speak of it.
"""

from __future__ import annotations

from typing import Any

from assesskit.checks.contract_document import MAX_DEPTH, DocumentError, resolved

Schema = dict[str, Any]

MAX_ALTERNATIVES = 64
MAX_STEPS = 20_000
COMBINING = ("allOf", "anyOf", "oneOf", "nullable")
NUMERIC = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
SPEAKS_OF = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": NUMERIC,
    "number": NUMERIC,
}


class Schemas:
    """The schemas of one document. Every look costs a step, so that a hostile document ends in a DocumentError."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._steps = 0

    def alternatives(self, node: object, depth: int = 0) -> list[Schema]:
        """A schema as plain ones of one type each; one without ``type`` may be anything. Never empty."""
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            raise DocumentError("its schemas are too entangled to be read")
        schema = resolved(self._root, node)
        spread = [{key: value for key, value in schema.items() if key not in COMBINING}]
        for part in listed(schema, "allOf"):
            spread = _each_with(spread, self.alternatives(part, depth + 1))
        for key in ("anyOf", "oneOf"):
            branches = [one for branch in listed(schema, key) for one in self.alternatives(branch, depth + 1)]
            spread = _each_with(spread, branches) if branches else spread
        typed = [one for each in spread for one in _by_type(each)]
        if schema.get("nullable") is True and not any(one.get("type") == "null" for one in typed):
            typed.append({"type": "null"})
        return typed


def _each_with(left: list[Schema], right: list[Schema]) -> list[Schema]:
    if len(left) * len(right) > MAX_ALTERNATIVES:
        raise DocumentError(f"a schema has more than {MAX_ALTERNATIVES} alternatives")
    merged = [_merged(one, other) for one in left for other in right]
    return [one for one in merged if one is not None] or left[:1]


def _merged(one: Schema, other: Schema) -> Schema | None:
    """Both at once; None when their types exclude each other."""
    both = {**one, **other}
    first, second = _types(one), _types(other)
    if first and second:
        both["type"] = [name for name in first if name in second]
        if not both["type"]:
            return None
    if properties := mapping(one, "properties") | mapping(other, "properties"):
        both["properties"] = properties
    if required := names(one) | names(other):
        both["required"] = sorted(required)
    return both


def _by_type(schema: Schema) -> list[Schema]:
    types = _types(schema)
    if not types:
        return [schema]
    typed = []
    for name in types:
        one: Schema = {key: schema[key] for key in SPEAKS_OF.get(name, ()) if key in schema}
        one["type"] = name
        if values := enumerated(schema):
            one["enum"] = [value for value in values if _type_of(value) == name]
        typed.append(one)
    return typed


def _types(schema: Schema) -> list[str]:
    named = schema.get("type")
    if isinstance(named, str):
        return [named]
    if isinstance(named, list):
        return [name for name in named if isinstance(name, str)]
    if values := enumerated(schema):
        return sorted({_type_of(value) for value in values})
    if "properties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def _type_of(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def enumerated(schema: Schema) -> list[Any]:
    """The values a schema allows one by one; empty when it names none."""
    return [schema["const"]] if "const" in schema else listed(schema, "enum")


def listed(schema: Schema, key: str) -> list[Any]:
    """The list below a key; empty when there is none."""
    value = schema.get(key)
    return value if isinstance(value, list) else []


def mapping(schema: Schema, key: str) -> dict[str, Any]:
    """The object below a key; empty when there is none."""
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def names(schema: Schema) -> set[str]:
    """The names of the fields that are required."""
    return {name for name in listed(schema, "required") if isinstance(name, str)}
