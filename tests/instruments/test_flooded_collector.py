"""A service that floods the collector takes room from itself alone: memory is bounded, and what was there stays."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import psutil
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.instruments.batches import datagram, jaeger_span, running

from assesskit.checks import hops
from assesskit.instruments.collector import Collector, Span

SPANS, FILLER = 1000, "x" * 500
SENDERS, REQUESTS = 4, 30
"""Together more spans than the collector keeps."""
MOST_GROWTH = 400 * 2**20


@pytest.fixture(scope="module")
def flooded() -> Iterator[tuple[Collector, str, list[list[Span]], list[int], int]]:
    """A collector that was flooded, a trace that was there before, what was read of it meanwhile, how many spans each
    request of the flood had rejected, and the bytes by which the collector grew."""
    collector = Collector.start(0, {"token-a": "gateway", "token-b": "pricing"})
    try:
        trace = secrets.token_hex(16)
        assert export(collector, trace, 2) == 0
        process = psutil.Process(collector._program._process.pid)
        used = process.memory_info().rss
        rejected: list[int] = []
        read: list[list[Span]] = []

        def flood() -> None:
            rejected.extend(export(collector, None, SPANS) for _ in range(REQUESTS))

        senders = [threading.Thread(target=flood) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            read.append(collector.spans(trace, settle=0.0, timeout=0.0))
        yield collector, trace, read, rejected, process.memory_info().rss - used
    finally:
        collector.stop()


def export(collector: Collector, trace: str | None, count: int) -> int:
    """Send spans of one trace, or each of a trace of its own; return how many were rejected."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(count):
        span = spans.add(trace_id=bytes.fromhex(trace or secrets.token_hex(16)), span_id=secrets.token_bytes(8))
        span.name = FILLER
        span.start_time_unix_nano = span.end_time_unix_nano = 10**18
    headers = {"x-ingest-token": "token-a", "Content-Type": "application/x-protobuf"}
    url = f"http://127.0.0.1:{collector.port}/v1/traces"
    answer = requests.post(url, data=request.SerializeToString(), headers=headers, timeout=60)
    assert answer.status_code in {200, 503}
    if answer.status_code != 200:
        return count
    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert not said.rejected_spans or said.error_message == "the collector is full"
    return int(said.rejected_spans)


def test_its_memory_is_bounded(flooded) -> None:
    """Far above what a right system sends, spans are turned away, and their sender is told."""
    *_, rejected, grown = flooded
    assert sum(rejected) > SPANS
    assert min(rejected) == 0
    assert grown < MOST_GROWTH


def test_what_was_there_can_be_read_all_the_time(flooded) -> None:
    """So a verdict about it stays what it is."""
    collector, trace, read, *_ = flooded
    assert {len(each) for each in read} == {2}
    assert len(hops.arrived(collector, [trace], lambda found: len(found) == 2, 5.0)) == 2


def test_what_comes_later_is_missed_like_anything_that_does_not_come(flooded) -> None:
    """Nothing waits for it longer than for others, and nothing breaks."""
    collector, *_ = flooded
    late = secrets.token_hex(16)
    before = collector.crowded_out()["gateway"]
    assert export(collector, late, 1) == 1
    assert collector.crowded_out()["gateway"] == before + 1
    assert hops.arrived(collector, [late], bool, 0.5) == []


def test_that_it_was_full_is_told_by_who_passes_spans_on(flooded) -> None:
    """The agent has lost nothing itself, so nobody is excused by it."""
    collector, *_ = flooded
    with running(collector.port, token="token-b") as agent:
        agent.send(datagram(jaeger_span(), jaeger_span()))
        counts = agent.until(lambda counts: counts["crowded_out"])
    assert (counts["crowded_out"], counts["lost"], counts["lost_spans"], counts["passed_spans"]) == (2, 0, 0, 0)
