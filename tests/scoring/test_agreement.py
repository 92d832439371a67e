"""How far reviewers agree."""

from __future__ import annotations

import pytest

from assesskit.agreement import agreement, consistency


def test_nothing_compared_is_no_agreement():
    found = agreement([{"A": 2}, {}, {"B": 1}])
    assert (found.pairs, found.share, found.alpha) == (0, None, None)


def test_one_level_only_has_no_coefficient():
    """Everybody always said 2: chance cannot be told from agreement."""
    found = agreement([{"A": 2, "B": 2}] * 5)
    assert (found.share, found.alpha) == (1.0, None)


def test_full_agreement_is_one():
    found = agreement([{"A": level, "B": level} for level in (0, 1, 2, 3)])
    assert (found.same, found.near) == (4, 4)
    assert found.alpha == pytest.approx(1.0)


def test_a_miss_by_one_counts_for_more_than_a_miss_by_three():
    near = agreement([{"A": 0, "B": 1}, {"A": 3, "B": 2}, {"A": 1, "B": 1}, {"A": 2, "B": 2}])
    far = agreement([{"A": 0, "B": 3}, {"A": 3, "B": 0}, {"A": 1, "B": 1}, {"A": 2, "B": 2}])
    assert (near.share, far.share) == (0.5, 0.5)
    assert near.alpha is not None
    assert far.alpha is not None
    assert near.alpha > 0.5 > far.alpha


def test_the_coefficient_is_what_its_definition_gives():
    """Worked out below from coincidences (Krippendorff, Computing Alpha-Reliability, 2011)."""
    units = [{"A": 1, "B": 1, "C": 1}, {"A": 2, "B": 2, "C": 3}, {"A": 3, "B": 3}, {"A": 0, "B": 1, "D": 0}, {"D": 3}]
    found = agreement(units)
    assert found.alpha == pytest.approx(_by_definition([list(unit.values()) for unit in units if len(unit) > 1]))


def _by_definition(units: list[list[int]]) -> float:
    """1 - D_o / D_e with the ordinal metric, from the coincidence matrix."""
    matrix = [[0.0] * 4 for _ in range(4)]
    for values in units:
        for i, a in enumerate(values):
            for j, b in enumerate(values):
                if i != j:
                    matrix[a][b] += 1 / (len(values) - 1)
    totals = [sum(row) for row in matrix]
    n = sum(totals)

    def apart(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        return float((sum(totals[low : high + 1]) - (totals[low] + totals[high]) / 2) ** 2)

    observed = sum(matrix[a][b] * apart(a, b) for a in range(4) for b in range(4))
    expected = sum(totals[a] * totals[b] * apart(a, b) for a in range(4) for b in range(4)) / (n - 1)
    return 1 - observed / expected


def test_a_reviewer_who_always_gives_more_is_seen():
    units = [{"Kim": 3, "Lee": 2}, {"Kim": 2, "Lee": 1}, {"Kim": 3}, {"Lee": 1, "Kim": 3, "Ann": 1}]
    ann, kim, lee = consistency(units)
    assert (kim.judged, kim.compared, kim.spread) == (4, 3, 2)
    assert kim.offset == pytest.approx(4 / 3)
    assert lee.offset == pytest.approx(-1.0)
    assert ann.compared == 1
    assert ann.offset == pytest.approx(-1.0)


def test_a_reviewer_who_worked_alone_is_held_against_nobody():
    [only] = consistency([{"Kim": 3}])
    assert (only.judged, only.compared, only.offset) == (1, 0, None)
