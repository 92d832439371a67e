"""The processor time of a request beside the reference's."""

from __future__ import annotations

import pytest

from assesskit.checks.cost import judge
from assesskit.checks.measured import Measured, cost_ms
from assesskit.instruments.load import Sample


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(4.0, "met"), (11.0, "met"), (13.5, "inconclusive"), (14.5, "inconclusive"), (17.0, "not_met")],
)
def test_a_cost_is_judged_unless_it_is_too_near_to_the_limit(ours, verdict):
    """Three times 4 ms and 2 ms: the limit is 14 ms."""
    found = judge(ours, 4.0, 3.0, 2.0)
    assert found.verdict == verdict
    assert f"{ours:.1f} ms of processor time a request beside the reference's 4.0 ms, limit 14.0 ms" in found.reason


@pytest.mark.parametrize(("ours", "theirs"), [(None, 4.0), (4.0, None), (4.0, 0.0)])
def test_a_runtime_that_does_not_count_cannot_tell(ours, theirs):
    """Neither side's cost is guessed."""
    assert judge(ours, theirs, 3.0, 2.0).verdict == "inconclusive"


def used(cpu: float | None) -> dict[str, dict[str, float | None]]:
    return {side: {"cpu_seconds": cpu, "memory_bytes": None} for side in ("submission", "reference")}


def measured(*rounds: tuple[float | None, float | None]) -> Measured:
    """Rounds of 90 recorded requests and 10 that warmed up a side, with what each had used before and after."""
    seen = Measured()
    for before, after in rounds:
        samples = [Sample("submission", 0, 0.0, 0.0, 1.0, 200, "", 2)] * 90
        seen.add(samples, 10, 4.0, used(before), used(after))
    return seen


def test_the_cost_of_a_request_is_over_all_rounds_and_all_requests():
    """Those that warmed up a side cost something, too."""
    seen = measured((1.0, 1.4), (2.0, 2.2))
    assert cost_ms([seen], "submission") == pytest.approx(3.0)
    assert (seen.sent["submission"], seen.windows, seen.seconds) == (200, 2, 8.0)


def test_one_round_without_a_count_makes_the_cost_unknown():
    """A part is not taken for the whole."""
    assert cost_ms([measured((1.0, 1.4), (None, 2.2))], "submission") is None
    assert cost_ms([measured((1.0, 1.4)), measured((1.0, None))], "submission") is None
