"""Each kind of fault has spans that show it, and spans that look alike and do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from scripts.faults import symptoms
from tests.checks.tracebuilder import OTHER, TRACE, calling, span

from assesskit.checks.span_recording import Recording
from assesskit.instruments.collector import Span

KINDS, ROOT_CAUSES, fitting, root_cause = (
    getattr(symptoms(), name) for name in ("KINDS", "ROOT_CAUSES", "fitting", "root_cause")
)
REQUEST = span("1")
SOON: dict[str, Any]
LATE: dict[str, Any]
SOON, LATE = {"start": 10.2, "end": 10.4}, {"start": 11.2, "end": 11.4}


def statements(text: str, count: int) -> list[Span]:
    return [calling(f"2{n}", "1", "database", attributes={"db.query.text": text}) for n in range(count)]


def loads(count: int, **changes: float) -> list[Span]:
    each: list[dict[str, Any]] = [
        {"start": 10.0 + n * changes.get("apart", 0.0), "end": 10.5 + n * changes.get("apart", 0.0)}
        for n in range(count)
    ]
    own = [span(f"3{n}", trace_id=f"{n + 1}".zfill(32)) for n in range(count)]
    return own + [
        calling(f"4{n}", f"3{n}", "stock", trace_id=f"{n + 1}".zfill(32), attributes={"kit": "K"}, **each[n])
        for n in range(count)
    ]


def row(apart: float) -> list[Span]:
    return [calling(f"5{n}", "1", "pricing", start=10 + n * apart, end=10 + n * apart + 0.1) for n in range(3)]


def stopped(*served: int) -> list[Span]:
    """Five calls to the till; those of `served` have a SERVER span of it."""
    calls = [calling(f"6{n}", "1", "till", start=10 + n / 10, end=10 + n / 10 + 0.05) for n in range(5)]
    return calls + [span(f"7{n}", f"6{n}", service="till") for n in served]


SHOWS: dict[str, tuple[Sequence[Span], set[str]]] = {
    "mixed-propagation": (
        [REQUEST, calling("2", "1", "pricing"), span("3", service="pricing", trace_id=OTHER, **SOON)],
        {"3"},
    ),
    "context-lost-in-pool": ([REQUEST, calling("2", "", "pricing", trace_id=OTHER, **SOON)], {"2"}),
    "consumer-without-context": ([REQUEST, span("2", kind="CONSUMER", trace_id=OTHER)], {"2"}),
    "spans-lost-at-stop": (
        [*stopped(0, 1, 2, 4), span("8", "a"), calling("9", "8", "database"), span("c", "b", kind="CONSUMER")],
        {"63", "8", "c"},
    ),
    "span-never-ended": ([REQUEST, calling("2", "9", "pricing")], {"2"}),
    "always-on-child": ([span("2", "9", flags=0), calling("3", "2", "database", flags=0)], {"2"}),
    "error-hidden": ([REQUEST, calling("2", "1", "pricing", 503)], {"2"}),
    "nested-retries": (
        [
            calling("2", "1", "till", attributes={"attempt": 1}),
            calling("3", "1", "bank", service="till", attributes={"attempt": 2}),
            calling("4", "1", "bank", service="till", attributes={"attempt": 0}),
        ],
        {"2", "3"},
    ),
    "retries-unbounded": (
        [calling(f"{n + 2}", "1", "bank", service="till", attributes={"attempt": n}) for n in range(4)],
        {"4", "5"},
    ),
    "deadline-ignored": ([REQUEST, calling("2", "1", "bank", **LATE)], {"2"}),
    "pool-too-small": ([span("2", "1", name="pool.acquire", kind="INTERNAL")], {"2"}),
    "one-query-for-each-part": ([REQUEST, *statements("SELECT 1", 5)], {f"2{n}" for n in range(5)}),
    "stampede": (loads(3), {"40", "41", "42"}),
    "lines-one-after-the-other": ([REQUEST, *row(0.1)], {"50", "51", "52"}),
}
HARMLESS: dict[str, Sequence[Span]] = {
    "mixed-propagation": [REQUEST, calling("2", "1", "pricing"), span("3", service="pricing", trace_id=OTHER, **LATE)],
    "context-lost-in-pool": [REQUEST, calling("2", "", "pricing", trace_id=OTHER, **LATE)],
    "consumer-without-context": [REQUEST, span("2", kind="CONSUMER", trace_id=OTHER, links=((TRACE, "1".zfill(16)),))],
    "spans-lost-at-stop": stopped(0, 1, 2, 3),
    "span-never-ended": [REQUEST, calling("2", "1", "pricing")],
    "always-on-child": [span("2", "9", flags=1), calling("3", "2", "database", flags=1)],
    "error-hidden": [REQUEST, calling("2", "1", "pricing", 503, status="ERROR"), calling("3", "1", "pricing", 404)],
    "nested-retries": [calling("2", "1", "till", attributes={"attempt": 1}), calling("3", "1", "till")],
    "retries-unbounded": [
        calling("2", "1", "bank", service="till", attributes={"attempt": 2}),
        calling("3", "1", "till", attributes={"attempt": 1}),
    ],
    "deadline-ignored": [REQUEST, calling("2", "1", "bank", **SOON)],
    "pool-too-small": [span("2", "1", name="pool.acquire", kind="INTERNAL", start=10.0, end=10.05)],
    "one-query-for-each-part": [REQUEST, *statements("SELECT 1", 4), calling("9", "1", "database")],
    "stampede": loads(3, apart=1.0),
    "lines-one-after-the-other": [REQUEST, *row(0.02)],
}


def test_every_kind_is_shown_and_told_from_what_looks_like_it():
    assert set(SHOWS) == set(HARMLESS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_spans_that_show_a_kind_are_found_and_no_others(kind):
    spans, expected = SHOWS[kind]
    assert fitting(Recording(spans, "kit"))[kind] == {one.zfill(16) for one in expected}


@pytest.mark.parametrize("kind", KINDS)
def test_what_looks_alike_shows_nothing(kind):
    assert fitting(Recording(HARMLESS[kind], "kit"))[kind] == frozenset()


@pytest.mark.parametrize("kind", ROOT_CAUSES)
def test_the_root_cause_is_the_one_that_is_there(kind):
    assert root_cause(fitting(Recording([*SHOWS[kind][0], *SHOWS["pool-too-small"][0]], "kit"))) == kind


@pytest.mark.parametrize("kinds", [(), ("nested-retries", "deadline-ignored")], ids=["none", "two"])
def test_a_recording_without_one_root_cause_is_our_fault(kinds):
    with pytest.raises(ValueError, match="unpack"):
        root_cause({kind: frozenset({"1"} if kind in kinds else ()) for kind in KINDS})


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [span("1", "1")],
        [span("1", "2"), span("2", "1")],
        [span("1", end=-5.0), span("2", "1", start=18_000.0, end=18_001.0)],
        [span("1", attributes={f"key {n}": "x" for n in range(10_000)})],
    ],
    ids=["none", "its own parent", "a cycle", "a clock that is hours off", "ten thousand attributes"],
)
def test_odd_spans_are_borne(spans):
    assert set(fitting(Recording(spans, "kit"))) == set(KINDS)
