"""Whether the schema a service publishes keeps what the contract's schema promises.

An answer is kept when every alternative that is served keeps one of the contract's; an input is kept when every
alternative of the contract is still taken by one that is served. What an answer no longer says about limits and
patterns is no break: what really comes back is judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assesskit.checks.contract_document import DocumentError, pointed
from assesskit.checks.contract_schema import MAX_STEPS, Schema, Schemas, enumerated, mapping, names

Direction = Literal["input", "answer"]
COUNTED_FROM_ZERO = ("minLength", "minItems", "minProperties")
LIMITS = ("minimum", "maximum", *COUNTED_FROM_ZERO, "maxLength", "maxItems", "maxProperties")
NARROW_FORMATS = frozenset({"uuid", "date", "date-time", "time", "email", "uri", "hostname", "ipv4", "ipv6", "byte"})
"""Formats that take away strings; others are notes."""


@dataclass(frozen=True)
class Break:
    """One promise of the contract that a document does not keep. `pointer` is where the contract makes it."""

    pointer: str
    what: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.what}"


class Comparer:
    """Compares schemas of two documents. Raises DocumentError on references in a circle and beyond its steps."""

    def __init__(self, contract: dict[str, Any], served: dict[str, Any]) -> None:
        self._contract = Schemas(contract)
        self._served = Schemas(served)
        self._steps = 0
        self._open: set[tuple[int, int]] = set()

    def breaks(
        self, promised: object, found: object, direction: Direction, pointer: str, *, may_be_absent: bool = False
    ) -> list[Break]:
        """What of the contract's schema `promised` the served schema `found` does not keep.

        Of a field that may be absent from an answer, a document may also say that it may be null: generators do.
        """
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise DocumentError("its schemas are too entangled to be compared")
        pair = (id(promised), id(found))
        if pair in self._open:  # a recursive schema: it holds if the rest does
            return []
        self._open.add(pair)
        try:
            wanted, offered = self._contract.alternatives(promised), self._served.alternatives(found)
            if may_be_absent:
                offered = [one for one in offered if one.get("type") != "null"] or offered
            if direction == "input":
                tries = [[self._differences(one, other, direction, pointer) for other in offered] for one in wanted]
            else:
                tries = [[self._differences(other, one, direction, pointer) for other in wanted] for one in offered]
        finally:
            self._open.discard(pair)
        closest = [min(each, key=_distance) for each in tries]
        return list(dict.fromkeys(each for found in closest for each in found))

    def _differences(self, wanted: Schema, offered: Schema, direction: Direction, pointer: str) -> list[Break]:
        kept = _type_kept(wanted.get("type"), offered.get("type"), direction)
        if not kept:
            says = "should accept" if direction == "input" else "should be"
            return [
                Break(pointer, f"the type {says} {_type_name(wanted)}; the served document says {_type_name(offered)}")
            ]
        found = _values(wanted, offered, direction, pointer)
        if wanted.get("type") == "object":
            found += self._fields(wanted, offered, direction, pointer)
        if wanted.get("type") == "array" and "items" in wanted:
            found += self.breaks(wanted["items"], offered.get("items", {}), direction, pointed(pointer, "items"))
        return found

    def _fields(self, wanted: Schema, offered: Schema, direction: Direction, pointer: str) -> list[Break]:
        promised, served = mapping(wanted, "properties"), mapping(offered, "properties")
        needed, given = names(wanted), names(offered)
        found: list[Break] = []
        for name, schema in promised.items():
            where = pointed(pointer, "properties", name)
            if name not in served:
                found.append(Break(where, "the field is missing"))
                continue
            if direction == "answer" and name in needed and name not in given:
                found.append(
                    Break(where, "the field is always there (required), the served document makes it optional")
                )
            absent = direction == "answer" and name not in needed
            found += self.breaks(schema, served[name], direction, where, may_be_absent=absent)
        if direction == "input":
            found += [
                Break(pointed(pointer, "properties", name), "the served document requires this input, the contract not")
                for name in sorted(given - needed)
            ]
        return found


def _distance(found: list[Break]) -> tuple[bool, int]:
    """How far an alternative is from what was wanted; one of another type is the furthest."""
    return any(each.what.startswith("the type") for each in found), len(found)


def _type_name(schema: Schema) -> str:
    return str(schema.get("type", "nothing about it"))


def _type_kept(wanted: str | None, offered: str | None, direction: Direction) -> bool:
    if wanted is None:
        return True
    if offered is None:
        return direction == "input"
    narrow, wide = (wanted, offered) if direction == "input" else (offered, wanted)
    return narrow == wide or (narrow, wide) == ("integer", "number")


def _values(wanted: Schema, offered: Schema, direction: Direction, pointer: str) -> list[Break]:
    promised, served = enumerated(wanted), enumerated(offered)
    if direction == "answer":
        extra = [value for value in served if promised and value not in promised]
        return [Break(pointer, f"the served document adds the value {str(value)[:40]!r}") for value in extra]
    found = [
        Break(pointer, f"the value {str(value)[:40]!r} is no longer accepted")
        for value in promised
        if served and value not in served
    ]
    if served and not promised:
        found.append(Break(pointer, "the served document accepts only certain values, the contract any"))
    if str(offered.get("format")) in NARROW_FORMATS and "format" not in wanted and wanted.get("type") == "string":
        found.append(Break(pointer, f"the served document wants the format {offered['format']}, the contract none"))
    if "pattern" in offered and "pattern" not in wanted and not promised:
        found.append(Break(pointer, "the served document wants a pattern, the contract none"))
    return found + _bounds(wanted, offered, pointer)


def _bounds(wanted: Schema, offered: Schema, pointer: str) -> list[Break]:
    ours, theirs = _limits(wanted), _limits(offered)
    told = {"pattern", "format", "enum", "const"} & wanted.keys()
    found = []
    for name, limit in theirs.items():
        bound = ours.get(name)
        if bound is None and (told or (limit <= 0 and name in COUNTED_FROM_ZERO)):
            continue  # a pattern may well say the same, and nothing is shorter than nothing
        if bound is None or (limit < bound if name.startswith("max") else limit > bound):
            says = "sets no such limit" if bound is None else f"says {bound}"
            found.append(
                Break(pointed(pointer, name), f"the contract {says}, the served document says {str(limit)[:20]}")
            )
    return found


def _limits(schema: Schema) -> dict[str, int | float]:
    """The limits by name; an exclusive one (a flag in 3.0, a number in 3.1) is turned into an inclusive one."""
    found: dict[str, int | float] = {name: schema[name] for name in LIMITS if _is_number(schema.get(name))}
    step = 1 if schema.get("type") == "integer" else 0
    for name, exclusive, inward in (("minimum", "exclusiveMinimum", step), ("maximum", "exclusiveMaximum", -step)):
        value = schema.get(exclusive)
        if value is True and name in found:
            found[name] += inward
        elif isinstance(value, int | float) and not isinstance(value, bool):
            edges = [value + inward, *([found[name]] if name in found else [])]
            found[name] = max(edges) if name == "minimum" else min(edges)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
