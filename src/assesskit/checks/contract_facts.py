"""Whether an answer about a thing tells what is known of it: what was sent, its id, its status, when it was made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from assesskit.checks.contract_judge import Flaw
from assesskit.checks.exchange import Exchange
from assesskit.checks.resource import Resource

CLOCKS = 60.0
"""Seconds by which a thing's time may differ from when it was made."""
SHOWN = 100
"""Characters of a value that are told."""
RULE = "contract/openapi.yaml"


@dataclass(frozen=True)
class Thing:
    """A thing that was asked for: the values of its `fields`, and the unix seconds when it was."""

    resource: Resource
    fields: Mapping[str, Any]
    asked: float

    @classmethod
    def of(cls, resource: Resource, payload: Mapping[str, Any]) -> Thing:
        """What is known of what `payload` makes now; a text that is left out is null."""
        given = {resource.text: None, **payload, resource.status: resource.confirmed}
        return cls(resource, given, time.time())

    def known(self, **fields: Any) -> Thing:
        """The same with further fields, which come first, or other values of them."""
        return replace(self, fields={**fields, **self.fields, **fields})

    def flaw(self, operation: str, exchange: Exchange, told: Any) -> Flaw | None:
        """The first field in which `told`, the thing as an answer has it, differs; those it lacks are not judged."""
        if not isinstance(told, dict):
            return None
        for name, value in self.fields.items():
            if name in told and told[name] != value:
                what = f"{name} is {_shown(told[name])} in the answer, of a thing whose {name} is {_shown(value)}"
                return Flaw(operation, f"untrue {name}", what, f"{name}: {_shown(value)}", RULE, exchange)
        name = self.resource.created
        made = _moment(told.get(name))
        if made is not None and abs(made - self.asked) > CLOCKS:
            what = f"{name} is more than a minute from when the thing was made"
            return Flaw(operation, f"untrue {name}", what, "the time when it was made", RULE, exchange)
        return None


def _moment(text: object) -> float | None:
    """The unix seconds of an RFC 3339 time; None when it is none, which is judged by its schema."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    """A value in words; a text that begins or ends with a space is quoted, since nobody would see that."""
    if value is None:
        return "null"
    text = str(value)[:SHOWN]
    return f'"{text}"' if text != text.strip() else text
