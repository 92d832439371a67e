"""Traces by Jaeger's own client, which its maintainers have archived, and a line of JSON for every request.

It speaks only Jaeger's own header. The others of our services speak both formats because of it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from flask import g, request
from jaeger_client import Tracer
from jaeger_client.local_agent_net import LocalAgentSender
from jaeger_client.reporter import Reporter
from jaeger_client.sampler import ConstSampler
from opentracing import Format, SpanContextCorruptedException, tags

if TYPE_CHECKING:
    from flask import Flask, Response
    from jaeger_client import Span, SpanContext

PROBE = "readyz"

log = logging.getLogger("service")
_tracer: Tracer | None = None


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
        caller = _caller()
        route = request.url_rule.rule if request.url_rule else "unmatched"
        g.scope = tracer().start_active_span(
            f"{request.method} {route}",
            child_of=caller,
            ignore_active_span=True,
            tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_SERVER, "http.method": request.method, "http.route": route},
        )


def _caller() -> SpanContext | None:
    try:
        return tracer().extract(Format.HTTP_HEADERS, dict(request.headers))
    except SpanContextCorruptedException:
        return None


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
