"""Jaeger's batches, built and encoded with jaeger_client's own types, and the agent they are sent to."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaeger_client.thrift_gen.agent import Agent
from jaeger_client.thrift_gen.jaeger import ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from assesskit.instruments.program import Program

PROTOCOLS = {"compact": TCompactProtocol, "binary": TBinaryProtocol}
START = 1_700_000_000_000_000
CHILD_OF, FOLLOWS_FROM = ttypes.SpanRefType.CHILD_OF, ttypes.SpanRefType.FOLLOWS_FROM


def number() -> int:
    """An id as thrift has it: signed."""
    return int.from_bytes(secrets.token_bytes(8), "big", signed=True) | 1


def tag(key: str, value: Any) -> Any:
    kinds = {
        bool: ("BOOL", "vBool"),
        int: ("LONG", "vLong"),
        float: ("DOUBLE", "vDouble"),
        bytes: ("BINARY", "vBinary"),
    }
    kind, field = kinds.get(type(value), ("STRING", "vStr"))
    return ttypes.Tag(key=key, vType=getattr(ttypes.TagType, kind), **{field: value})


def tags(**values: Any) -> list[Any]:
    return [tag(key.replace("__", "."), value) for key, value in values.items()]


def reference(kind: int, low: int, span: int | None, high: int = 0) -> Any:
    return ttypes.SpanRef(refType=kind, traceIdLow=low, traceIdHigh=high, spanId=span)


def jaeger_span(**changes: Any) -> Any:
    """A span that is one, but for the changes."""
    fields = {
        "traceIdLow": number(),
        "traceIdHigh": 0,
        "spanId": number(),
        "parentSpanId": 0,
        "operationName": "read",
        "flags": 1,
        "startTime": START,
        "duration": 1500,
    }
    return ttypes.Span(**{**fields, **changes})


def jaeger_log(at: int, **fields: Any) -> Any:
    return ttypes.Log(timestamp=at, fields=tags(**fields))


def datagram(*spans: Any, protocol: str = "compact", service: str = "pricing", method: str = "emitBatch") -> bytes:
    transport = TMemoryBuffer()
    writer = PROTOCOLS[protocol](transport)
    writer.writeMessageBegin(method, TMessageType.ONEWAY, 1)
    process = ttypes.Process(serviceName=service, tags=tags(hostname="h", ip="10.0.0.1"))
    Agent.emitBatch_args(ttypes.Batch(process=process, spans=list(spans))).write(_texts_as_bytes(writer))
    writer.writeMessageEnd()
    found: bytes = transport.getvalue()
    return found


def _texts_as_bytes(writer: Any) -> Any:
    """Let a test write bytes where the type has a text, as a client in another language may."""
    plain = writer.writeString
    writer.writeString = lambda text: writer.writeBinary(text) if isinstance(text, bytes) else plain(text)
    return writer


def trace_id(span: Any) -> str:
    return f"{span.traceIdHigh % 2**64:016x}{span.traceIdLow % 2**64:016x}"


def hexed(span_id: int) -> str:
    return f"{span_id % 2**64:016x}"


class JaegerAgent:
    """A running agent, and a socket to send to it."""

    def __init__(self, collector: int, token: str, port: int = 0) -> None:
        self.program = Program("assesskit.instruments.jaeger_agent", "agent")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.port: int = self.program.ask("open", port=port, token=token, collector=collector)
        except BaseException:
            self.stop()
            raise

    def send(self, *datagrams: bytes) -> None:
        """Send, and return once they are received: the system's buffer is small."""
        received = self.counts()["received"]
        for first in range(0, len(datagrams), 64):
            some = datagrams[first : first + 64]
            for each in some:
                self.socket.sendto(each, ("127.0.0.1", self.port))
            received += len(some)
            self.until(lambda counts, enough=received: counts["received"] >= enough)

    def counts(self) -> Any:
        return self.program.ask("counts")

    def until(self, holds: Any) -> Any:
        """The counts as soon as they are as they should be."""
        deadline = time.monotonic() + 30
        while not holds(counts := self.counts()):
            assert time.monotonic() < deadline, counts
            time.sleep(0.001)
        return counts

    def stop(self) -> None:
        self.program.stop()
        self.socket.close()


@contextmanager
def running(collector: int, token: str = "token-a", port: int = 0) -> Iterator[JaegerAgent]:
    agent = JaegerAgent(collector, token, port)
    try:
        yield agent
    finally:
        agent.stop()
