"""Where two answers to one request differ: in status, in chosen headers, and in their JSON, place by place.

A place is a JSON pointer into the body (RFC 6901), ``status``, or ``header:name``; the pointer "" is the whole body. In
a pattern, ``*`` stands for any one segment of a pointer. Parameters of a content type are not looked at: JSON has no
charset (RFC 8259, 11).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NoReturn

MOST = 50
"""Differences of one pair of answers that are told."""
DEEPEST = 60
MOST_PLACES = 50_000
"""Values of one body that are compared."""
EXCERPT = 120
"""Characters of a value that is told."""
ABSENT = object()
"""Where one side has nothing: not null, which is a value."""


@dataclass(frozen=True)
class Seen:
    """An answer as far as it is compared: header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Difference:
    """One place where the service's answer is not the monolith's; values as JSON, "absent" where there is none."""

    place: str
    monolith: str
    service: str


class Differ:
    """Compares answers. `headers` are the names that are looked at, `left_out` patterns of places that may differ."""

    def __init__(self, headers: Sequence[str], left_out: Iterable[str] = ()) -> None:
        self._headers = tuple(name.lower() for name in headers)
        self._left_out = tuple(left_out)

    def differences(self, monolith: Seen, service: Seen) -> tuple[Difference, ...]:
        """The differences in the order of the monolith's answer, `MOST` at most; none means they say the same."""
        found: list[Difference] = []
        for place, left, right in self._places(monolith, service):
            if not any(covers(pattern, place) for pattern in self._left_out):
                found.append(Difference(place, _told(left), _told(right)))
                if len(found) == MOST:
                    break
        return tuple(found)

    def _places(self, monolith: Seen, service: Seen) -> Iterator[tuple[str, Any, Any]]:
        if monolith.status != service.status:
            yield "status", monolith.status, service.status
        for name in self._headers:
            left, right = (_header(answer, name) for answer in (monolith, service))
            if left != right:
                yield f"header:{name}", left, right
        if monolith.body == service.body:
            return
        left, right = _json(monolith.body), _json(service.body)
        if left is ABSENT or right is ABSENT:
            yield "", _text(monolith.body), _text(service.body)
        else:
            yield from _apart(left, right)


def covers(pattern: str, place: str) -> bool:
    """Whether a pattern of places speaks of a place, or of one above it."""
    wanted, segments = pattern.split("/"), place.split("/")
    return len(wanted) <= len(segments) and all(
        one in ("*", other) for one, other in zip(wanted, segments, strict=False)
    )


def changed(body: bytes, place: str, add: int) -> bytes | None:
    """A JSON body with `add` added to the first number at a pattern of places; None where there is none."""
    document = _json(body)
    if document is ABSENT:
        return None
    for parent, key, value in _matching(document, place.split("/")[1:]):
        if isinstance(value, int | float) and not isinstance(value, bool):
            parent[key] = value + add
            return json.dumps(document, ensure_ascii=False).encode()
    return None


def _matching(document: Any, pattern: Sequence[str]) -> Iterator[tuple[Any, Any, Any]]:
    """Parent, key and value of every place that fits."""
    first, rest = (pattern[0], pattern[1:]) if pattern else ("", ())
    for key, value in _entries(document):
        if first in ("*", _segment(key)):
            if rest:
                yield from _matching(value, rest)
            else:
                yield document, key, value


def _entries(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict):
        yield from document.items()
    elif isinstance(document, list):
        yield from enumerate(document)


def _apart(left: Any, right: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every place where two documents differ; what only one side has is a difference of that place, not of the parts
    below. Lists are compared entry by entry: their order is part of what they say.
    """
    waiting: list[tuple[str, int, Any, Any]] = [("", 0, left, right)]
    looked = 0
    while waiting:
        place, depth, one, other = waiting.pop()
        looked += 1
        if looked > MOST_PLACES or depth > DEEPEST:
            yield place, "not compared: too large or too deep", "not compared: too large or too deep"
            return
        below = _below(one, other)
        if below is None:
            if not _same(one, other):
                yield place, one, other
            continue
        waiting += [(f"{place}/{_segment(key)}", depth + 1, *pair) for key, *pair in reversed(below)]


def _below(one: Any, other: Any) -> list[tuple[Any, Any, Any]] | None:
    """What to compare below two objects or two lists; None when they are no such pair."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [*one, *(key for key in other if key not in one)]
        return [(key, one.get(key, ABSENT), other.get(key, ABSENT)) for key in keys]
    if isinstance(one, list) and isinstance(other, list):
        pairs = enumerate(zip_longest(one, other, fillvalue=ABSENT))
        return [(at, left, right) for at, (left, right) in pairs]
    return None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON value: true is not 1, and 1 is 1.0 (RFC 8259 knows one kind of number)."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _header(answer: Seen, name: str) -> Any:
    """What a header says, or ABSENT."""
    told = answer.headers.get(name, ABSENT)
    if name == "content-type" and isinstance(told, str):
        return told.partition(";")[0].strip().lower()
    return told


def _segment(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _json(body: bytes) -> Any:
    """The body as JSON, or ABSENT."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError):
        return ABSENT


def _refused(name: str) -> NoReturn:
    raise ValueError(name)


def _text(body: bytes) -> str:
    return body[: EXCERPT * 4].decode("utf-8", "replace")


def _told(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    told = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else json.dumps(value[: EXCERPT * 2])
    if len(told) <= EXCERPT:
        return told
    match value:
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {len(value)} fields"
    return f"{told[: EXCERPT - 1]}…"
