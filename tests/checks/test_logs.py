"""The lines a service prints: made for machines, and without what nobody may see."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from assesskit.checks import logs
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.harness import Harness
from assesskit.checks.logs import Asked
from assesskit.checks.services import Service

FLAT = {"method": "GET", "route": "/v1/orders/<id>", "status": 200, "duration_ms": 1.5}
NESTED = {
    "http": {"request": {"method": "get"}, "route": "/v1/orders/:id", "response": {"status_code": 200}},
    "http.server.request.duration": 0.0015,
}
READ = Asked("GET", "/v1/orders/{id}", 200, "17-17")
EARLIER = '{"message": "up"}\n'


def judged(printed: str, *asked: Asked, before: str = EARLIER) -> None:
    told = {"stdout": printed, "stderr": "[INFO] a server's banner\n"}
    replies = io.BytesIO(b"".join(json.dumps({"id": n, "ok": True, "result": told}).encode() + b"\n" for n in (1, 2)))
    service = Service("submission", {"port": 1}, Harness(replies, io.BytesIO()))
    logs.expect_structured(service, before, asked or [READ], Evidence())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ARRIVAL", 0.0)


OTEL = {"http.request.method": "GET", "http.route": "/v1/orders/:id", "http.response.status_code": 200, "duration": 3}
DATADOG = {
    "status": "info",
    "http": {"request": {"method": "GET"}, "route": "/v1/orders/:id", "response": {"status_code": 200}},
    "duration_ms": 3,
}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(FLAT, id="flat"),
        pytest.param(NESTED, id="nested as OpenTelemetry's names are"),
        pytest.param({"level": "info", "request": None, **FLAT}, id="beside other fields"),
        pytest.param({"fields": FLAT}, id="below a field of the logger"),
        pytest.param(
            {"http_method": "GET", "http_route": "/o/:id", "http_status_code": 200, "request_duration_ms": 3},
            id="with a word in front",
        ),
        pytest.param({**FLAT, "upstream_status": 409, "call_method": "POST"}, id="beside longer names"),
        pytest.param({"http": FLAT}, id="below one of their own"),
        pytest.param({"body": "request", "attributes": OTEL}, id="as OpenTelemetry's log records have them"),
        pytest.param(
            {"request": {"method": "GET"}, "route": "/o/:id", "response": {"status": 200, "duration": 3}},
            id="in groups",
        ),
        pytest.param(DATADOG, id="beside a status that is the level"),
        pytest.param({**FLAT, **OTEL, "duration": "3ms", "method": "read_order"}, id="under two names, one for people"),
        pytest.param({**FLAT, "status": 200.0, "grpc": {"status_code": 0}}, id="beside a number that is no status"),
        pytest.param({"route": "/v1/orders/17-17", "http": {**FLAT, "path": "/v1/orders/17-17"}}, id="beside the path"),
    ],
)
def test_the_names_of_the_brief_will_do_anywhere_in_the_object(line: Any) -> None:
    """Flat or nested, with anything else beside them; the banner on standard error is nobody's business."""
    judged(EARLIER + json.dumps(line) + "\n")


def test_two_lines_for_each_request_will_do() -> None:
    """The server may write one, and the service another; a line of an earlier request may come late."""
    printed = [FLAT, {"fields": FLAT}] * 2 + [FLAT | {"status": 503}, {"message": "reserved", "status": 201}] * 2
    judged(EARLIER + "".join(json.dumps(line) + "\n" for line in printed), READ, READ)


def test_lines_about_requests_that_nobody_sent_show() -> None:
    """Whoever prints every end that a request may have knows of none."""
    ends = [FLAT | {"status": status} for status in (200, 201, 404)]
    with pytest.raises(Failure, match="tells of 9 requests, and 3 were sent"):
        judged(EARLIER + "".join(json.dumps(line) + "\n" for line in ends * 3), READ, READ, READ)


def test_two_lines_in_one_are_two_lines() -> None:
    """Two workers may print at the same moment."""
    judged(EARLIER + json.dumps(FLAT) * 2 + "\n\n", READ, READ)


def test_a_line_that_is_still_being_written_is_not_judged() -> None:
    """The last line may be cut by us."""
    judged(EARLIER + json.dumps(FLAT) + '\n{"mess')


def test_an_earlier_line_is_none_of_this_request() -> None:
    """A line from before does not count."""
    with pytest.raises(Failure, match="nothing was printed there"):
        judged(json.dumps(FLAT) + "\n", before=json.dumps(FLAT) + "\n")


def test_each_request_has_a_line_of_its_own() -> None:
    """One line does not stand for two requests."""
    with pytest.raises(Failure, match="no line on standard output tells all of GET"):
        judged(EARLIER + json.dumps(FLAT) + "\n", READ, READ)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"route": "/v1/orders/17-17"}, "its route holds the id"),
        ({"route": None}, "its route is missing"),
        ({"status": "200"}, "its status is not a number"),
        ({"status": 500}, "its status is 500"),
        ({"other": {"status": 404}}, "its status is 200 and 404"),
        ({"other": {"method": "POST"}}, "its method is GET and POST"),
        ({"substatus": 200, "status": None}, "its status is missing"),
        ({"duration_ms": "1.5 ms"}, "its duration is not a number"),
        ({"duration_ms": float("nan")}, "its duration is not a number"),
        ({"method": "POST"}, "its method is POST"),
        ({"method": {"a": {"b": {"c": {"d": {"e": 1}}}}}}, "its method is missing"),
        ({"method": "read_order"}, "its method is read_order"),
    ],
)
def test_a_line_that_tells_less_shows(changes: dict[str, Any], said: str) -> None:
    """The fault of the closest line is told."""
    with pytest.raises(Failure, match=said):
        judged(EARLIER + json.dumps(FLAT | changes) + "\n")


@pytest.mark.parametrize("line", ["127.0.0.1 - - GET /v1/orders 200", "17", "[" * 100_000, '{"a": 1} and more'])
def test_anything_else_on_standard_output_shows(line: str) -> None:
    """An access log of the server's own beside the JSON, say."""
    with pytest.raises(Failure, match="not a JSON object") as caught:
        judged(f"{EARLIER}{line}\n{json.dumps(FLAT)}\n")
    assert line.startswith(caught.value.received)


def test_a_trace_id_on_standard_error_is_none() -> None:
    """Standard error is the service's own."""
    told = {"stdout": "", "stderr": '{"trace_id": "0af7651916cd43dd"}\n'}
    reply = json.dumps({"id": 1, "ok": True, "result": told}).encode()
    service = Service("submission", {"port": 1}, Harness(io.BytesIO(reply), io.BytesIO()))
    with pytest.raises(Failure, match="no JSON log line holds the trace id") as caught:
        logs.expect_correlated(service, {"0af7651916cd43dd": "GET /v1/orders/{id}"}, Evidence())
    assert caught.value.received == "a line with it on standard error"


def test_a_secret_is_found_and_not_repeated() -> None:
    """The feedback says where, and leaves the secret out."""
    with pytest.raises(Failure, match="a token is in a span") as caught:
        logs.expect_no_secret(
            {"a token": "s3cr3t"}, {"a line": ["fine"], "a span": ["x" * 99 + "s3cr3t! of " + "ab12" * 9]}, "a request"
        )
    assert caught.value.received == "… " + "x" * 24 + "[here]"


def test_what_holds_no_secret_passes() -> None:
    """A part of a secret is none."""
    logs.expect_no_secret({"a token": "s3cr3t"}, {"a line": ["s3cr", "3t"]}, "a request")
