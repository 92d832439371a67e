"""Traces by Jaeger's own client, which its maintainers have archived, and a line of JSON for every request.

The others of our services speak W3C Trace Context; the codec below makes this one speak it, too.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from flask import g, request
from jaeger_client import SpanContext, Tracer
from jaeger_client.codecs import Codec
from jaeger_client.local_agent_net import LocalAgentSender
from jaeger_client.reporter import Reporter
from jaeger_client.sampler import ConstSampler
from opentracing import Format, tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask, Response
    from jaeger_client import Span

PROBE = "readyz"
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

log = logging.getLogger("service")
_tracer: Tracer | None = None


class TraceContext(Codec):  # type: ignore[misc]
    """W3C Trace Context. What is malformed is left alone, and a trace of our own begins."""

    def inject(self, span_context: SpanContext, carrier: dict[str, str]) -> None:
        ids = f"{span_context.trace_id:032x}-{span_context.span_id:016x}"
        carrier["traceparent"] = f"00-{ids}-{span_context.flags & 1:02x}"

    def extract(self, carrier: Mapping[str, str]) -> SpanContext | None:
        found = TRACEPARENT.fullmatch(next((v for k, v in carrier.items() if k.lower() == "traceparent"), ""))
        if not found or not int(found[1], 16) or not int(found[2], 16):
            return None
        trace_id, span_id, flags = (int(found[place], 16) for place in (1, 2, 3))
        return SpanContext(trace_id=trace_id, span_id=span_id, parent_id=None, flags=flags & 1)


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        span = _tracer.active_span if _tracer else None
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "trace_id": f"{span.trace_id:032x}" if span else "0" * 32,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def tracer() -> Tracer:
    """The tracer of this process, made at its first request: its threads do not survive a fork."""
    global _tracer
    if _tracer is None:
        sender = LocalAgentSender("127.0.0.1", 0, int(os.environ["JAEGER_AGENT_PORT"]))
        _tracer = Tracer(
            "pricing",
            Reporter(sender, queue_capacity=1000, flush_interval=1),
            ConstSampler(True),
            generate_128bit_trace_id=True,
            extra_codecs={Format.HTTP_HEADERS: TraceContext()},
            tags={"hostname": "pricing", "ip": "127.0.0.1"},
        )
    return _tracer


def install(app: Flask) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    tracer()
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_close)


def flush() -> None:
    """Send what is left; called when the worker ends."""
    if _tracer is not None:
        done: Future[Any] = Future()
        loop = _tracer.reporter.io_loop
        loop.add_callback(lambda: loop.add_future(_tracer.close(), lambda _: done.set_result(None)))
        done.result(2)


def client_span(name: str) -> Any:
    """A scope around a call to another service."""
    return tracer().start_active_span(name, tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_CLIENT})


def failed(span: Span, error: Exception) -> None:
    """Say in a span what went wrong."""
    span.set_tag(tags.ERROR, True)
    span.log_kv({"event": "error", "error.kind": type(error).__name__, "message": str(error)})


def _begin() -> None:
    g.began = time.perf_counter()
    if request.path.strip("/") != PROBE:
        caller = tracer().extract(Format.HTTP_HEADERS, dict(request.headers))
        route = request.url_rule.rule if request.url_rule else "unmatched"
        g.scope = tracer().start_active_span(
            f"{request.method} {route}",
            child_of=caller,
            ignore_active_span=True,
            tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_SERVER, "http.method": request.method, "http.route": route},
        )


def _end(response: Response) -> Response:
    if "scope" in g:
        g.scope.span.set_tag("http.status_code", response.status_code)
        if response.status_code >= 500:
            g.scope.span.set_tag(tags.ERROR, True)
        fields = {
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else "unmatched",
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - g.began) * 1000, 3),
        }
        log.info("request", extra={"fields": fields})
    return response


def _close(_: BaseException | None) -> None:
    if "scope" in g:
        g.pop("scope").close()
