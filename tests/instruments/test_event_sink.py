"""The sink takes what the specification calls an event, keeps it as it came, and misbehaves as it is told."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.checks.moving import serving

from assesskit.errors import GraderError
from assesskit.instruments.cloud_events import read_events
from assesskit.instruments.faults import Fault
from assesskit.instruments.sink import Sink, taken_but

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/invoices",
    "type": "invoice.created.v1",
    "subject": "s1",
    "sequence": "1",
    "time": "2026-01-02T03:04:05.678Z",
    "datacontenttype": "application/json",
    "dataschema": "https://example.com/invoice.v1.schema.json",
    "data": {"total": 1250},
}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sink]:
    sink = Sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(running: Sink) -> Iterator[Sink]:
    running.clear()
    yield running
    running.reset()
    running.forward(None)


def send(sink: Sink, event: Any = EVENT, headers: dict[str, str] = STRUCTURED, timeout: float = 10) -> int:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return requests.post(
        f"http://127.0.0.1:{sink.port}/events", data=body, headers=headers, timeout=timeout
    ).status_code


def numbered(number: int, **more: Any) -> dict[str, Any]:
    return {**EVENT, "id": f"e-{number}", "sequence": str(number), **more}


def test_a_structured_event_is_kept_as_it_came(sink: Sink) -> None:
    assert send(sink) == 204
    (taken,) = sink.events()
    assert (taken.number, taken.mode, taken.answered, taken.data) == (1, "structured", 204, {"total": 1250})
    assert taken.event == {name: value for name, value in EVENT.items() if name != "data"}
    assert (taken.id, taken.subject, taken.type) == ("e-1", "s1", "invoice.created.v1")
    assert abs(taken.at - time.time()) < 5


def test_a_binary_event_says_the_same(sink: Sink) -> None:
    headers = {f"ce-{name}": str(value) for name, value in EVENT.items() if name not in {"data", "datacontenttype"}}
    headers |= {"Content-Type": "application/json", "ce-subject": "caf%C3%A9"}
    assert send(sink, json.dumps(EVENT["data"]).encode(), headers) == 204
    (taken,) = sink.events()
    assert taken.mode == "binary"
    assert taken.event == {name: value for name, value in EVENT.items() if name != "data"} | {"subject": "café"}
    assert taken.data == EVENT["data"]


def test_a_batch_is_many_events_of_one_request(sink: Sink) -> None:
    batch = [numbered(number) for number in (1, 2, 3)]
    assert send(sink, batch, {"Content-Type": "application/cloudevents-batch+json"}) == 204
    assert send(sink, numbered(4)) == 204
    assert [(one.number, one.id, one.request) for one in sink.events()] == [
        (1, "e-1", 1),
        (2, "e-2", 1),
        (3, "e-3", 1),
        (4, "e-4", 2),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "id: is required"),
        ({"id": 5}, "id: is required"),
        ({"id": None}, "id: is required"),
        ({"specversion": "0.3"}, 'specversion: is 0.3, and must be "1.0"'),
        ({"source": "in voices"}, "source: must be a URI reference"),
        ({"type": ""}, "type: is required"),
        ({"time": "yesterday"}, "time: must be a timestamp of RFC 3339"),
        ({"time": "2026-13-02T03:04:05Z"}, "time: must be a timestamp"),
        ({"time": "2026-01-02 03:04:05Z"}, "time: must be a timestamp"),
        ({"time": "2026-01-02T03:04:05"}, "time: must be a timestamp"),
        ({"dataschema": "invoice.schema.json"}, "dataschema: must be a URI with a scheme"),
        ({"datacontenttype": "json"}, "datacontenttype: must be a media type"),
        ({"subject": ""}, "subject: must be a text that is not empty"),
        ({"Sequence": "1"}, "a name is of lower-case letters and digits"),
        ({"trace_id": "1"}, "a name is of lower-case letters and digits"),
        ({"more": {"a": 1}}, "more: must be a text, a truth value, or an integer of 32 bits"),
        ({"more": 2**31}, "more: must be a text"),
        ({"more": 1.5}, "more: must be a text"),
        ({"more": "a\nb"}, "more: has control characters"),
        ({"data_base64": "eA=="}, "data and data_base64 exclude each other"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(sink: Sink, change: dict[str, Any], reason: str) -> None:
    assert send(sink, {**EVENT, **change}) == 400
    (told,) = sink.refused()
    assert reason in told
    assert sink.events() == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", STRUCTURED, 400),
        (b"[]", STRUCTURED, 400),
        (b"\xff", STRUCTURED, 400),
        (b'{"a": NaN}', STRUCTURED, 400),
        (b"[" * 200_000, STRUCTURED, 400),
        (b'{"data": ' + b"[" * 70 + b"]" * 70 + b"}", STRUCTURED, 400),
        (b"{}", {"Content-Type": "application/cloudevents-batch+json"}, 400),
        (b"[{}]", {"Content-Type": "application/cloudevents-batch+json"}, 400),
        (b"{}", {"Content-Type": "application/cloudevents+xml"}, 415),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"{}", {"Content-Type": "application/json", "ce-id": "1"}, 400),
        (b"", {"ce-id": "%ff", "ce-source": "/a", "ce-type": "t", "ce-specversion": "1.0"}, 400),
        (b"x" * 600_000, STRUCTURED, 413),
    ],
)
def test_hostile_requests_are_refused(sink: Sink, body: bytes, headers: dict[str, str], status: int) -> None:
    assert send(sink, body, headers) == status
    assert sink.events() == []


def test_only_posts_are_taken(sink: Sink) -> None:
    assert requests.get(f"http://127.0.0.1:{sink.port}/", timeout=5).status_code == 405


@pytest.mark.parametrize(
    ("headers", "body", "data"),
    [
        ({"Content-Type": "text/plain"}, "ä".encode(), "ä"),
        ({"Content-Type": "application/octet-stream"}, b"\xff\x00", base64.b64encode(b"\xff\x00").decode()),
        ({"Content-Type": "application/vnd.invoice+json"}, b"[1]", [1]),
        ({}, b"", None),
    ],
)
def test_data_is_what_its_type_says(headers: dict[str, str], body: bytes, data: object) -> None:
    spelt = [(f"ce-{name}", EVENT[name]) for name in ("id", "source", "type", "specversion")]
    _, (event,) = read_events([*spelt, *headers.items()], body)
    assert event.data == data


def test_base64_data_is_read() -> None:
    told = {**EVENT, "data_base64": base64.b64encode(b'{"total": 7}').decode()}
    del told["data"]
    _, (event,) = read_events(list(STRUCTURED.items()), json.dumps(told).encode())
    assert event.data == {"total": 7}
    with pytest.raises(ValueError, match="no base64"):
        read_events(list(STRUCTURED.items()), json.dumps({**told, "data_base64": "?"}).encode())


@given(st.binary(max_size=200), st.sampled_from(["structured", "batched", "binary", "none"]))
def test_any_bytes_are_an_event_or_a_value_error(body: bytes, mode: str) -> None:
    kinds = {"structured": STRUCTURED, "batched": {"Content-Type": "application/cloudevents-batch+json"}, "none": {}}
    headers = kinds.get(
        mode, {"ce-id": body.decode("latin-1"), "ce-type": "t", "ce-source": "/", "ce-specversion": "1.0"}
    )
    try:
        read_events(list(headers.items()), body)
    except ValueError as error:
        reason = str(error)
        assert reason


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [
        (Fault.status(503), 503, []),
        (taken_but(500), 500, [500]),
        (Fault.refuse(), 0, []),
        (Fault.reset(), 0, []),
        (Fault.reset(forward=True), 0, [None]),
        (Fault.delay(0.05), 204, [204]),
        (Fault.late(0.05), 204, [204]),
    ],
)
def test_faults_are_played_once_and_then_no_more(sink: Sink, fault: Fault, status: int, taken: list[int]) -> None:
    """What is taken although its sender learns otherwise comes again, legitimately."""
    sink.script(fault)
    try:
        answered = send(sink)
    except requests.ConnectionError:
        answered = 0
    assert answered == status
    assert [one.answered for one in sink.events()] == taken
    assert sink.turned_away() == (0 if taken else 1)
    assert send(sink) == 204
    assert [one.id for one in sink.events()] == ["e-1"] * (len(taken) + 1)


def test_a_fault_goes_on_until_it_is_taken_away(sink: Sink) -> None:
    sink.everything(Fault.status(503))
    assert [send(sink) for _ in range(3)] == [503] * 3
    sink.everything(None)
    assert send(sink) == 204


def test_what_is_held_is_taken_when_it_is_let_go(sink: Sink) -> None:
    sink.script(Fault.hang())
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send, sink)
        assert sink.waiting()
        assert sink.events() == []
        assert sink.release() == 1
        assert sent.result() == 204
    assert len(sink.events()) == 1


def test_what_its_sender_gave_up_is_not_taken(sink: Sink) -> None:
    sink.script(Fault.hang())
    with pytest.raises(requests.Timeout):
        send(sink, timeout=0.2)
    sink.release()
    time.sleep(0.1)
    assert sink.events() == []


def test_a_sink_that_is_shut_refuses_and_comes_back_with_what_it_took(sink: Sink) -> None:
    assert send(sink) == 204
    sink.shut()
    with pytest.raises(requests.ConnectionError):
        send(sink)
    sink.reopen()
    assert send(sink, numbered(2)) == 204
    assert [one.id for one in sink.events()] == ["e-1", "e-2"]


def test_a_fault_that_a_sink_cannot_play_is_refused(sink: Sink) -> None:
    with pytest.raises(GraderError, match="a sink cannot play truncate"):
        sink.script(Fault.truncate())
    with pytest.raises(GraderError, match="cannot go on always"):
        sink.script(always=True)


def test_events_are_handed_on_in_order_and_one_that_fails_is_overtaken_by_none(sink: Sink) -> None:
    got: list[str] = []
    broken = threading.Event()
    broken.set()

    def inbox(method, path, headers, body):
        if broken.is_set():
            return 503, {}, b""
        event = json.loads(body)
        got.append(f"{path} {event['id']} {event['data']['total']} {headers['content-type']}")
        return (422, {}, b"what is this") if event["id"] == "e-2" else (204, {}, b"")

    with serving(inbox) as port:
        for number in (1, 2, 3):
            send(sink, numbered(number))
        sink.forward(port, "/internal/events")
        assert sink.forwarded(0.3).waiting == (1, 2, 3)
        broken.clear()
        told = sink.forwarded()
        assert (told.waiting, told.delivered, told.refused) == ((), 2, ("invoice.created.v1 s1: 422 what is this",))
        send(sink, numbered(4))
        assert sink.forwarded().delivered == 3
    assert got == [f"/internal/events e-{number} 1250 application/cloudevents+json" for number in (1, 2, 3, 4)]


def test_an_event_that_is_too_early_waits_and_others_go_on(sink: Sink) -> None:
    got: list[str] = []

    def inbox(method, path, headers, body):
        event = json.loads(body)
        if event["sequence"] == "2" and "e-1" not in got:
            return 409, {}, b""
        got.append(event["id"])
        return 202, {}, headers["traceparent"].encode()

    with serving(inbox) as port:
        trace = STRUCTURED | {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
        sink.forward(port)
        for event in (numbered(2), numbered(3, subject="s2"), numbered(1)):
            send(sink, event, trace)
        assert sink.forwarded().waiting == ()
    assert got.index("e-1") < got.index("e-2")
    assert got[0] == "e-3"
    assert sink.events()[0].traceparent == trace["traceparent"]


def test_nothing_is_handed_on_unless_told(sink: Sink) -> None:
    send(sink)
    assert sink.forwarded(0.1).waiting == (1,)


def test_events_of_many_senders_are_all_kept(sink: Sink) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda number: send(sink, numbered(number)), range(200))) == {204}
    events = sink.events()
    assert [one.number for one in events] == list(range(1, 201))
    assert {one.id for one in events} == {f"e-{number}" for number in range(200)}
    assert sink.count() == 200
    assert [one.number for one in sink.events(after=198)] == [199, 200]
