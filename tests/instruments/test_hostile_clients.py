from __future__ import annotations

import json
import random
import secrets
import socket
from contextlib import suppress

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from assesskit.instruments.collector import Collector
from assesskit.instruments.otlp import decode, inflate, plain_span
from assesskit.instruments.relay import Relay
from assesskit.instruments.relay_book import MAX_HEADERS, Book
from assesskit.instruments.serving import Refused

MUTATIONS = 2000


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def exchange(port: int, sent: bytes) -> bytes:
    with connect(port) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


def serves(relay: Relay) -> bool:
    return requests.post(f"http://127.0.0.1:{relay.port}/x", json={"sku": "OK"}, timeout=10).status_code == 201


def test_a_huge_body_is_refused_before_it_is_read(relay, target):
    """The length alone is enough."""
    answer = exchange(relay.port, b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert target.seen == []
    assert relay.calls()[0].status == 413


def test_endless_chunks_are_refused_at_the_cap(relay, target):
    """A body without a length is counted as it comes."""
    with connect(relay.port) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(17):
            connection.sendall(chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert target.seen == []


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"GET http://127.0.0.1:1/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET @127.0.0.1:1/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ],
    ids=[
        "long header",
        "many headers",
        "long path",
        "two lengths",
        "length and chunks",
        "absolute",
        "at sign",
        "binary",
    ],
)
def test_a_hostile_head_is_refused_and_never_forwarded(relay, target, head):
    """What is no plain request for a path of the target gets a client error."""
    assert exchange(relay.port, head).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert target.seen == []
    assert serves(relay)


def test_clients_that_drip_their_heads_push_only_each_other_out(relay):
    """More connections than the cap, all silent in the middle of a head, and a good client is served at once."""
    drips = []
    try:
        for _ in range(600):
            drip = connect(relay.port)
            drip.sendall(b"GET /x HTTP/1.1\r\nHo")
            drips.append(drip)
        assert serves(relay)
    finally:
        for drip in drips:
            drip.close()


def test_a_flood_of_calls_is_forwarded_but_recorded_within_a_budget(target):
    """Records take a bounded amount of memory, whatever their keys and headers hold."""
    relay = Relay.start("inventory", 0, target.server_port, "header:X-Key")
    try:
        with requests.Session() as session:
            for number in range(30):
                headers = {"X-Key": f"{number}" * 100, **{f"X-{filler}": "x" * 7000 for filler in range(10)}}
                answer = session.post(f"http://127.0.0.1:{relay.port}/x", headers=headers, data="b" * 9000, timeout=5)
                assert answer.status_code == 201
        calls = relay.calls()
        assert len(calls) == 30
        assert max(len(json.dumps([call.headers, call.body, call.answer_body])) for call in calls) < 16_000
    finally:
        relay.stop()


@pytest.mark.parametrize("text", ["x", "x" * 512])
def test_records_stop_at_their_budget(text):
    """Calls after it are not recorded, until what there is has been cleared; many small headers are not free."""
    book = Book()
    headers = tuple((f"X{number}", text) for number in range(MAX_HEADERS))
    for _ in range(6000):
        book.arrive("GET", "/x", headers)
    recorded = len(book.calls(None))
    assert 1000 < recorded < 6000
    book.note(6000, status=200)
    book.clear()
    book.arrive("GET", "/x", headers)
    assert len(book.calls(None)) == 1


def test_a_collector_survives_mutated_bodies(collector):
    """2,000 broken export requests: each is understood or refused, nothing else, and what follows is stored."""
    draw = random.Random(7)
    sound = _export().SerializeToString()
    outcomes = {"stored": 0, "refused": 0}
    for number in range(MUTATIONS):
        body = _mutated(draw, sound)
        try:
            found = decode(inflate(body, ""), "application/x-protobuf", "submission")
            json.dumps([plain_span(received) for _, received in found], allow_nan=False)
            outcomes["stored"] += 1
        except Refused:
            outcomes["refused"] += 1
        if number % 20 == 0:
            assert _sent(collector, body) in {200, 400, 413}
    assert min(outcomes.values()) > 50
    trace = secrets.token_hex(16)
    export = _export()
    export.resource_spans[0].scope_spans[0].spans[0].trace_id = bytes.fromhex(trace)
    assert _sent(collector, export.SerializeToString()) == 200
    assert len(collector.spans(trace, settle=0.05)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\xff\xff\xff\xff\x07",
        b"\x0a\x06\x12\x04\x12\xff\xff\x7f",
        b"\x0a" * 60_000,
        b"\x0b" * 60_000,
    ],
    ids=["a list of 2^31-1", "a text longer than the body", "lengths only", "60,000 nested groups"],
)
def test_declared_sizes_are_not_believed(body):
    """A length that the body does not have is refused at once."""
    with pytest.raises(Refused):
        decode(body, "application/x-protobuf", "submission")


def _export() -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    scope = export.resource_spans.add().scope_spans.add()
    for number in range(3):
        span = scope.spans.add(trace_id=bytes(15) + b"\x01", span_id=bytes(7) + bytes([number + 1]), name="read")
        attribute = span.attributes.add(key="list")
        attribute.value.array_value.values.add(double_value=1.5)
        span.events.add(name="event", time_unix_nano=5)
    return export


def _mutated(draw: random.Random, sound: bytes) -> bytes:
    body = bytearray(sound)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(body))
        match draw.randrange(4):
            case 0:
                body[place] = draw.randrange(256)
            case 1:
                body[place:place] = draw.randbytes(draw.randint(1, 9))
            case 2:
                del body[place : place + draw.randint(1, 9)]
            case 3:
                body[place:place] = body[place : place + 40]
        body = body or bytearray(b"\x00")
    return bytes(body)


def _sent(collector: Collector, body: bytes) -> int:
    headers = {"x-ingest-token": "token-a", "Content-Type": "application/x-protobuf"}
    url = f"http://127.0.0.1:{collector.port}/v1/traces"
    return requests.post(url, data=body, headers=headers, timeout=10).status_code


def test_clients_that_provoke_errors_do_not_fill_the_log(target, capfd):
    """Whatever is printed ends up in the grader's log, which has an end."""
    relay = Relay.start("inventory", 0, target.server_port, "json:/sku")
    try:
        for _ in range(300):
            exchange(relay.port, b"GET /\x01" + b"A" * 7000 + b" HTTP/1.1\r\n\r\n")
        assert serves(relay)
    finally:
        relay.stop()
    assert 0 < capfd.readouterr().err.count("Error handling request") <= 50


def test_bodies_that_are_held_back_are_bounded_together(relay):
    """Clients that send all but the last byte are turned away once they are too many; then others are served again."""
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"
    held, refused = [], 0
    try:
        for _ in range(60):
            held.append(connect(relay.port))
            held[-1].sendall(head + b"x" * 1_048_575)
        for client in held:
            client.settimeout(0.05)
            with suppress(TimeoutError):
                refused += client.recv(20).startswith(b"HTTP/1.1 503")
    finally:
        for client in held:
            client.close()
    assert 0 < refused < 60
    assert serves(relay)
