from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterator

import psutil
import pytest
from jaeger_client import ConstSampler, SpanContext, Tracer
from jaeger_client.local_agent_net import LocalAgentSender
from jaeger_client.reporter import Reporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.instruments.batches import (
    CHILD_OF,
    FOLLOWS_FROM,
    START,
    JaegerAgent,
    datagram,
    hexed,
    jaeger_log,
    jaeger_span,
    number,
    reference,
    running,
    tags,
    trace_id,
)

from assesskit.errors import GraderError
from assesskit.instruments.collector import Collector, Span


@pytest.fixture(scope="module")
def agent(collector: Collector) -> Iterator[JaegerAgent]:
    with running(collector.port) as agent:
        yield agent


@pytest.fixture
def tracer(agent):
    """jaeger_client's own, as a legacy service sets it up."""
    sender = LocalAgentSender("127.0.0.1", 0, agent.port)
    reporter = Reporter(sender, flush_interval=0.05)
    tags = {"hostname": "h", "ip": "10.0.0.1"}
    yield Tracer("pricing", reporter, ConstSampler(decision=True), tags=tags, generate_128bit_trace_id=True)
    sender._thread_loop.submit(reporter.close).result(5)  # on its own loop, or spans are lost
    sender.io_loop.add_callback(sender.io_loop.stop)
    sender._thread_loop._thread.join(5)
    asyncio.set_event_loop(None)  # or closing asks for this thread's, which would be made, and never closed
    sender.io_loop.close()
    sender.close()


def only(collector: Collector, span) -> Span:
    (found,) = collector.spans(trace_id(span), settle=0.05)
    return found


def test_a_legacy_span_joins_the_trace_of_otlp(collector, agent, tracer):
    """What jaeger_client sends over UDP and what OpenTelemetry sends over HTTP is one trace in one store."""
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{collector.port}/v1/traces", headers={"x-ingest-token": "token-b"})
    tracers = TracerProvider(resource=Resource.create({"service.name": "checkout"}))
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    with tracers.get_tracer("tests").start_as_current_span("POST /checkouts") as root:
        context = root.get_span_context()
        above = SpanContext(context.trace_id, context.span_id, None, 1)
        with tracer.start_span("GET /prices", child_of=above) as span:
            span.set_tag("span.kind", "server")
            span.set_tag("http.status_code", 200)
            span.log_kv({"event": "cache", "hit": False})
    tracers.shutdown()
    agent.until(lambda counts: counts["passed_spans"] >= 1 and not counts["waiting"])
    found = {each.name: each for each in collector.spans(f"{context.trace_id:032x}", settle=0.3)}
    assert set(found) == {"POST /checkouts", "GET /prices"}
    upper, legacy = found["POST /checkouts"], found["GET /prices"]
    assert (legacy.parent_id, legacy.kind, legacy.service, legacy.source) == (
        upper.span_id,
        "SERVER",
        "pricing",
        "submission",
    )
    assert (upper.service, upper.source) == ("checkout", "reference")
    assert legacy.attributes["http.status_code"] == 200
    (event,) = legacy.events
    assert (event["name"], event["attributes"]) == ("cache", {"hit": False})
    assert upper.start <= legacy.start <= legacy.end <= upper.end


@pytest.mark.parametrize("protocol", ["compact", "binary"])
def test_a_batch_comes_out_with_every_field(collector, agent, protocol):
    """Compact and binary thrift say the same."""
    low, high, own, above, other = (number() for _ in range(5))
    sent = jaeger_span(
        traceIdLow=low,
        traceIdHigh=high,
        spanId=own,
        parentSpanId=above,
        operationName="GET /prices",
        references=[reference(CHILD_OF, low, above, high), reference(FOLLOWS_FROM, low, other, high)],
        flags=3,
        tags=tags(span__kind="client", text="é", n=-7, large=2**62, part=0.5, yes=True, raw=b"\x00\xff", error=True),
        logs=[jaeger_log(START + 10, event="retry", attempt=2)],
    )
    agent.send(datagram(sent, protocol=protocol))
    assert only(collector, sent) == Span(
        trace_id=trace_id(sent),
        span_id=hexed(own),
        parent_id=hexed(above),
        name="GET /prices",
        kind="CLIENT",
        service="pricing",
        source="submission",
        start=1700000000.0,
        end=1700000000.0015,
        status="ERROR",
        status_message="",
        attributes={
            "text": "é",
            "n": -7,
            "large": 2**62,
            "part": 0.5,
            "yes": True,
            "raw": "00ff",
            "jaeger.debug": True,
        },
        events=({"name": "retry", "time": 1700000000.00001, "attributes": {"attempt": 2}},),
        links=((trace_id(sent), hexed(other)),),
        flags=1,
        scope="jaeger",
        resource={"service.name": "pricing", "hostname": "h", "ip": "10.0.0.1"},
    )


def test_a_trace_id_of_64_bits_is_padded(collector, agent):
    """It is the lower half of one of 128 (W3C trace context, interoperating with existing systems)."""
    sent = jaeger_span(traceIdHigh=0)
    agent.send(datagram(sent))
    assert only(collector, sent).trace_id == "0" * 16 + hexed(sent.traceIdLow)


@pytest.mark.parametrize(
    ("parent", "references", "expected", "links"),
    [
        (7, [(CHILD_OF, "own", 7)], 7, []),
        (7, [], 7, []),
        (0, [(CHILD_OF, "own", 8)], 8, []),
        (0, [(FOLLOWS_FROM, "own", 8)], 8, [("own", 8)]),
        (0, [(FOLLOWS_FROM, "own", 8), (CHILD_OF, "own", 9)], 9, [("own", 8)]),
        (7, [(CHILD_OF, "own", 7), (CHILD_OF, "own", 8)], 7, [("own", 8)]),
        (7, [(FOLLOWS_FROM, "own", 7)], 7, [("own", 7)]),
        (0, [(CHILD_OF, "other", 8)], 0, [("other", 8)]),
    ],
)
def test_references_are_parent_and_links(collector, agent, parent, references, expected, links):
    """The parent is the field, else the first child-of of the trace, else a follows-from of it; the rest are links."""
    traces = {"own": number(), "other": number()}
    listed = [reference(kind, traces[trace], span) for kind, trace, span in references]
    sent = jaeger_span(traceIdLow=traces["own"], parentSpanId=parent, references=listed)
    agent.send(datagram(sent))
    found = only(collector, sent)
    assert found.parent_id == (hexed(expected) if expected else "")
    assert found.links == tuple(("0" * 16 + hexed(traces[trace]), hexed(span)) for trace, span in links)


@pytest.mark.parametrize(
    ("given", "status", "kept"),
    [
        ({}, "UNSET", {}),
        ({"error": True}, "ERROR", {}),
        ({"error": "true"}, "ERROR", {}),
        ({"error": False, "http__status_code": 500}, "UNSET", {"error": False, "http.status_code": 500}),
        ({"http__status_code": 500}, "ERROR", {"http.status_code": 500}),
        ({"http__status_code": "503"}, "ERROR", {"http.status_code": "503"}),
        ({"http__status_code": 404, "span__kind": "server"}, "UNSET", {"http.status_code": 404}),
        ({"http__status_code": 404, "span__kind": "client"}, "ERROR", {"http.status_code": 404}),
        ({"http__status_code": "9" * 5000}, "UNSET", {"http.status_code": "9" * 2048}),
        ({"span__kind": "elsewhere"}, "UNSET", {"span.kind": "elsewhere"}),
    ],
)
def test_tags_that_mean_something_become_it(collector, agent, given, status, kept):
    """A span failed by its tag, or by HTTP's status as OpenTelemetry reads it; a server's 4xx is the client's fault."""
    sent = jaeger_span(tags=tags(**given))
    agent.send(datagram(sent))
    found = only(collector, sent)
    assert (found.status, found.attributes) == (status, kept)


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceIdLow": 0},
        {"spanId": 0},
        {"traceIdLow": None},
        {"operationName": None},
        {"startTime": -1},
        {"startTime": 2**62},
        {"duration": -START - 1},
        {"duration": 2**62},
        {"logs": [jaeger_log(-1)]},
        {"references": [reference(CHILD_OF, 1, None)]},
    ],
)
def test_a_span_that_is_none_is_counted_and_its_neighbours_stay(collector, agent, wrong):
    """One bad span does not cost the batch."""
    before, good = agent.counts(), jaeger_span()
    agent.send(datagram(jaeger_span(**wrong), good))
    assert only(collector, good).span_id == hexed(good.spanId)
    assert agent.counts()["refused_spans"] == before["refused_spans"] + 1


def test_bytes_that_are_no_text_cost_nothing_else(collector, agent):
    """Clients in other languages do not check what they send."""
    sent = jaeger_span(operationName=b"caf\xe9", tags=tags(fine="yes"))
    agent.send(datagram(sent))
    found = only(collector, sent)
    assert (found.name, found.attributes) == ("caf\ufffd", {"fine": "yes"})


def test_a_span_may_end_before_it_starts(collector, agent):
    """It is what the program says; whether it can be is the reader's question."""
    sent = jaeger_span(duration=-1_000_000)
    agent.send(datagram(sent))
    found = only(collector, sent)
    assert found.end - found.start == -1.0


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "no thrift message"),
        (b"\x00" * 40, "no thrift message"),
        (b"\x82", "EOFError"),
        (b'{"data": []}', "no thrift message"),
        (datagram(jaeger_span(), method="emitZipkinBatch"), "a call of 'emitZipkinBatch'"),
        (datagram(jaeger_span())[:-9], "EOFError"),
        (datagram(jaeger_span(tags=tags(big="x" * 65_000))), "no thrift message"),
    ],
    ids=["empty", "zeros", "one byte", "json", "another method", "cut short", "longer than one says it may be"],
)
def test_what_is_no_batch_is_refused_with_its_reason(agent, sent, reason):
    """Nothing of it is passed on."""
    before = agent.counts()
    agent.send(sent)
    after = agent.until(lambda counts: counts["refused"] > before["refused"])
    assert after["refused"] == before["refused"] + 1
    assert reason in after["reason"]
    assert after["passed_spans"] == before["passed_spans"]


def test_spans_wait_in_order_for_a_collector_that_is_gone():
    """They come once, when it listens again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with running(port) as agent:
            spans = [jaeger_span(traceIdLow=77, operationName=f"step {place}") for place in range(20)]
            agent.send(*(datagram(span) for span in spans))
            taken.close()
            collector = Collector.start(port, {"token-a": "submission"})
            counts = agent.until(lambda counts: counts["passed_spans"] == 20)
            names = [span.name for span in collector.spans(settle=0.3)]
            collector.stop()
    assert names == [span.operationName for span in spans]
    assert (counts["lost"], counts["lost_spans"]) == (0, 0)


def test_a_collector_that_hangs_makes_nothing_grow():
    """Datagrams are received on, and what there is no room for is counted."""
    large = datagram(jaeger_span(tags=tags(big="x" * 60_000)))
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        with running(hanging.getsockname()[1]) as agent:
            agent.send(large)
            used = psutil.Process(agent.program._process.pid).memory_info().rss
            for _ in range(200):
                agent.send(large, large)
            counts = agent.counts()
            grown = psutil.Process(agent.program._process.pid).memory_info().rss - used
    assert counts["received"] == 401
    assert counts["lost"] > 100
    assert counts["waiting"] * len(large) < 16 * 2**20
    assert grown < 64 * 2**20


def test_what_the_collector_refuses_is_lost_and_counted(collector):
    """A wrong token is a fault of ours, and shows."""
    with running(collector.port, token=secrets.token_hex(4)) as agent:
        agent.send(datagram(jaeger_span(), jaeger_span()))
        assert agent.until(lambda counts: counts["lost_spans"])["lost_spans"] == 2


def test_a_port_that_is_taken_is_told_at_once(collector, agent):
    """Two agents never share a port."""
    with pytest.raises(GraderError, match=r"agent: cannot receive on 127\.0\.0\.1"):
        JaegerAgent(collector.port, "token-a", agent.port)


def test_thousands_of_batches_in_a_burst_all_come(agent):
    """As a service sends them under load."""
    before = agent.counts()
    agent.send(*(datagram(*(jaeger_span() for _ in range(3))) for _ in range(1000)))
    counts = agent.until(lambda counts: counts["passed_spans"] >= before["passed_spans"] + 3000)
    assert (counts["lost"], counts["lost_spans"]) == (before["lost"], before["lost_spans"])
