"""Judges JSON Schemas of somebody nobody trusts, in a process of its own: ``python -m assesskit.checks.schema_judge``.

A schema may refer to itself without end, hold a pattern that takes years, or be very wide. So it is judged in a process
that has little memory, and so many seconds of processor as it is told: those do not depend on what else a machine does.
References are looked up among the schemas themselves; nothing is ever fetched.

One JSON document comes in, ``{"schemas": {name: …}, "values": [[name, value], …]}``, and one goes out,
``{"problems": {name: why it is no schema}, "refused": [why the schema refuses the value, "" when it does not, …]}``.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft4Validator, Draft202012Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MEMORY = 512 * 1024 * 1024
SHOWN = 200
PROBES: tuple[Any, ...] = ({}, [], "", 0, None, True)
"""Values that a schema is tried with: one that refers to itself without end shows it."""
NO_SCHEMAS = ("const", "enum", "default", "examples")
ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def judged(schemas: Mapping[str, Any], values: list[tuple[str, Any]]) -> dict[str, Any]:
    """Judge schemas, and values by them."""
    registry = _registry(schemas)
    problems = {name: told for name, schema in schemas.items() if (told := _problem(schema, registry))}
    validators = {name: _validator(schema, registry) for name, schema in schemas.items() if name not in problems}
    refused = [_refused(validators[name], value) if name in validators else "" for name, value in values]
    return {"problems": problems, "refused": refused}


def _registry(schemas: Mapping[str, Any]) -> Registry[Any]:
    """Every schema by its file's name and by its own ``$id``; the published metaschemas are known anyway."""
    registry: Registry[Any] = Registry()
    for name, schema in schemas.items():
        if isinstance(schema, dict | bool):
            held = Resource.from_contents(schema, default_specification=DRAFT202012)
            registry = registry.with_resource(name, held)
            if isinstance(own := held.id(), str) and own:
                registry = registry.with_resource(own, held)
    return registry


def _problem(schema: Any, registry: Registry[Any]) -> str:
    """Why it is no schema that can be used; empty when it is one."""
    try:
        return _unusable(schema, registry)
    except SchemaError as error:
        return f"{_where(error)}: {error.message[:SHOWN]}"
    except Unresolvable as error:
        return f"$ref: {str(error.ref)[:SHOWN]} leads nowhere"
    except RecursionError:
        return "it refers to itself without end, or is nested too deeply"
    except re.error as error:
        return f"a pattern is no regular expression: {str(error)[:SHOWN]}"


def _unusable(schema: Any, registry: Registry[Any]) -> str:
    if not isinstance(schema, dict):
        return "it is no JSON object, so it says nothing"
    if "$schema" in schema and _kind(schema) is not validator_for(schema, default=Draft4Validator):
        return f"$schema: {str(schema['$schema'])[:SHOWN]} is no dialect that is known"
    _kind(schema).check_schema(schema)
    for reference in _references(schema):
        if ELSEWHERE.match(reference) and _missing(registry, reference):
            return f"$ref: {reference[:SHOWN]} is not among the schemas that were handed in, and nothing is fetched"
    validator = _validator(schema, registry)
    for probe in PROBES:
        list(validator.iter_errors(probe))
    return ""


def _refused(validator: Validator, value: Any) -> str:
    try:
        found = best_match(validator.iter_errors(value))
    except (RecursionError, Unresolvable, re.error) as error:
        return f"it cannot be judged: {type(error).__name__}"
    return "" if found is None else f"{_where(found)}: {found.message[:SHOWN]}"


def _where(error: SchemaError | ValidationError) -> str:
    return "/" + "/".join(str(part) for part in error.absolute_path)


def _kind(schema: Any) -> type[Validator]:
    return validator_for(schema, default=Draft202012Validator)


def _validator(schema: Any, registry: Registry[Any]) -> Validator:
    kind = _kind(schema)
    return kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(reference := part.get("$ref"), str):
                yield reference
            waiting += [value for key, value in part.items() if key not in NO_SCHEMAS]
        elif isinstance(part, list):
            waiting += part


def _missing(registry: Registry[Any], reference: str) -> bool:
    try:
        registry.crawl().resolver().lookup(reference)
    except Unresolvable:
        return True
    return False


def main() -> None:
    """Judge what comes in."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = json.load(sys.stdin)
    answer = judged(told["schemas"], [(name, value) for name, value in told["values"]])
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
