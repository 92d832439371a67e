"""What spans say of a request: its kind, its parent, its route and its end."""

from __future__ import annotations

from typing import Any

import pytest

from assesskit.checks import spans as said_of
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure
from assesskit.checks.spans import Traced
from assesskit.checks.tracing import Caller, settled
from assesskit.instruments.collector import Span

CALLER = Caller("a" * 32, "b" * 16)
SERVER_ID, CLIENT_ID = "c" * 16, "d" * 16
STABLE = {"http.request.method": "GET", "http.response.status_code": 200, "http.route": "/v1/orders/{id}"}
OLD = {"http.method": "GET", "http.status_code": 200}


class Held:
    """A collector that has what it will ever have."""

    def __init__(self, *spans: Span) -> None:
        self._spans = list(spans)

    def spans(self, *_args: object, **_options: object) -> list[Span]:
        return self._spans


def span(**changes: Any) -> Span:
    fields: dict[str, Any] = {
        "trace_id": CALLER.trace_id,
        "span_id": SERVER_ID,
        "parent_id": CALLER.span_id,
        "name": "GET /v1/orders/{id}",
        "kind": "SERVER",
        "service": "orders",
        "source": "submission",
        "start": 1.0,
        "end": 2.0,
        "status": "UNSET",
        "status_message": "",
        "attributes": STABLE,
        "events": (),
        "links": (),
        "flags": 1,
        "scope": "",
    }
    return Span(**{**fields, **changes})


def client(**changes: Any) -> Span:
    return span(**{"span_id": CLIENT_ID, "parent_id": SERVER_ID, "kind": "CLIENT", "name": "POST", **changes})


def request(status: int = 200) -> Traced:
    answer = Response(status, Headers(()), b"", 0.1)
    return Traced("GET /v1/orders/{id}", CALLER, Exchange(Request("GET", "/"), answer, "", 0.1), "/v1/orders", "17-17")


def judged(*spans: Span, status: int = 200) -> None:
    collector: Any = Held(*spans)
    said_of.expect_server_span(collector, request(status), "submission", Evidence())


def called(spans: list[Span], *headers: str) -> None:
    collector: Any = Held(*spans)
    said_of.expect_client_span(collector, request(), "submission", headers)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said_of, "ARRIVAL", 0.0)
    monkeypatch.setattr(said_of, "POLL", 0.0)


@pytest.mark.parametrize(
    "right",
    [
        span(),
        span(attributes=OLD),
        span(name="GET", status="OK"),
        span(attributes={**STABLE, "http.response.status_code": "200", "url.path": "/v1/orders/17-17"}),
        span(attributes={**STABLE, "http.response.status_code": 200.0}),
    ],
)
def test_both_vocabularies_and_any_sober_name_pass(right: Span) -> None:
    """The route is in the name or an attribute; the path may have an attribute of its own."""
    judged(right, client(source="submission"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (span(kind="INTERNAL"), "no SERVER span has the caller's span as its parent"),
        (span(parent_id=""), "no SERVER span has the caller's span as its parent"),
        (span(source="somebody else"), "no SERVER span has the caller's span as its parent"),
        (span(name="GET /v1/orders/17-17"), "has the id in its name"),
        (span(attributes={**STABLE, "http.route": "/v1/orders/17-17"}), "has the id in its http.route"),
        (span(name="GET", attributes=OLD), "does not tell the route"),
        (span(attributes={"http.route": "/v1/orders/{id}"}), "says method None, status None"),
        (span(attributes={**STABLE, "http.response.status_code": 500}), "status 500"),
        (span(status="ERROR"), "answered 200, has the status ERROR"),
    ],
)
def test_a_span_that_says_something_else_shows(wrong: Span, said: str) -> None:
    """Kind, parent, name, route, attributes and status are each told."""
    with pytest.raises(Failure, match=said):
        judged(wrong)


@pytest.mark.parametrize(("status", "right", "wrong"), [(503, "ERROR", "UNSET"), (404, "UNSET", "ERROR")])
def test_only_5xx_are_errors_of_a_server(status: int, right: str, wrong: str) -> None:
    """OpenTelemetry, semantic conventions for HTTP spans: status."""
    attributes = {**STABLE, "http.response.status_code": status}
    judged(span(status=right, attributes=attributes), status=status)
    with pytest.raises(Failure, match=f"answered {status}, has the status {wrong}"):
        judged(span(status=wrong, attributes=attributes), status=status)


@pytest.mark.parametrize(
    "spans",
    [
        [span(), client()],
        [span(), client(parent_id="e" * 16), span(span_id="e" * 16, parent_id=SERVER_ID, kind="INTERNAL")],
        [span(), client(span_id="e" * 16), client(parent_id="e" * 16)],
    ],
)
def test_a_client_span_anywhere_below_the_server_span_passes(spans: list[Span]) -> None:
    """Directly, below a span of the service's own, or one by hand around one by a library."""
    called(spans, f"00-{CALLER.trace_id}-{CLIENT_ID}-01")


@pytest.mark.parametrize(
    ("spans", "sender", "said"),
    [
        ([span()], SERVER_ID, "has no CLIENT span of its own"),
        ([span(), client(kind="INTERNAL")], CLIENT_ID, "has no CLIENT span of its own"),
        ([span(), client(parent_id=CALLER.span_id)], CLIENT_ID, "has no CLIENT span of its own"),
        ([span(), client(parent_id=CLIENT_ID)], CLIENT_ID, "has no CLIENT span of its own"),
        ([span(), client()], SERVER_ID, "another span than its CLIENT span: SERVER"),
        ([span(), client()], "9" * 16, "another span than its CLIENT span: no span that arrived"),
    ],
)
def test_a_call_without_a_span_of_its_own_shows(spans: list[Span], sender: str, said: str) -> None:
    """None, of another kind, beside the request, below itself; or another span is named as the parent."""
    with pytest.raises(Failure, match=said):
        called(spans, f"00-{CALLER.trace_id}-{sender}-01")


def test_a_client_span_of_another_process_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batch is sent when that process thinks fit."""
    monkeypatch.setattr(said_of, "ARRIVAL", 60.0)
    batches = iter([[span()], [span(), client()]])
    collector: Any = Held()
    monkeypatch.setattr(collector, "spans", lambda *_args, **_options: next(batches))
    said_of.expect_client_span(collector, request(), "submission", [f"00-{CALLER.trace_id}-{CLIENT_ID}-01"])
    assert not list(batches)


def test_of_several_requests_of_one_trace_each_has_its_batch() -> None:
    """Workers send theirs one after the other: what the first one said is not all."""
    first, second = span(), span(span_id="e" * 16)
    batches = iter([[first], [first, client()], [first, second]])
    collector: Any = Held()
    collector.spans = lambda *_args, **_options: next(batches)
    assert settled(collector, CALLER, "submission", 60.0, least=2) == [first, second]


def test_a_call_of_another_trace_is_judged_elsewhere() -> None:
    """Whether the trace crosses at all is a criterion of its own."""
    called([span(), client()], "", f"00-{'9' * 32}-{SERVER_ID}-01")
