"""Reads Kubernetes objects from YAML that anybody may have written, and holds them against the published schemas.

The schemas are those of `kubernetes.json`, shipped with the checks and never fetched. YAML is read without anchors, so
that a small file cannot unfold into a large value, and with limits on its depth and on its number of nodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from assesskit.checks.expect import Failure, expect
from assesskit.checks.submitted import Submitted

SERVICE = "Service"
APIS = {
    "Deployment": "apps/v1",
    SERVICE: "v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}
MOST_NODES = 20_000
DEEPEST = 60
LARGEST = 2**63
NO_VALUE = (ValueError, LookupError, AttributeError, ArithmeticError, TypeError)
"""What the parser raises for a number, a date or a truth value that is none."""
OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True)
class Manifest:
    """One Kubernetes object: the file it is in, its kind, and its fields."""

    file: str
    kind: str
    body: dict[str, Any]

    def __str__(self) -> str:
        name = find(self.body, "metadata", "name")
        return f"{self.kind} {name} in {self.file}" if isinstance(name, str) else f"{self.kind} in {self.file}"


@dataclass(frozen=True)
class Objects:
    """What runs a service: one of each kind, and as many Services as there are ways to it."""

    deployment: Manifest
    services: tuple[Manifest, ...]
    budget: Manifest
    scaler: Manifest


def manifests(submitted: Submitted, folder: str) -> Objects:
    """Return the objects of the four kinds in the YAML files right in `folder`; others are left alone.

    Raises Failure when one is missing, there twice, invalid, or a file cannot be read.
    """
    found: dict[str, list[Manifest]] = {kind: [] for kind in APIS}
    names = [path for path in submitted.paths if re.fullmatch(rf"{re.escape(folder)}/[^/]+\.ya?ml", path)]
    for manifest in (one for name in names for one in _objects(name, submitted.text(name))):
        if manifest.kind not in APIS:
            continue
        _valid(manifest)
        if found[manifest.kind] and manifest.kind != SERVICE:
            twins = f"{found[manifest.kind][0]}, {manifest}"
            raise Failure(f"there are two of a kind: {twins}", expected=f"one {manifest.kind}")
        found[manifest.kind].append(manifest)
    missing = [f"{kind} ({api})" for kind, api in APIS.items() if not found[kind]]
    expect(
        not missing,
        f"{folder}/ has no {', no '.join(missing)}",
        received=f"files: {', '.join(names) or 'none'}",
        expected="a Deployment, a Service, a PodDisruptionBudget and a HorizontalPodAutoscaler as plain YAML",
    )
    services = tuple(found.pop(SERVICE))
    deployment, budget, scaler = (one for (one,) in found.values())
    return Objects(deployment, services, budget, scaler)


def find(value: Any, *path: str | int) -> Any:
    """Return what is at `path`, None where there is nothing."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _objects(name: str, text: str) -> Iterator[Manifest]:
    try:
        _bounded(name, text)
        documents = list(yaml.load_all(text, yaml.CSafeLoader))
    except (yaml.YAMLError, *NO_VALUE) as error:
        raise Failure(f"{name} is no YAML that can be read", received=str(error)) from None
    for document in documents:
        if document is None:
            continue
        if not all(-LARGEST < number < LARGEST for number in _numbers(document)):
            raise Failure(f"{name} holds a number that is out of range", expected="64-bit numbers")
        listed = find(document, "items") if find(document, "kind") == "List" else None
        for body in listed if isinstance(listed, list) else [document]:
            kind = find(body, "kind")
            if isinstance(kind, str):  # what has none may be the configuration of something else
                yield Manifest(name, kind, body)


def _bounded(name: str, text: str) -> None:
    """Raise Failure for YAML that is too large or too deep to be looked at, or has anchors."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, yaml.CSafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise Failure(f"{name} uses anchors, which are not read", expected="plain YAML, each value written out")
        depth += isinstance(event, OPENING) - isinstance(event, CLOSING)
        if count > MOST_NODES or depth > DEEPEST:
            raise Failure(f"{name} is not read: it has over {MOST_NODES} nodes or {DEEPEST} levels")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        yield from (number for item in value for number in _numbers(item))
    elif isinstance(value, int | float):
        yield value


def _valid(manifest: Manifest) -> None:
    """Raise Failure unless the object has the version that is read and fits its schema."""
    api = find(manifest.body, "apiVersion")
    expect(api == APIS[manifest.kind], f"{manifest}: apiVersion is {api!r}", expected=APIS[manifest.kind])
    error = best_match(_validator(manifest.kind).iter_errors(manifest.body))
    if error is not None:
        where = ".".join(map(str, error.absolute_path)) or "the object"
        raise Failure(
            f"{manifest} is not valid at {where}",
            received=error.message[:500],
            expected="what the published schema of Kubernetes 1.34 allows; it has no other fields",
            rule="Kubernetes API reference",
        )


@cache
def _validator(kind: str) -> Draft202012Validator:
    schemas = json.loads((files("assesskit.checks") / "kubernetes.json").read_text(encoding="utf-8"))
    return Draft202012Validator({"$ref": f"#/$defs/{schemas['kinds'][kind]}", "$defs": schemas["$defs"]})
