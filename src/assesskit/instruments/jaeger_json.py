"""Spans as Jaeger's query JSON, which Jaeger UI opens as a file, and back.

Sources: Jaeger's `model/json`, the loader of Jaeger UI, and OpenTelemetry's "OpenTelemetry to Jaeger transformation"
for kind, status and scope, which Jaeger keeps as tags. Its times are whole microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from assesskit.instruments.collector import Span

KIND, ERROR, STATUS, MESSAGE, SCOPE = (
    "span.kind",
    "error",
    "otel.status_code",
    "otel.status_description",
    "otel.scope.name",
)
SOURCE = "ingest.source"
"""A process tag: the program whose token the spans came with, where that is not the service they claim."""
MAX_TEXT = 2048
MAX_INTEGER = 2**53 - 1
"""Of JavaScript; Jaeger writes a larger one as text."""
CHILD_OF, FOLLOWS_FROM = "CHILD_OF", "FOLLOWS_FROM"


def document(spans: Iterable[Span]) -> dict[str, Any]:
    """Return the answer of ``/api/traces`` that holds these spans: traces and spans in the order they come in."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return answer([_trace(trace_id, own) for trace_id, own in traces.items()])


def answer(data: list[Any] | None, *errors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope of every answer of the API."""
    return {"data": data, "total": len(data or ()), "limit": 0, "offset": 0, "errors": list(errors) or None}


def _trace(trace_id: str, spans: list[Span]) -> dict[str, Any]:
    names: dict[tuple[str, str], str] = {}
    for span in spans:
        names.setdefault((span.service, span.source), f"p{len(names) + 1}")
    return {
        "traceID": trace_id,
        "spans": [_span(span, names[span.service, span.source]) for span in spans],
        "processes": {name: _process(*process) for process, name in names.items()},
        "warnings": None,
    }


def _process(service: str, source: str) -> dict[str, Any]:
    return {"serviceName": service, "tags": _tags({SOURCE: source} if source != service else {})}


def _span(span: Span, process: str) -> dict[str, Any]:
    start, end = microseconds(span.start), microseconds(span.end)
    references = [(CHILD_OF, span.trace_id, span.parent_id)] if span.parent_id else []
    references += [(FOLLOWS_FROM, *link) for link in span.links]  # Jaeger UI takes the first for the parent
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": [{"refType": kind, "traceID": trace, "spanID": other} for kind, trace, other in references],
        "flags": span.flags,
        "startTime": start,
        "duration": max(0, end - start),
        "tags": _tags(tags_of(span)),
        "logs": [_log(event) for event in span.events],
        "processID": process,
        "warnings": [f"it ends {start - end} µs before it starts"] if end < start else None,
    }


def tags_of(span: Span) -> dict[str, Any]:
    """Return what Jaeger knows of a span as tags: its attributes, and what Jaeger has no field for."""
    tags = dict(span.attributes)
    if span.kind != "UNSPECIFIED":
        tags[KIND] = span.kind.lower()
    if span.status != "UNSET" or ERROR in span.attributes:
        tags[STATUS] = span.status
    if span.status == "ERROR":
        tags[ERROR] = True
    if span.status_message:
        tags[MESSAGE] = span.status_message
    if span.scope:
        tags[SCOPE] = span.scope
    return tags


def _log(event: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"event": event["name"]} if event["name"] else {}
    return {"timestamp": microseconds(event["time"]), "fields": _tags({**event["attributes"], **fields})}


def _tags(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_tag(key, value) for key, value in values.items()]


def _tag(key: str, value: Any) -> dict[str, Any]:
    match value:
        case bool():
            kind = "bool"
        case int():
            kind, value = "int64", value if abs(value) <= MAX_INTEGER else str(value)
        case float():
            kind = "float64"
        case str():
            kind = "string"
        case _:
            kind, value = "string", "" if value is None else json.dumps(value)[:MAX_TEXT]
    return {"key": key, "type": kind, "value": value}


def microseconds(seconds: float) -> int:
    """Return unix seconds as Jaeger's whole microseconds."""
    return round(seconds * 1e6)
