"""A trace from the caller to the monolith: whose spans arrive, and which of them the call names as its parent."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from tests.checks.test_moved_contract import MOVING, answered
from tests.checks.tracebuilder import call, span

from assesskit.checks import moved_running
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure
from assesskit.instruments.collector import Span
from assesskit.instruments.relay import Call

SERVER, CLIENT, ROUTER, UNSENT = "5" * 16, "7" * 16, "9" * 16, "8" * 16


@dataclass
class Traced:
    """Door, relay and collector at once: a service whose call names `parent`, and sends spans of `kinds`."""

    parent: str
    kinds: tuple[str, ...] = ("SERVER", "CLIENT")
    trace_id: str = ""

    def send(self, request: Request) -> Exchange:
        self.trace_id = dict(request.headers)["traceparent"].split("-")[1]
        return answered(request, 201, {})

    def calls(self, key: str) -> list[Call]:
        return [call(("traceparent", f"00-{self.trace_id}-{self.parent}-01"), key=key)]

    def spans(self, trace_id: str, **_: float) -> list[Span]:
        sent = {"SERVER": SERVER, "CLIENT": CLIENT}
        own = [span(sent[kind], kind=kind, source="service", trace_id=trace_id) for kind in self.kinds]
        return [span(ROUTER, service="router", source="service", trace_id=trace_id), *own]


@pytest.mark.parametrize(
    ("traced", "says"),
    [
        (Traced(CLIENT), None),
        (Traced(CLIENT, ("CLIENT",)), "no SERVER span arrived"),
        (Traced(SERVER), "names a span as its parent that is not the call's own"),
        (Traced(ROUTER), "names a span as its parent that is not the call's own"),
        (Traced(CLIENT, ("SERVER",)), "names a span as its parent that did not arrive"),
        (Traced(UNSENT), "names a span as its parent that did not arrive"),
    ],
    ids=["right", "no server", "the request's", "the router's", "not sent", "made up"],
)
def test_the_call_names_a_span_of_its_own_that_arrives(monkeypatch, traced, says):
    monkeypatch.setattr(moved_running, "SPANS_WITHIN", 0.1)
    move: Any = SimpleNamespace(owner=lambda: "K-1", moving=MOVING, service=SimpleNamespace(name="service"))
    both: Any = traced
    if says is None:
        moved_running.expect_traced(move, both, both, both, Evidence())
    else:
        with pytest.raises(Failure, match=says):
            moved_running.expect_traced(move, both, both, both, Evidence())
