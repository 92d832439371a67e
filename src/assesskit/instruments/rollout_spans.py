"""The router's own spans: one for each request that comes with a sampled trace, so that both sides are its children.

Source: W3C trace context, 3.2 (traceparent); OTLP/HTTP.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from multidict import CIMultiDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
MAX_WAITING = 5000
BATCH = 500
POST_SECONDS = 5.0
EVERY = 0.1
"""Seconds between two deliveries."""
SERVER_ERROR = 500


class Spans:
    """Sends spans to the collector on `port`, in the name of `token`; what it does not take is lost, and counted."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/traces"
        self._headers = {"x-ingest-token": token, "Content-Type": "application/x-protobuf"}
        self._waiting: deque[Span] = deque(maxlen=MAX_WAITING)
        self.lost = 0

    @contextmanager
    def around(self, headers: CIMultiDict[str], name: str) -> Iterator[Span | None]:
        """A span around what is done with a request: its `traceparent` becomes ours. None for one without a sampled
        trace, whose headers stay as they are.
        """
        found = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        if found is None or not int(found[3], 16) & 1:
            yield None
            return
        span = Span(
            trace_id=bytes.fromhex(found[1]),
            span_id=secrets.token_bytes(8),
            parent_span_id=bytes.fromhex(found[2]),
            name=name,
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=time.time_ns(),
            flags=1,
        )
        headers["traceparent"] = f"00-{found[1]}-{span.span_id.hex()}-{found[3]}"
        try:
            yield span
        finally:
            span.end_time_unix_nano = time.time_ns()
            self._waiting.append(span)

    async def deliver(self) -> None:
        """Send what waits, over and over, until cancelled."""
        async with aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
            connector=aiohttp.TCPConnector(force_close=True),
        ) as session:
            while True:
                await asyncio.sleep(EVERY)
                while self._waiting:
                    batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                    try:
                        async with session.post(self._url, data=_request(batch)) as answer:
                            self.lost += 0 if answer.ok else len(batch)
                    except (aiohttp.ClientError, TimeoutError):
                        self.lost += len(batch)


def answered(span: Span | None, status: int, side: str) -> None:
    """Say in a span what was answered, and by which side."""
    if span is None:
        return
    code = span.attributes.add(key="http.response.status_code")
    code.value.int_value = status
    told = span.attributes.add(key="rollout.side")
    told.value.string_value = side
    if status >= SERVER_ERROR:
        span.status.code = Status.STATUS_CODE_ERROR


def _request(spans: list[Span]) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add(key="service.name")
    name.value.string_value = "router"
    resource.scope_spans.add(spans=spans)
    return request.SerializeToString()
