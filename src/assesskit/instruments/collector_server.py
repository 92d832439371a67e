"""The collector's program, ``python -m assesskit.instruments.collector_server``, asked by `collector.Collector`."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from assesskit.instruments.otlp import Received, decode, inflate, plain_span
from assesskit.instruments.serving import Listener, Refused, read_body, run

MAX_BODY = 2 * 1024 * 1024
"""Bytes on the wire."""
MAX_SPANS = 100_000
MAX_SPANS_OF_TRACE = 2000
MAX_BYTES = 64 * 1024 * 1024
"""Of all stored spans together, as they are encoded."""
TOKEN_HEADER = "X-Ingest-Token"  # noqa: S105  the header's name
DISCARDED = frozenset({"/v1/metrics", "/v1/logs"})


class CollectorProgram:
    """Receives spans and keeps them by trace."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._traces: dict[str, list[Received]] = {}
        self._count = 0
        self._bytes = 0
        self._refused = 0
        self._crowded_out: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._decoding = asyncio.Lock()

    async def open(self, port: int, tokens: dict[str, str]) -> int:
        """Listen; return the port."""
        self._tokens = tokens
        return await Listener(self._receive).open(port)

    async def refused(self) -> int:
        """Return the number of requests without a valid token."""
        return self._refused

    async def crowded_out(self) -> dict[str, int]:
        """Return the number of spans there was no room for, by service."""
        return dict(self._crowded_out)

    async def spans(self, trace_id: str | None, settle: float, timeout: float) -> list[dict[str, Any]]:  # noqa: ASYNC109
        """Return spans once no more come."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        seen = self._number(trace_id)
        still_until = loop.time() + settle
        while (now := loop.time()) < deadline and (not seen or now < still_until):
            await self._change(min(deadline, still_until) - now if seen else deadline - now)
            if self._number(trace_id) != seen:
                seen = self._number(trace_id)
                still_until = loop.time() + settle
        if trace_id is not None:
            return [plain_span(received) for received in self._traces.get(trace_id, [])]
        return [plain_span(received) for trace in self._traces.values() for received in trace]

    def _number(self, trace_id: str | None) -> int:
        return self._count if trace_id is None else len(self._traces.get(trace_id, []))

    async def _change(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._changed.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        source = self._tokens.get(request.headers.get(TOKEN_HEADER, ""))
        if source is None:
            self._refused += 1
            raise Refused(401, "no such ingest token")
        if request.path not in DISCARDED | {"/v1/traces"}:
            raise Refused(404, "only /v1/traces, /v1/metrics and /v1/logs are here")
        if request.method != "POST":
            raise Refused(405, "only POST")
        sent = await read_body(request, MAX_BODY)
        async with self._decoding:  # one at a time, so that the grader's questions have their turn between two
            body = inflate(sent, request.headers.get("Content-Encoding", "").strip().lower())
            rejected = 0
            if request.path not in DISCARDED:
                rejected = self._keep(decode(body, request.content_type, source))
                self._crowded_out[source] += rejected
        return _answer(rejected, request.content_type)

    def _keep(self, found: list[tuple[str, Received]]) -> int:
        """Store spans while there is room; return how many there was no room for."""
        resource = b""
        for kept, (trace_id, received) in enumerate(found):
            full = self._count >= MAX_SPANS or self._bytes >= MAX_BYTES
            if full or self._number(trace_id) >= MAX_SPANS_OF_TRACE:
                return len(found) - kept
            self._traces.setdefault(trace_id, []).append(received)
            self._count += 1
            self._bytes += len(received.encoded)
            if received.resource is not resource:
                resource = received.resource
                self._bytes += len(resource)
        self._changed.set()
        self._changed = asyncio.Event()
        return 0


def _answer(rejected: int, content_type: str) -> web.Response:
    """Answer as OTLP wants: a success in the request's own format, partial when spans found no room."""
    reason = "the collector is full" if rejected else ""
    if content_type == "application/json":
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": reason}} if rejected else {}
        return web.json_response(partial)
    success = ExportTraceServiceResponse()
    if rejected:
        success.partial_success.CopyFrom(ExportTracePartialSuccess(rejected_spans=rejected, error_message=reason))
    return web.Response(body=success.SerializeToString(), content_type="application/x-protobuf")


if __name__ == "__main__":
    COLLECTOR = CollectorProgram()
    run(
        {
            "open": COLLECTOR.open,
            "spans": COLLECTOR.spans,
            "refused": COLLECTOR.refused,
            "crowded_out": COLLECTOR.crowded_out,
        },
        AsyncExitStack(),
    )
