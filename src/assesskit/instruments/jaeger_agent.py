"""The Jaeger agent's program, ``python -m assesskit.instruments.jaeger_agent``: thrift over UDP in, OTLP out.

What legacy clients send goes on to the collector, in order, so that every span of a trace is in one store. A datagram
has no token: whatever comes here is passed on in the name of the one program that is meant to use it.

It is asked ``open(port, token, collector)`` and ``counts``. Nothing is sent twice, and what was lost is counted, so a
check that misses a span can tell whose fault that is.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, deque
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from assesskit.instruments.jaeger_thrift import MAX_DATAGRAM, decode
from assesskit.instruments.serving import run

MAX_WAITING = 16 * 1024 * 1024
"""Bytes of datagrams that wait for the collector."""
OVERHEAD = 256
"""Bytes that a datagram takes besides its own, so that empty ones are bounded too."""
BUFFER = 4 * 1024 * 1024
"""Bytes that the system is asked to hold for us while we decode; it may give less."""
AT_ONCE = 256
"""Datagrams taken before others have their turn."""
BATCH_SPANS = 512
BATCH_BYTES = 1024 * 1024
"""A request to the collector is closed when it holds as much; one datagram adds at most a quarter of that."""
RETRY_SECONDS = 0.2
POST_SECONDS = 30.0
OK, UNAVAILABLE = 200, 503
COUNTED = ("received", "refused", "refused_spans", "passed_spans", "crowded_out", "lost", "lost_spans")


class AgentProgram:
    """Receives datagrams, and passes their spans on one request after the other."""

    def __init__(self) -> None:
        self.closing = AsyncExitStack()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._counts = Counter(dict.fromkeys(COUNTED, 0))
        self._reason = ""
        self._arrived = asyncio.Event()
        self._socket: socket.socket  # these are there once it is open
        self._http: aiohttp.ClientSession
        self._passing: asyncio.Task[None]
        self._url = ""

    async def open(self, port: int, token: str, collector: int) -> int:
        """Receive on the UDP port (0: a free one) and pass on to the collector's port; return our own."""
        self._socket = self.closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.setblocking(False)  # noqa: FBT003  the socket's own signature
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            raise ValueError(f"cannot receive on 127.0.0.1:{port}: {error.strerror}") from error
        self._url = f"http://127.0.0.1:{collector}/v1/traces"
        self._http = await self.closing.enter_async_context(
            aiohttp.ClientSession(
                headers={"x-ingest-token": token, "Content-Type": "application/x-protobuf"},
                timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
                connector=aiohttp.TCPConnector(force_close=True),  # a kept one may end as we use it: sent, or not?
            )
        )
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._receive)
        self.closing.callback(loop.remove_reader, self._socket)
        self._passing = loop.create_task(self._pass_on())
        self.closing.callback(self._passing.cancel)
        bound: int = self._socket.getsockname()[1]
        return bound

    async def counts(self) -> dict[str, int | str]:
        """Return how many datagrams were received, and what became of them and of their spans.

        Of datagrams: `received`; `refused`, since they were no batch; `lost`, since the collector was too slow;
        `overrun`, since we were (as far as the system tells); `waiting`. Of spans: `refused_spans`, `passed_spans`,
        `crowded_out`, since the collector was full of others; `lost_spans`. `reason` is of the last refusal.
        """
        if self._passing.done():
            self._passing.result()  # raises what ended it, which ends us
        port = self._socket.getsockname()[1]
        return {**self._counts, "overrun": _overrun(port), "waiting": len(self._waiting), "reason": self._reason}

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            try:
                datagram = self._socket.recv(MAX_DATAGRAM + 1)
            except BlockingIOError:
                return
            self._counts["received"] += 1
            if self._bytes + len(datagram) + OVERHEAD > MAX_WAITING:
                self._counts["lost"] += 1
                continue
            self._waiting.append(datagram)
            self._bytes += len(datagram) + OVERHEAD
            self._arrived.set()

    async def _pass_on(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                request, spans = await self._gather()
                if spans:
                    await self._post(request.SerializeToString(), spans)

    async def _gather(self) -> tuple[ExportTraceServiceRequest, int]:
        """Decode what waits, up to a request's worth."""
        request, spans, size = ExportTraceServiceRequest(), 0, 0
        while self._waiting and spans < BATCH_SPANS and size < BATCH_BYTES:
            datagram = self._waiting.popleft()
            self._bytes -= len(datagram) + OVERHEAD
            try:
                batch, refused = decode(datagram)
            except ValueError as error:
                self._counts["refused"] += 1
                self._reason = str(error)
            else:
                request.resource_spans.append(batch)
                self._counts["refused_spans"] += refused
                spans += len(batch.scope_spans[0].spans)
                size += batch.ByteSize()
            await asyncio.sleep(0)  # more may have come, and the grader may ask
        return request, spans

    async def _post(self, body: bytes, spans: int) -> None:
        """Send until the collector takes it or refuses it; lost when we cannot know."""
        while True:
            try:
                async with self._http.post(self._url, data=body) as answer:
                    said = await answer.read()
                    if answer.status != UNAVAILABLE:
                        break
            except aiohttp.ClientConnectorError:
                pass  # it does not listen, so it took nothing
            except (aiohttp.ClientError, TimeoutError):
                self._counts["lost_spans"] += spans  # it may have them, and a span that is there twice is a finding
                return
            await asyncio.sleep(RETRY_SECONDS)
        if answer.status != OK:
            self._counts["lost_spans"] += spans
            return
        rejected = ExportTraceServiceResponse.FromString(said).partial_success.rejected_spans
        self._counts["crowded_out"] += rejected
        self._counts["passed_spans"] += spans - rejected


def _overrun(port: int) -> int:
    """Datagrams that the system threw away because its buffer of ours was full. Source: Linux, proc_net_udp(5)."""
    table = Path("/proc/net/udp")
    rows = [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return sum(int(row[-1]) for row in rows if row[1] == f"0100007F:{port:04X}")


if __name__ == "__main__":
    AGENT = AgentProgram()
    run({"open": AGENT.open, "counts": AGENT.counts}, AGENT.closing)
