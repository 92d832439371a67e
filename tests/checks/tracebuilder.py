"""Spans and calls of a small trace, for tests: each says only what it is about."""

from __future__ import annotations

from typing import Any

from assesskit.instruments.collector import Span
from assesskit.instruments.relay import Call

TRACE, OTHER = "a" * 32, "b" * 32
CALLER = "c" * 16


def span(span_id: str, parent_id: str = "", **changes: Any) -> Span:
    """A SERVER span of a shop, one second long, unless told otherwise; ids are padded."""
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": span_id.zfill(16),
        "parent_id": parent_id.zfill(16) if parent_id else "",
        "name": "GET /",
        "kind": "SERVER",
        "service": "shop",
        "start": 10.0,
        "end": 11.0,
        "status": "UNSET",
        "status_message": "",
        "attributes": {},
        "events": (),
        "links": (),
        "flags": 1,
        "scope": "",
        "resource": {"service.instance.id": "one"},
    }
    fields |= changes
    return Span(**{"source": fields["service"], **fields})


def calling(span_id: str, parent_id: str, peer: str, answer: int = 200, **changes: Any) -> Span:
    """A CLIENT span of a call to `peer`."""
    attributes = {"peer.service": peer, "http.response.status_code": answer, **changes.pop("attributes", {})}
    return span(span_id, parent_id, kind="CLIENT", name=f"GET {peer}", attributes=attributes, **changes)


def call(*headers: tuple[str, str], **changes: Any) -> Call:
    """A call that a relay saw."""
    fields: dict[str, Any] = {"number": 1, "at": 0.0, "began": 0.0, "method": "GET", "path": "/x", "ended": 1.0}
    return Call(**{**fields, "headers": headers, **changes})
