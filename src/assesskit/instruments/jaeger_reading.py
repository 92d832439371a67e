"""Jaeger's query JSON to spans, strictly: a recording is evidence, so nothing in it is guessed or mended."""

from __future__ import annotations

import graphlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from assesskit.instruments.collector import Span
from assesskit.instruments.jaeger_json import (
    CHILD_OF,
    ERROR,
    FOLLOWS_FROM,
    KIND,
    MAX_TEXT,
    MESSAGE,
    SCOPE,
    SOURCE,
    STATUS,
)

MAX_BYTES = 64 * 1024 * 1024
MAX_SPANS = 100_000
MAX_TAGS = 160
"""Of a span, a process or a log; the collector keeps 128 attributes."""
MAX_ITEMS = 64
"""Logs or references of a span; the collector keeps 32."""
MAX_NATURAL = 2**53
"""Exact as a float; in microseconds since 1970 the year 2255."""
ID = re.compile(r"[0-9a-f]{1,32}")
SURROGATE = re.compile(r"[\ud800-\udfff]")
INTEGER = re.compile(r"-?[0-9]{1,19}")
TRACE_DIGITS, SPAN_DIGITS = 32, 16
KINDS = frozenset({"internal", "server", "client", "producer", "consumer"})
STATUSES = frozenset({"UNSET", "OK", "ERROR"})
WORDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}

T = TypeVar("T")


def read(text: str | bytes) -> list[Span]:
    """Return the spans of an answer of ``/api/traces``, in its order.

    A parent is the first CHILD_OF reference within the trace; every other reference is a link. Raises ValueError, which
    begins with the place, for anything that is not one: ids that are none, times before 1970, negative durations, spans
    that are their own ancestors, references to unknown processes, and more of anything than a collector keeps.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes")
    try:
        plain = json.loads(text, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {str(error)[:200]}") from None
    found: list[Span] = []
    for where, trace in _items(plain, "data", "", MAX_SPANS):
        spans = _trace(trace, where, MAX_SPANS - len(found))
        _check_ancestors(spans, where)
        found += spans
    return found


def _trace(trace: Any, where: str, room: int) -> list[Span]:
    trace_id = _id(trace, "traceID", where, TRACE_DIGITS)
    processes = {
        name: _process(process, f"{where}.processes.{name[:40]}")
        for name, process in _field(trace, "processes", dict, where).items()
    }
    return [_span(span, trace_id, processes, at) for at, span in _items(trace, "spans", where, room)]


def _process(process: Any, where: str) -> tuple[str, str]:
    """Its service, and the program it came from: the same, where nothing else is said."""
    service = _text(process, "serviceName", where)
    return service, str(_tags(process, "tags", where).get(SOURCE, service))


def _span(span: Any, trace_id: str, processes: dict[str, tuple[str, str]], where: str) -> Span:
    if _id(span, "traceID", where, TRACE_DIGITS) != trace_id:
        raise ValueError(f"{where}.traceID: another trace's")
    process = _text(span, "processID", where)
    if process not in processes:
        raise ValueError(f"{where}.processID: no process {process[:40]!r} in this trace")
    start = _natural(span, "startTime", where)
    parent, links = _references(span, trace_id, where)
    tags = _tags(span, "tags", where)
    kind = str(tags.get(KIND, ""))
    status = _status(tags)
    reserved = (
        {STATUS, MESSAGE, SCOPE} | ({KIND} if kind in KINDS else set()) | ({ERROR} if status == "ERROR" else set())
    )
    return Span(
        trace_id=trace_id,
        span_id=_id(span, "spanID", where, SPAN_DIGITS),
        parent_id=parent,
        name=_text(span, "operationName", where),
        kind=kind.upper() if kind in KINDS else "UNSPECIFIED",
        service=processes[process][0],
        source=processes[process][1],
        start=start / 1e6,
        end=(start + _natural(span, "duration", where)) / 1e6,
        status=status,
        status_message=str(tags.get(MESSAGE, "")),
        attributes={key: value for key, value in tags.items() if key not in reserved},
        events=tuple(_event(log, at) for at, log in _items(span, "logs", where, MAX_ITEMS)),
        links=links,
        flags=_natural(span, "flags", where) if span.get("flags") is not None else 0,
        scope=str(tags.get(SCOPE, "")),
    )


def _references(span: Any, trace_id: str, where: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    parent, links = "", []
    for at, reference in _items(span, "references", where, MAX_ITEMS):
        kind = _text(reference, "refType", at)
        if kind not in {CHILD_OF, FOLLOWS_FROM}:
            raise ValueError(f"{at}.refType: neither {CHILD_OF} nor {FOLLOWS_FROM}")
        trace, other = _id(reference, "traceID", at, TRACE_DIGITS), _id(reference, "spanID", at, SPAN_DIGITS)
        if kind == CHILD_OF and trace == trace_id and not parent:
            parent = other
        else:
            links.append((trace, other))
    return parent, tuple(links)


def _status(tags: dict[str, Any]) -> str:
    """OpenTelemetry's own tag, else what the tag ``error`` means to Jaeger UI."""
    status = str(tags.get(STATUS, "")).upper()
    if status in STATUSES:
        return status
    return "ERROR" if tags.get(ERROR) is True or tags.get(ERROR) == "true" else "UNSET"


def _event(log: Any, where: str) -> dict[str, Any]:
    fields = _tags(log, "fields", where)
    name = str(fields.pop("event", ""))
    return {"name": name, "time": _natural(log, "timestamp", where) / 1e6, "attributes": fields}


def _tags(holder: Any, name: str, where: str) -> dict[str, Any]:
    """Tags by key; the last of a key counts."""
    return {_text(tag, "key", at): _value(tag, at) for at, tag in _items(holder, name, where, MAX_TAGS)}


def _value(tag: Any, where: str) -> Any:
    kind = _text(tag, "type", where)
    match kind:
        case "string" | "binary":
            return _text(tag, "value", where)
        case "bool":
            return _field(tag, "value", bool, where)
        case "int64" if isinstance(tag.get("value"), str) and INTEGER.fullmatch(tag["value"]):
            return int(tag["value"])
        case "int64":
            return _field(tag, "value", int, where)
        case "float64" if type(tag.get("value")) in {int, float} and math.isfinite(tag["value"]):
            return float(tag["value"])
        case _:
            raise ValueError(f"{where}: its value is no {kind[:40]!r}")


def _items(holder: Any, name: str, where: str, limit: int) -> Iterator[tuple[str, Any]]:
    """A list's items with their places; Jaeger writes null for an empty one."""
    items = [] if isinstance(holder, dict) and holder.get(name, []) is None else _field(holder, name, list, where)
    if len(items) > limit:
        raise ValueError(f"{where}.{name}: {len(items)} items, and at most {limit} are taken")
    return ((f"{where}.{name}[{place}]".lstrip("."), item) for place, item in enumerate(items))


def _natural(holder: Any, name: str, where: str) -> int:
    number = _field(holder, name, int, where)
    if not 0 <= number < MAX_NATURAL:
        raise ValueError(f"{where}.{name}: {str(number)[:40]} is not from 0 to {MAX_NATURAL - 1}")
    return number


def _id(holder: Any, name: str, where: str, digits: int) -> str:
    """An id, padded; Jaeger leaves leading zeros out."""
    text = _text(holder, name, where)
    if len(text) > digits or not ID.fullmatch(text) or not text.strip("0"):
        raise ValueError(f"{where}.{name}: {text[:40]!r} is no id of at most {digits} hex digits other than zero")
    return text.zfill(digits)


def _text(holder: Any, name: str, where: str) -> str:
    text = _field(holder, name, str, where)
    if len(text) > MAX_TEXT:
        raise ValueError(f"{where}.{name}: longer than {MAX_TEXT} characters")
    if SURROGATE.search(text):
        raise ValueError(f"{where}.{name}: holds half a character")
    return text


def _field(holder: Any, name: str, kind: type[T], where: str) -> T:
    if not isinstance(holder, dict):
        raise ValueError(f"{where or 'it'}: must be an object")  # noqa: TRY004  the file is wrong, not a caller
    value = holder.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{f'{where}.{name}'.lstrip('.')}: must be {WORDS[kind]}")
    return value


def _check_ancestors(spans: list[Span], where: str) -> None:
    """Follow every parent, also where an id is there twice, which happens in real traces."""
    parents: dict[str, set[str]] = {}
    for span in spans:
        parents.setdefault(span.span_id, set()).add(span.parent_id)
    try:
        graphlib.TopologicalSorter(parents).prepare()
    except graphlib.CycleError as error:
        raise ValueError(f"{where}: span {error.args[1][0]} is its own ancestor") from None


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")
