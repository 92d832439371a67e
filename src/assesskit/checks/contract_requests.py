"""The requests of an exploration: values at a limit, beyond it, of another type; and those that were generated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemathesis import Case

from assesskit.checks.contract_document import resolved

ZOO: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**30, "", " ", "3", "x", [], {})


def bodies(contract: dict[str, Any], path: str) -> Iterator[Any]:
    """Bodies that differ in one thing from the contract's example: at a limit, beyond it, of another type, missing."""
    media = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    example = media["example"]
    schema = resolved(contract, media["schema"])
    for name, given_schema in schema["properties"].items():
        rest = {key: value for key, value in example.items() if key != name}
        yield rest
        limits = _limits(resolved(contract, given_schema))
        yield from ({**rest, name: value} for value in (*ZOO, *limits))
    yield {**example, "unexpected": 1}
    yield from ([], [example], "x", 3, None)


def queries(contract: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """Queries of one parameter: at a limit, beyond it, of another type."""
    for given_parameter in contract["paths"][path]["get"]["parameters"]:
        parameter = resolved(contract, given_parameter)
        values = (*ZOO, *_limits(resolved(contract, parameter["schema"])))
        yield from ({parameter["name"]: value} for value in values)


def _limits(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("minimum", "maximum"):
        if name in schema:
            yield from (schema[name] - 1, schema[name], schema[name] + 1)
    for name in ("minLength", "maxLength"):
        if name in schema:
            yield from ("A" * (schema[name] + more) for more in (-1, 0, 1))
    if "maxLength" in schema:
        yield "\u00e9" * schema["maxLength"]  # characters are counted, not bytes


def body_of(case: Case[Any]) -> bytes:
    """The body of a generated request; empty when it has none, or one that JSON cannot say."""
    if isinstance(case.body, bytes):
        return case.body
    try:
        return json.dumps(case.body, allow_nan=False).encode()
    except (TypeError, ValueError):
        return b""


def text_of(value: object) -> str:
    """A value as it stands in a query."""
    return value if isinstance(value, str) else json.dumps(value)
