"""A request of a recording is told apart from the others by time, or not at all."""

from __future__ import annotations

from tests.checks.tracebuilder import OTHER, calling, span

from assesskit.checks import before
from assesskit.checks.evidence import Evidence

FIRST = span("1", start=10.0, end=11.0)
BELOW = calling("2", "1", "till", start=10.1, end=10.9)
SPLIT = span("3", trace_id=OTHER, service="till", start=10.2, end=10.8)
"""The call of BELOW, in a trace of its own."""


def test_all_that_begins_while_it_runs_belongs_to_it():
    assert before.one_request([SPLIT, BELOW, FIRST]) == [FIRST, BELOW, SPLIT]


def test_requests_that_overlap_are_not_told_apart():
    assert before.one_request([FIRST, span("5", trace_id="d" * 32, start=10.5, end=11.5)]) == []


def test_one_that_failed_is_passed_over():
    later = span("5", trace_id="d" * 32, start=20.0, end=21.0)
    failed = span("1", start=10.0, end=11.0, status="ERROR")
    assert before.one_request([failed, later]) == [later]


def test_nothing_recorded_leaves_ours_alone():
    evidence = Evidence()
    before.told([], [FIRST], evidence)
    assert [each["title"] for each in evidence.collected()] == [before.AFTER]


def test_both_are_kept_where_both_are_there():
    evidence = Evidence()
    before.told([FIRST, SPLIT], [FIRST], evidence)
    assert [each["title"] for each in evidence.collected()] == [before.BEFORE, before.AFTER]
