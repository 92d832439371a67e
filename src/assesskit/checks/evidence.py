"""What a check saw, made fit to be stored and shown: cleaned, without credentials, and capped.

Everything a submission says passes `clean` before it leaves the grader: it may hold terminal escapes, NUL, text
direction marks, lone surrogates, numbers that JSON cannot hold, or two gigabytes of anything.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from assesskit.checks.exchange import Exchange, Headers, redacted

BODY_CAP = 2048
"""Characters of one body."""
TEXT_CAP = 8192
"""Characters of one text."""
CHECK_CAP = 64 * 1024
"""Bytes of JSON that one check's evidence may take."""
LAST_EXCHANGES = 6
DEPTH_CAP = 12
ITEMS_CAP = 1000
"""Entries of one list or object."""
EXACT = 2**53
"""Integers from here on are not exact in every reader of JSON."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)?|[@-Z\\^_])")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_TOKENS = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.[\w-]*")


def clean(text: str, cap: int = TEXT_CAP) -> str:
    """The text without escapes, control and direction characters, lone surrogates and tokens, at most `cap` long."""
    cut = len(text) > cap
    text = _ESCAPES.sub("", text[: cap * 2].replace("\r\n", "\n"))
    text = _SURROGATES.sub("\ufffd", _UNSEEN.sub("\ufffd", text))
    text = _TOKENS.sub("[token]", text)
    return text[:cap] + " …" if cut or len(text) > cap else text


def storable(value: object, depth: int = 0) -> Any:
    """The value as plain JSON that any reader can take: texts cleaned, NaN and infinities as text, depth bounded."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping | list | tuple) and depth == DEPTH_CAP:
        return "…"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:ITEMS_CAP]
        return {clean(str(key), 200): storable(item, depth + 1) for key, item in pairs}
    if isinstance(value, list | tuple):
        return [storable(item, depth + 1) for item in value[:ITEMS_CAP]]
    return _scalar(value)


def _scalar(value: object) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < EXACT else clean(hex(value))
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return clean(value.decode("utf-8", "replace"))
    return clean(str(value))


class Evidence:
    """Collects what one check saw. Safe to add to from several threads."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._exchanges: deque[Exchange] = deque(maxlen=LAST_EXCHANGES)
        self._named: list[Exchange] = []

    def exchanged(self, exchange: Exchange) -> None:
        """Remember an exchange; the last few are kept."""
        self._exchanges.append(exchange)

    def name(self, exchange: Exchange) -> None:
        """Keep an exchange whatever comes after it."""
        self._named.append(exchange)

    def note(self, title: str, text: str) -> None:
        """Add a text."""
        self._add("note", title, {"text": clean(text)})

    def spans(self, title: str, spans: Iterable[Any]) -> None:
        """Add spans of the collector; their times become seconds from the first start."""
        rows = [asdict(span) for span in spans]
        first = min((row["start"] for row in rows), default=0.0)
        keys = ("trace_id", "span_id", "parent_id", "name", "kind", "service", "status")
        kept = [
            {key: row[key] for key in keys} | {"start": row["start"] - first, "end": row["end"] - first} for row in rows
        ]
        self._add("spans", title, {"spans": kept[:100]})

    def relay(self, title: str, calls: Iterable[Any]) -> None:
        """Add calls that a relay recorded; their times become seconds from the first."""
        rows = [_fields(call) for call in calls]
        first = min((row["at"] for row in rows), default=0.0)
        self._add("relay", title, {"calls": [row | {"at": row["at"] - first} for row in rows[:100]]})

    def latency(self, title: str, data: Mapping[str, Any]) -> None:
        """Add a comparison of latencies, in the shape of the assessment's ``latency`` evidence."""
        self._add("latency", title, dict(data))

    def log(self, title: str, lines: Iterable[str]) -> None:
        """Add lines of a log, the last hundred at most."""
        self._add("log", title, {"lines": [clean(line, 1000) for line in list(lines)[-100:]]})

    def figure(self, title: str, value: float, unit: str, limit: float | None = None) -> None:
        """Add one measured figure with its limit."""
        self._add("figure", title, {"value": value, "unit": unit, "limit": limit})

    def collected(self) -> list[dict[str, Any]]:
        """Everything, as plain JSON, the exchanges last; what passes the cap is left out and counted."""
        shown = {id(exchange): exchange for exchange in [*self._named, *self._exchanges]}
        entries = [*self._entries, *(_exchange(exchange) for exchange in shown.values())]
        kept: list[dict[str, Any]] = []
        size = 0
        for entry in entries:
            size += len(json.dumps(entry))
            if size > CHECK_CAP:
                left = len(entries) - len(kept)
                note = {"text": f"{left} more pieces of evidence passed the size limit"}
                return [*kept, {"kind": "note", "title": "left out", "data": note}]
            kept.append(entry)
        return kept

    def _add(self, kind: str, title: str, data: dict[str, Any]) -> None:
        self._entries.append({"kind": kind, "title": clean(title, 200), "data": storable(data)})


def _exchange(exchange: Exchange) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    data: dict[str, Any] = {
        "sent": {
            "method": request.method,
            "url": clean(request.path, 500),
            "headers": _headers(Headers(request.headers)),
            "body": _body(request.body),
        },
        "seconds": exchange.seconds,
    }
    if response is None:
        data["error"] = clean(exchange.error, 500)
    else:
        body = _body(response.body)
        data["received"] = {"status": response.status, "headers": _headers(response.headers), "body": body}
    title = f"{request.method} {clean(request.path.partition('?')[0], 100)}"
    return {"kind": "exchange", "title": title, "data": data}


def _headers(headers: Headers) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in list(headers.items())[:40]:
        text = clean(redacted(name, value), 500)
        shown[clean(name, 100)] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def _body(body: bytes) -> str:
    return clean(body[: BODY_CAP * 4].decode("utf-8", "replace"), BODY_CAP)


def _fields(call: Any) -> dict[str, Any]:
    keys = ("at", "method", "path", "key", "attempt", "status", "fault", "seconds")
    return {key: getattr(call, key) for key in keys} | {"headers": _headers(Headers(call.headers))}
