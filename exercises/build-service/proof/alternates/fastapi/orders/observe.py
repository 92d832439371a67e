"""Around every request: its span, its figures, its line in the log, and an answer even when the code below fails."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from fastapi import FastAPI
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orders import telemetry
from orders.problems import Problem, for_status

access = logging.getLogger("orders.access")
log = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
READ_AWAY_AT_MOST = 1 << 20
READ_AWAY_WITHIN = 1.0


class Observe:
    def __init__(self, app: ASGIApp, orders: FastAPI) -> None:
        self._app = app
        self._orders = orders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        path: str = scope["path"]
        exchange = _Exchange(scope, receive, send, self._orders)
        with tracer.start_as_current_span(
            f"{method} {path}" if path in telemetry.PLATFORM else method,
            context=propagate.extract(_carrier(scope), context=Context()),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path.encode("utf-8", "replace").decode()},
        ) as span:
            try:
                if self._orders.state.draining and path.startswith("/v1"):
                    problem = Problem(503, "shutting-down", "Ask another instance.", headers={"Retry-After": "1"})
                    await problem.response()(scope, exchange.receive, exchange.send)
                else:
                    await self._app(scope, exchange.receive, exchange.send)
            except Exception as error:
                span.record_exception(error)
                log.exception("a request failed")
                if exchange.status is None:
                    await for_status(500).response()(scope, exchange.receive, exchange.send)
            finally:
                seconds = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "unmatched")
                status = exchange.status or 499  # the caller went away
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))
                telemetry.REQUESTS.labels(route, method, status).inc()
                telemetry.DURATION.labels(route, method, status).observe(seconds)
                access.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": path,
                        "route": route,
                        "status": status,
                        "duration_ms": round(seconds * 1000, 2),
                        "caller": scope.get("orders.caller"),
                    },
                )


class _Exchange:
    """Notes the status, and reads away what is left of a body, so that the caller gets to read the answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, orders: FastAPI) -> None:
        names = dict(scope["headers"])
        self._more = b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"
        self._patient = b"expect" not in names
        self._receive = receive
        self._send = send
        self._orders = orders
        self.status: int | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._more = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._more:
                await self._read_away()
            if self._more or self._orders.state.draining:
                MutableHeaders(scope=message)["connection"] = "close"
        await self._send(message)

    async def _read_away(self) -> None:
        if not self._patient:
            return
        seen = 0
        try:
            async with asyncio.timeout(READ_AWAY_WITHIN):
                while self._more and seen < READ_AWAY_AT_MOST:
                    seen += len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass


def _carrier(scope: Scope) -> dict[str, Any]:
    carrier: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if name in (b"traceparent", b"tracestate", b"baggage"):
            carrier.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return carrier
