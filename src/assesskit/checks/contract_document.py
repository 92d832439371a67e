"""An OpenAPI document as a service publishes it, read with suspicion.

It may be huge, deep, cyclic or point elsewhere: sizes are capped, nothing remote is ever fetched, and the full
validation (which runs the document's own patterns) happens in a process of its own with a deadline.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

MAX_BYTES = 1024 * 1024
"""Size of a document."""
MAX_VALUES = 50_000
"""Objects, arrays and scalars in a document."""
MAX_DEPTH = 64
"""Nesting of a document, and references followed one after the other."""
VALIDATION_SECONDS = 30.0
SHOWN_PROBLEMS = 5
VERSIONS = ("3.0.", "3.1.")
DATA_KEYS = frozenset({"example", "examples", "default", "enum", "const"})
"""Below these keys a document holds data, in which ``$ref`` is a word like any other."""


class DocumentError(ValueError):
    """The document cannot be taken as OpenAPI; the message says why, `pointer` (RFC 6901) where."""

    def __init__(self, reason: str, pointer: str = "#") -> None:
        self.pointer = pointer
        super().__init__(f"{pointer}: {reason}")


def pointed(pointer: str, *names: object) -> str:
    """A JSON pointer, some steps further down (RFC 6901)."""
    return "/".join([pointer, *(str(name).replace("~", "~0").replace("/", "~1") for name in names)])


def bounded(document: object) -> dict[str, Any]:
    """The document, once it is known to be an object of OpenAPI 3.0 or 3.1 within our limits. Raises DocumentError."""
    if not isinstance(document, dict):
        raise DocumentError(f"expected an object, got {type(document).__name__}")
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(VERSIONS):
        raise DocumentError(f"expected version 3.0.x or 3.1.x, got {str(version)[:40]!r}", "#/openapi")
    if not isinstance(document.get("paths"), dict):
        raise DocumentError("it is missing, or no object", "#/paths")
    _measure(document)
    return document


def _measure(document: dict[str, Any]) -> None:
    todo: list[tuple[object, str, int, bool]] = [(document, "#", 0, False)]
    count = 0
    while todo:
        value, pointer, depth, is_data = todo.pop()
        count += 1
        if count > MAX_VALUES:
            raise DocumentError(f"it has more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise DocumentError(f"it is nested more than {MAX_DEPTH} levels deep", pointer[:200])
        children: list[tuple[str, object]] = []
        if isinstance(value, dict):
            if not is_data:
                _check_references(document, value, pointer)
            children = list(value.items())
        elif isinstance(value, list):
            children = [(str(index), child) for index, child in enumerate(value)]
        for name, child in children:
            todo.append((child, pointed(pointer, name), depth + 1, is_data or name in DATA_KEYS))


def _check_references(root: dict[str, Any], value: dict[str, Any], pointer: str) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        target = value.get(keyword)
        if not isinstance(target, str):
            continue
        if not target.startswith("#"):
            raise DocumentError(f"it refers to {target[:80]!r}, outside the document; nothing is fetched", pointer)
        if target.startswith("#/"):
            _at(root, target, pointer)


def resolved(root: dict[str, Any], node: object) -> dict[str, Any]:
    """An object with its local reference followed; a schema ``true`` is ``{}``. Raises DocumentError.

    Keywords beside a ``$ref`` (allowed in 3.1) are kept as a second part of an ``allOf``.
    """
    for _ in range(MAX_DEPTH):
        if node is True:
            return {}
        if not isinstance(node, dict):
            raise DocumentError(f"expected an object, got {str(node)[:40]!r}")
        target = node.get("$ref")
        if not isinstance(target, str):
            return node
        beside = {key: value for key, value in node.items() if key not in ("$ref", "description", "summary")}
        found = _at(root, target, "#")
        if beside:
            return {"allOf": [found, beside]}
        node = found
    raise DocumentError("its references lead in a circle")


def _at(root: dict[str, Any], target: str, pointer: str) -> object:
    node: object = root
    for step in target.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            raise DocumentError(f"it refers to {target[:200]!r}, which is nowhere in the document", pointer)
    return node


def validation_problems(document: dict[str, Any], *, seconds: float = VALIDATION_SECONDS) -> list[str]:
    """What OpenAPI's own schema has against the document, each as ``pointer: reason``; empty when it is valid."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "assesskit.checks.contract_document"],
            input=json.dumps(document).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"#: it could not be validated within {seconds:g} seconds"]
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return [f"#: validating it ended with status {done.returncode} {' '.join(last)[:200]}"]
    problems: list[str] = json.loads(done.stdout)
    return problems


def _validate(document: dict[str, Any]) -> list[str]:
    from jsonschema_path import SchemaPath
    from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

    kind = OpenAPIV30SpecValidator if document["openapi"].startswith("3.0.") else OpenAPIV31SpecValidator
    problems = []
    for error in kind(SchemaPath.from_dict(document, handlers={})).iter_errors():
        closest = error
        while closest.context:  # the branch that came furthest says best what is wrong
            closest = max(closest.context, key=lambda tried: len(tried.absolute_path))
        problems.append(f"{pointed('#', *closest.absolute_path)}: {closest.message.splitlines()[0][:200]}")
        if len(problems) == SHOWN_PROBLEMS:
            break
    return problems


if __name__ == "__main__":
    json.dump(_validate(json.load(sys.stdin)), sys.stdout)
