from __future__ import annotations

import gzip
import json
import secrets
import threading
import time
from typing import Any

import pytest
import requests
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from assesskit.errors import GraderError
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.program import Program


def body_of(*spans: dict[str, Any], service: str = "orders") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "hand"}, "spans": list(spans)}]}]
    }


def span(trace: str, **more: Any) -> dict[str, Any]:
    return {"traceId": trace, "spanId": secrets.token_hex(8), "name": "read", **more}


def post(collector: Collector, body: bytes, path: str = "/v1/traces", **headers: str) -> requests.Response:
    sent = {"x-ingest-token": "token-a", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"http://127.0.0.1:{collector.port}{path}", data=body, headers=sent, timeout=10)


def provider(collector: Collector, compression: Compression) -> TracerProvider:
    url = f"http://127.0.0.1:{collector.port}/v1/traces"
    exporter = OTLPSpanExporter(url, headers={"x-ingest-token": "token-a"}, compression=compression)
    tracers = TracerProvider(resource=Resource.create({"service.name": "orders"}))
    tracers.add_span_processor(BatchSpanProcessor(exporter))
    return tracers


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdk_s_exporter_is_understood(collector, compression):
    """What OpenTelemetry's own exporter sends comes out with every field."""
    tracers = provider(collector, compression)
    tracer = tracers.get_tracer("tests")
    with tracer.start_as_current_span("request", kind=SpanKind.SERVER, attributes={"http.route": "/x", "n": 7}) as root:
        link = Link(root.get_span_context())
        with tracer.start_as_current_span("query", kind=SpanKind.CLIENT, links=[link]) as child:
            child.record_exception(ValueError("no"))
            child.set_status(Status(StatusCode.ERROR, "broken"))
    tracers.shutdown()
    trace_id = f"{root.get_span_context().trace_id:032x}"
    found = {each.name: each for each in collector.spans(trace_id, settle=0.05)}
    assert set(found) == {"request", "query"}
    server, client = found["request"], found["query"]
    assert (server.kind, client.kind) == ("SERVER", "CLIENT")
    assert (server.parent_id, client.parent_id) == ("", server.span_id)
    assert (server.status, client.status, client.status_message) == ("UNSET", "ERROR", "broken")
    assert server.attributes == {"http.route": "/x", "n": 7}
    assert (server.service, server.source, server.scope) == ("orders", "submission", "tests")
    assert client.links == ((trace_id, server.span_id),)
    assert client.events[0]["attributes"]["exception.type"] == "ValueError"
    assert server.start <= client.start <= client.end <= server.end
    assert abs(server.end - time.time()) < 60


def test_json_has_ids_in_hex_and_large_integers_as_texts(collector):
    """OTLP/JSON is not protobuf's JSON: ids are hex, int64 may be text or number, unknown fields are ignored."""
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    values = {
        "text": {"stringValue": "x"},
        "small": {"intValue": 5},
        "large": {"intValue": "9007199254740993"},
        "part": {"doubleValue": 0.5},
        "yes": {"boolValue": True},
        "list": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}},
        "map": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}},
        "none": {},
    }
    sent = span(
        trace,
        parentSpanId=parent,
        kind=2,
        startTimeUnixNano="1700000000000000000",
        endTimeUnixNano=1700000001500000000,
        attributes=[{"key": key, "value": value} for key, value in values.items()],
        status={"code": 2, "message": "broken"},
        links=[{"traceId": trace, "spanId": parent}],
        flags=257,
        unknownField="ignored",
    )
    answer = post(
        collector, json.dumps(body_of(sent, service="node")).encode(), Content_Type="application/json; charset=utf-8"
    )
    assert (answer.status_code, answer.json()) == (200, {})
    (found,) = collector.spans(trace, settle=0.05)
    assert found == Span(
        trace_id=trace,
        span_id=sent["spanId"],
        parent_id=parent,
        name="read",
        kind="SERVER",
        service="node",
        source="submission",
        start=1700000000.0,
        end=1700000001.5,
        status="ERROR",
        status_message="broken",
        attributes={
            "text": "x",
            "small": 5,
            "large": 9007199254740993,
            "part": 0.5,
            "yes": True,
            "list": [1, "b"],
            "map": {"a": 1},
            "none": None,
        },
        events=(),
        links=((trace, parent),),
        flags=257,
        scope="hand",
        resource={"service.name": "node"},
    )


def test_an_answer_is_in_the_request_s_own_format(collector):
    """A protobuf request gets a protobuf answer (OTLP specification, OTLP/HTTP response)."""
    answer = post(collector, b"", Content_Type="application/x-protobuf")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert MessageToDict(ExportTraceServiceResponse.FromString(answer.content)) == {}


@pytest.mark.parametrize("token", ["", "token-c"])
def test_spans_without_a_valid_token_are_counted_and_never_stored(collector, token):
    """A service cannot speak for another, and a stranger for nobody."""
    trace = secrets.token_hex(16)
    before = collector.refused()
    assert post(collector, json.dumps(body_of(span(trace))).encode(), x_ingest_token=token).status_code == 401
    assert collector.refused() == before + 1
    assert collector.spans(trace, settle=0.01, timeout=0.1) == []


def test_the_source_is_the_token_s_service_whatever_is_claimed(collector):
    """service.name is a claim; the token is not."""
    trace = secrets.token_hex(16)
    post(collector, json.dumps(body_of(span(trace), service="submission")).encode(), x_ingest_token="token-b")
    (found,) = collector.spans(trace, settle=0.05)
    assert (found.service, found.source) == ("submission", "reference")


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_metrics_and_logs_are_taken_and_dropped(collector, path):
    """An SDK that exports them too is not disturbed."""
    assert post(collector, b"{}", path).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"not json", {}, 400, "no OTLP/JSON"),
        (b"[]", {}, 400, "no JSON object"),
        (b"[" * 100_000, {}, 400, "no OTLP/JSON"),
        (b'{"resourceSpans": 7}', {}, 400, "no OTLP/JSON"),
        (json.dumps(body_of(span("xyz"))).encode(), {}, 400, "no OTLP/JSON"),
        (json.dumps(body_of(span("ab" * 15))).encode(), {}, 400, "trace id"),
        (json.dumps(body_of(span("00" * 16))).encode(), {}, 400, "trace id"),
        (json.dumps(body_of(span("ab" * 16, spanId="ab"))).encode(), {}, 400, "span id"),
        (json.dumps(body_of(span("ab" * 16, parentSpanId="ab"))).encode(), {}, 400, "parent span id"),
        (json.dumps(body_of(span("ab" * 16, name="\ud800"))).encode(), {}, 400, "no OTLP/JSON"),
        (b"\xff\xff", {"Content_Type": "application/x-protobuf"}, 400, "no ExportTraceServiceRequest"),
        (b"{}", {"Content_Type": "text/plain"}, 415, "content type"),
        (b"{}", {"Content_Encoding": "br"}, 415, "content encoding"),
        (b"{}", {"Content_Encoding": "gzip"}, 400, "no gzip"),
        (gzip.compress(b"{}", mtime=0)[:-6], {"Content_Encoding": "gzip"}, 400, "cut short"),
        (gzip.compress(b" " * 20_000_000), {"Content_Encoding": "gzip"}, 413, "decoded body"),
        (gzip.compress(b" " * 1_500_000), {"Content_Encoding": "gzip"}, 413, "grows more than"),
        (b" " * 3_000_000, {}, 413, "longer than"),
        (json.dumps(body_of(*[{}] * 5000)).encode(), {}, 413, "spans in one request"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(collector, body, headers, status, reason):
    """A client error never becomes a stored span, and says what was wrong."""
    answer = post(collector, body, **headers)
    assert (answer.status_code, reason in answer.text) == (status, True)


def test_other_paths_and_methods_are_refused(collector):
    """Nothing but the three paths of OTLP/HTTP is here."""
    assert post(collector, b"{}", "/api/traces").status_code == 404
    url = f"http://127.0.0.1:{collector.port}/v1/traces"
    assert requests.get(url, headers={"x-ingest-token": "token-a"}, timeout=5).status_code == 405


def test_spans_are_read_once_no_more_come(collector):
    """A reader waits for the first span, and then until they stand still."""
    trace = secrets.token_hex(16)

    def dribble() -> None:
        for _ in range(4):
            time.sleep(0.1)
            post(collector, json.dumps(body_of(span(trace))).encode())

    sender = threading.Thread(target=dribble)
    sender.start()
    assert len(collector.spans(trace, settle=1.2)) == 4
    sender.join()


def test_what_is_stored_is_capped_in_number_and_size(collector):
    """A span with too much of everything is kept, without the rest."""
    trace = secrets.token_hex(16)
    many = [{"key": f"k{number}", "value": {"stringValue": "x" * 5000}} for number in range(300)]
    deep: dict[str, Any] = {"intValue": 1}
    for _ in range(8):
        deep = {"arrayValue": {"values": [deep]}}
    odd = [{"key": "deep", "value": deep}, {"key": "nan", "value": {"doubleValue": "NaN"}}]
    post(collector, json.dumps(body_of(span(trace, attributes=odd + many, name="n" * 9000))).encode())
    (found,) = collector.spans(trace, settle=0.05)
    assert len(found.attributes) == 128
    assert {len(value) for key, value in found.attributes.items() if key.startswith("k")} == {2048}
    assert len(found.name) == 2048
    assert found.attributes["nan"] == "nan"
    assert found.attributes["deep"] == [[[[None]]]]


def test_all_spans_are_returned_without_a_trace_id():
    """Every trace, in the order they were received."""
    collector = Collector.start(0, {"token-a": "submission"})
    try:
        traces = [secrets.token_hex(16) for _ in range(3)]
        for trace in traces:
            post(collector, json.dumps(body_of(span(trace))).encode())
        assert [found.trace_id for found in collector.spans(settle=0.05)] == traces
    finally:
        collector.stop()
    with pytest.raises(GraderError, match="collector: has ended"):
        collector.spans()


def test_a_collector_of_what_is_recent_tells_each_span_once_and_keeps_the_newest():
    """It is asked again and again while a system runs on; what had no room is counted."""
    program = Program("assesskit.instruments.recent", "collector")
    try:
        collector = Collector(program, program.ask("open", port=0, tokens={"token-a": "orders"}))
        for name in ("one", "two"):
            sent = span(secrets.token_hex(16), name=name)
            assert post(collector, json.dumps(body_of(sent)).encode()).status_code == 200
            told = program.ask("fresh")
            assert ([each["name"] for each in told["spans"]], told["lost"]) == ([name], 0)
        assert program.ask("fresh") == {"spans": [], "lost": 0}
        for number in range(3):
            many = [span(f"{number:032x}"[:31] + "f", name=f"{number}") for _ in range(500)]
            assert post(collector, json.dumps(body_of(*many)).encode()).status_code == 200
        told = program.ask("fresh")
        assert (len(told["spans"]), told["lost"], told["spans"][-1]["name"]) == (1000, 500, "2")
    finally:
        program.stop()
