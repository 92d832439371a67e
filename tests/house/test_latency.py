"""The study of verdicts under load counts what it should."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from benchmarks.latency import LOUD, QUIET, READS, due, table


def line(program: str, verdict: str, noise: str = QUIET, criterion: str = READS) -> dict[str, Any]:
    return {"program": program, "noise": noise, "verdicts": {criterion: verdict}}


@pytest.mark.parametrize(
    ("program", "verdict", "wrong"),
    [
        ("reference", "met", 0),
        ("reference", "not_met", 1),
        ("borderline", "not_met", 1),
        ("slow", "not_met", 0),
        ("slow", "met", 1),
        ("slow", "ungraded", 0),
    ],
)
def test_what_was_told_against_the_truth_is_wrong(program: str, verdict: str, wrong: int) -> None:
    """What could not be told is not."""
    assert table([line(program, verdict)]).endswith(f"| {wrong} |")


def test_of_a_criterion_that_a_slow_program_may_fail_or_meet_nothing_is_wrong() -> None:
    """The truth is known of reads alone."""
    assert table([line("slow", "met", criterion="performance.throughput")]).endswith("| - |")


def test_half_of_the_gradings_are_loud() -> None:
    """And those that were made are not made again."""
    assert Counter(due(4, ["slow"], {})) == {("slow", QUIET): 2, ("slow", LOUD): 2}
    assert list(due(4, ["slow"], {("slow", QUIET): 2, ("slow", LOUD): 1})) == [("slow", LOUD)]
