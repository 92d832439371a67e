"""Placeholders in environment templates: `{port.NAME}`, `{volume}`, `{token}`, `{public_key}`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assesskit.content.schema import Dependency, Part, Spec

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def placeholders(template: str) -> tuple[str, ...]:
    """The names a template uses, in order: ``"{port.self}"`` uses ``port.self``."""
    return tuple(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every placeholder replaced. Raises KeyError for one without a value."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def known_placeholders(spec: Spec, *, volume: bool) -> tuple[str, ...]:
    """Every placeholder a service of this exercise may use; the reference's port is never one of them."""
    parts = spec.submission.parts
    ports = ["self", "collector", *([] if parts else ["submission"])]
    ports += [instrument.name for instrument in spec.grader.instruments]
    reached: list[Dependency | Part] = [*spec.services, *parts]
    for service in reached:
        ports.append(service.name)
        if service.relay_key is not None:
            ports.append(f"relay-{service.name}")
    return (*(f"port.{name}" for name in ports), *(["volume"] if volume else []), "token", "public_key")
