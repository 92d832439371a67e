"""Jaeger's query API over spans, so that Jaeger's own tools and our pages can read them.

Source: Jaeger's "API (v1 internal, JSON over HTTP)" and its in-memory storage, for what a search finds.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from assesskit.instruments.collector import Span
from assesskit.instruments.jaeger_json import answer, document, microseconds, tags_of

DEFAULT_LIMIT, MAX_LIMIT = 20, 1500
MAX_PARAMETERS = 64
DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(us|µs|ms|s|m|h)")
UNITS = {"us": 1, "µs": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
"""Microseconds."""

Answer = tuple[int, dict[str, Any]]


def query(spans: Iterable[Span], target: str) -> Answer:
    """Answer a GET of `target`, a path with its query: the status, and the body to send as JSON.

    ``/api/services`` · ``/api/services/{service}/operations`` · ``/api/traces/{id}`` · ``/api/traces`` with `service`
    and any of `operation`, `tags` (a JSON object), `tag` (``key:value``), `start`, `end` (microseconds),
    `minDuration`, `maxDuration` (``1.5s``) and `limit`: the latest traces that have one span which fits it all.
    """
    try:
        parts = urlsplit(target)
        match [unquote(segment) for segment in parts.path.strip("/").split("/")]:
            case ["api", "services"]:
                return 200, answer(sorted({span.service for span in spans}))
            case ["api", "services", service, "operations"]:
                return 200, answer(sorted({span.name for span in spans if span.service == service}))
            case ["api", "traces"]:
                return 200, _search(list(spans), parse_qs(parts.query, max_num_fields=MAX_PARAMETERS))
            case ["api", "traces", trace_id]:
                return _one(spans, trace_id)
    except ValueError as error:
        return _failed(400, str(error)[:300])
    return _failed(404, "no such page")


def _one(spans: Iterable[Span], trace_id: str) -> Answer:
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", trace_id):
        raise ValueError("a trace id has at most 32 hex digits")
    found = [span for span in spans if span.trace_id == trace_id.lower().zfill(32)]
    return (200, document(found)) if found else _failed(404, "trace not found")


def _search(spans: list[Span], asked: dict[str, list[str]]) -> dict[str, Any]:
    fits = _filter(asked)
    limit = _whole(asked, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"limit: from 1 to {MAX_LIMIT}")
    found = {span.trace_id for span in spans if fits(span)}
    began: dict[str, float] = {}
    for span in spans:
        if span.trace_id in found:
            began[span.trace_id] = min(span.start, began.get(span.trace_id, span.start))
    latest = sorted(began, key=lambda trace_id: began[trace_id], reverse=True)[:limit]
    place = {trace_id: number for number, trace_id in enumerate(latest)}
    kept = [span for span in spans if span.trace_id in place]
    return document(sorted(kept, key=lambda span: place[span.trace_id]))


def _filter(asked: dict[str, list[str]]) -> Callable[[Span], bool]:
    """Whether a span is what was asked for."""
    (service,) = asked.get("service", [""])[:1]
    if not service:
        raise ValueError("service: must be given")
    operation = asked.get("operation", [""])[0]
    tags = _wanted(asked)
    start, end = _whole(asked, "start", 0), _whole(asked, "end", 2**63)
    shortest, longest = _duration(asked, "minDuration", 0), _duration(asked, "maxDuration", 2**63)

    def fits(span: Span) -> bool:
        if span.service != service or operation not in {"", span.name}:
            return False
        began = microseconds(span.start)
        if not (start <= began <= end and shortest <= microseconds(span.end) - began <= longest):
            return False
        has = tags_of(span) if tags else {}
        return all(key in has and _word(has[key]) == value for key, value in tags.items())

    return fits


def _wanted(asked: dict[str, list[str]]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in asked.get("tags", []):
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("tags: no JSON object") from None
        if not isinstance(plain, dict):
            raise ValueError("tags: no JSON object")  # noqa: TRY004  the request is wrong, not a caller
        tags |= {key: _word(value) for key, value in plain.items()}
    for text in asked.get("tag", []):
        key, colon, value = text.partition(":")
        if not colon:
            raise ValueError("tag: must be key:value")
        tags[key] = value
    return tags


def _whole(asked: dict[str, list[str]], name: str, default: int) -> int:
    text = asked.get(name, [""])[0]
    if not re.fullmatch(r"[0-9]{0,19}", text):
        raise ValueError(f"{name}: must be a whole number")
    return int(text) if text else default


def _duration(asked: dict[str, list[str]], name: str, default: int) -> float:
    text = asked.get(name, [""])[0]
    if not text:
        return default
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{name}: must be a number and one of {', '.join(UNITS)}")
    return float(found[1]) * UNITS[found[2]]


def _word(value: Any) -> str:
    """A tag's value as text, the way Jaeger compares it."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _failed(status: int, reason: str) -> Answer:
    return status, answer(None, {"code": status, "msg": reason})


class QueryServer:
    """Serves `query` on 127.0.0.1:`port` (0: a free one) over whatever `spans` returns when it is asked.

    For a page on the candidate's own machine. A context manager: it listens within it.
    """

    def __init__(self, spans: Callable[[], Iterable[Span]], port: int = 0) -> None:
        class Asked(BaseHTTPRequestHandler):
            timeout = 10.0

            def do_GET(self) -> None:
                status, body = query(spans(), self.path)
                sent = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                """Say nothing: standard error is for what goes wrong."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Asked)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
