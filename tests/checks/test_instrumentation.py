"""Each rule about spans is offended by just the span that it is about."""

from __future__ import annotations

from typing import Any

import pytest
from tests.checks.tracebuilder import CALLER, OTHER, TRACE, calling, span

from assesskit.checks import instrumentation
from assesskit.checks.evidence import Evidence
from assesskit.checks.instrumentation import OURS, SPECIFIED, WEIGHTS, Traces
from assesskit.instruments.collector import Span

CALLERS = {(TRACE, CALLER)}
WHOLE = [
    span("1", CALLER),
    calling("2", "1", "till", attributes={"timeout_ms": 900}, start=10.1, end=10.9),
    span("3", "2", service="till", start=10.2, end=10.8),
]


def offended(*more: Span, spans: list[Span] = WHOLE) -> set[str]:
    traces = Traces([*spans, *more], CALLERS)
    return {rule.id for rule in (*SPECIFIED, *OURS) if any(rule.offenders(traces))}


def inside(span_id: str, parent: str = "3", **changes: Any) -> Span:
    return span(span_id, parent, **{"service": "till", "kind": "INTERNAL", "start": 10.3, "end": 10.7} | changes)


def test_a_trace_that_is_well_made_offends_nothing():
    assert offended() == set()


@pytest.mark.parametrize(
    ("rule", "odd"),
    [
        ("RES-001", [inside("4", resource={})]),
        ("RES-002", [inside("4", resource={"service.instance.id": "one", "k8s.pod.name": "till-2"})]),
        ("RES-002", [inside("4", source="shop")]),
        ("RES-004", [inside("4", attributes={"service.version": "1"})]),
        ("RES-005", [inside("4", service=" ")]),
        ("SPA-001", [inside(f"4{place}") for place in range(11)]),
        ("SPA-002", [inside("4", "5")]),
        ("SPA-004", [calling("4", "", "bank", start=10.3, end=10.7)]),
        ("SPA-005", [inside(f"4{place}", kind="CLIENT", end=10.304) for place in range(21)]),
        ("AK-001", [span("4", trace_id=OTHER)]),
        ("AK-002", [inside("4"), inside("4")]),
        ("AK-003", [inside("4", start=10.1)]),
        ("AK-004", [inside("4", end=12.0)]),
        ("AK-005", [calling("4", "3", "bank", service="till", attributes={"timeout_ms": 901}, start=10.3, end=10.7)]),
        ("AK-006", [calling("4", "3", "bank", 503, service="till", start=10.3, end=10.7)]),
    ],
)
def test_one_thing_that_is_wrong_offends_one_rule(rule: str, odd: list[Span]):
    assert offended(*odd) == {rule}


@pytest.mark.parametrize(
    "fine",
    [
        [inside("4", kind="CONSUMER", end=30.0)],
        [inside(f"4{place}") for place in range(10)],
        [inside(f"4{place}", kind="CLIENT", end=10.304) for place in range(20)],
        [calling("4", "3", "bank", 503, service="till", status="ERROR", start=10.3, end=10.7)],
        [inside("4", resource={"service.instance.id": "two", "k8s.pod.name": "till-2"})],
        [calling("4", "3", "bank", service="till", attributes={"timeout_ms": True}, start=10.3, end=10.7)],
    ],
    ids=["worked on later", "ten INTERNAL", "twenty short", "an error that says so", "other copy", "no number"],
)
def test_what_only_looks_wrong_offends_none(fine: list[Span]):
    assert offended(*fine) == set()


def test_spans_that_are_their_own_ancestors_end():
    ring = [calling(one, two, "x", attributes={"timeout_ms": ms}) for one, two, ms in (("4", "5", 1), ("5", "4", 2))]
    assert "AK-005" in offended(*ring)


def test_the_score_is_the_weight_of_what_holds():
    total = sum(WEIGHTS[rule.impact] for rule in SPECIFIED)
    assert instrumentation.score(Traces(WHOLE, CALLERS)) == 100
    orphan = Traces([*WHOLE, inside("4", "5")], CALLERS)
    assert instrumentation.score(orphan) == pytest.approx(100 * (total - WEIGHTS["Normal"]) / total)


def test_it_says_how_much_of_the_specification_it_is():
    evidence = Evidence()
    instrumentation.told(WHOLE, CALLERS, evidence)
    figure, theirs, ours = evidence.collected()
    assert "partial: 8 of 19 rules" in figure["title"]
    assert len(theirs["data"]["text"].splitlines()) == len(SPECIFIED)
    assert all(line.startswith("holds: AK-") for line in ours["data"]["text"].splitlines())


def test_without_spans_there_is_nothing_to_tell():
    evidence = Evidence()
    instrumentation.told([], CALLERS, evidence)
    assert evidence.collected() == []
