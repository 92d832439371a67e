"""Spans a second that the collector takes, against the floor of parsing the same bodies and nothing else."""

from __future__ import annotations

import http.client
import secrets
import statistics
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from assesskit.instruments.collector import Collector

ROUNDS, BATCHES, SPANS = 5, 20, 512
ATTRIBUTES = {
    "http.request.method": "GET",
    "http.route": "/v1/orders/{id}",
    "url.path": "/v1/orders/1",
    "server.port": "80",
}


def batch() -> bytes:
    """An export request as an SDK's batch processor sends it."""
    export = ExportTraceServiceRequest()
    resource = export.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "orders"
    scope = resource.scope_spans.add()
    for _ in range(SPANS):
        span = scope.spans.add(
            trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), name="GET /v1/orders/{id}"
        )
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
        for key, value in ATTRIBUTES.items():
            span.attributes.add(key=key).value.string_value = value
    return export.SerializeToString()


def parsed(bodies: list[bytes]) -> float:
    """Seconds to parse the bodies."""
    start = time.perf_counter()
    for body in bodies:
        ExportTraceServiceRequest.FromString(body)
    return time.perf_counter() - start


def collected(connection: http.client.HTTPConnection, bodies: list[bytes]) -> float:
    """Seconds to send the bodies and have each answered, one after the other on one connection."""
    headers = {"x-ingest-token": "token", "Content-Type": "application/x-protobuf"}
    start = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/v1/traces", body=body, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200 or answer.read():
            raise SystemExit(f"the collector answered {answer.status}")
    return time.perf_counter() - start


def main() -> None:
    """Print spans a second and the ratio to the floor."""
    bodies = [batch() for _ in range(BATCHES)]
    collector = Collector.start(0, {"token": "submission"})
    try:
        connection = http.client.HTTPConnection("127.0.0.1", collector.port)
        pairs = [(parsed(bodies), collected(connection, bodies)) for _ in range(ROUNDS)]
        floor, ours = (BATCHES * SPANS / statistics.median(column) for column in zip(*pairs, strict=True))
        start = time.perf_counter()
        read = len(collector.spans(settle=0))
        reading = time.perf_counter() - start
    finally:
        collector.stop()
    print(f"collector, receive      {floor / ours:5.1f} x  parsing alone: {ours:,.0f} of {floor:,.0f} spans/s")
    print(f"collector, read back    {read / reading:,.0f} spans/s")


if __name__ == "__main__":
    main()
