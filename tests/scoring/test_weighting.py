"""An assessment under a profile, and how firm an order is."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assesskit.weighting import Held, Level, Place, Profile, places, weighted

MID = Level(key="mid", title="Mid", expected=(0.4, 0.6))


def profile(**weights: int) -> Profile:
    return Profile(key="role", title="Role", weights=weights, levels=(MID,))


def held(**shares: float | None) -> dict[str, Held]:
    """Competencies of ten points each; None is one nobody could judge."""
    return {
        key: Held(earned=0, judged=0, total=10) if share is None else Held(earned=10 * share, judged=10, total=10)
        for key, share in shares.items()
    }


def test_what_was_not_judged_is_on_neither_side():
    """It lowers what is covered, and not the share."""
    found = weighted(held(a=1.0, b=None), profile(a=1, b=3))
    assert (found.share, found.covered) == (1.0, 0.25)


def test_a_competency_judged_in_part_is_covered_in_part():
    found = weighted({"a": Held(earned=2, judged=4, total=8)}, profile(a=5))
    assert (found.share, found.covered) == (0.5, 0.5)


def test_nothing_judged_is_no_share_and_no_zero():
    for nothing in ({}, held(a=None), held(b=1.0)):
        found = weighted(nothing, profile(a=2))
        assert (found.share, found.covered, found.band(MID)) == (None, 0.0, None)


def test_the_share_is_the_mean_by_weight_not_by_points():
    big = {"a": Held(earned=90, judged=90, total=90), "b": Held(earned=0, judged=1, total=1)}
    assert weighted(big, profile(a=1, b=1)).share == 0.5


@pytest.mark.parametrize(
    ("share", "band"), [(0.39, "below"), (0.4, "within"), (0.1 + 0.2 + 0.3, "within"), (0.61, "above")]
)
def test_a_band_includes_both_its_ends(share: float, band: str):
    """Also where a sum of fractions misses the end by the last bit: 0.1 + 0.2 + 0.3 is more than 0.6."""
    assert weighted(held(a=share), profile(a=1)).band(MID) == band


def test_too_little_judged_names_no_band():
    assert weighted(held(a=1.0, b=None), profile(a=1, b=2)).band(MID) is None
    assert weighted(held(a=1.0, b=None), profile(a=1, b=1)).band(MID) == "above"


def test_who_is_better_everywhere_stands_first_whatever_the_weights():
    found = places([held(a=0.2, b=0.1), held(a=0.9, b=0.8)], profile(a=1, b=9))
    assert found == (Place(2, 2, 2), Place(1, 1, 1))
    assert all(place and place.firm for place in found)


def test_a_near_order_is_told_to_be_one():
    """0.9 a + 0.1 b against 0.1 a + 0.9 b: with weights 11 and 10 the first leads, and 8.8 to 12 reverses it."""
    assert places([held(a=0.9, b=0.1), held(a=0.1, b=0.9)], profile(a=11, b=10)) == (Place(1, 1, 2), Place(2, 1, 2))


def test_a_company_with_forty_competencies_does_not_wait_for_ever():
    """Twelve of them, the heaviest, are moved: that is 4,096 combinations, whatever else there is."""
    keys = {f"k{index}": 40 - index for index in range(40)}
    first = held(**{key: float(index % 2) for index, key in enumerate(keys)})
    second = held(**{key: float(index % 2 == 0) for index, key in enumerate(keys)})
    found = places([first, second], profile(**keys))
    assert [place.place for place in found if place] == [2, 1]
    assert not any(place.firm for place in found if place)


def test_equals_share_a_place():
    assert places([held(a=0.5), held(a=0.5), held(a=0.1)], profile(a=3)) == (
        Place(1, 1, 1),
        Place(1, 1, 1),
        Place(3, 3, 3),
    )


def test_one_with_nothing_judged_has_no_place():
    assert places([held(a=None), held(a=0.5)], profile(a=3)) == (None, Place(1, 1, 1))
    assert places([held(a=None)], profile(a=3)) == (None,)
    assert places([], profile(a=3)) == ()


shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=5),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.floats(0.8, 1.2)] * 3),
)
def test_no_weights_within_the_swing_move_anybody_out_of_the_places_that_are_told(cohort, weights, factors):
    """Held against weights drawn from inside the swing, by the definition of the share."""
    given_ = [held(a=a, b=b, c=c) for a, b, c in cohort]
    found = places(given_, profile(a=weights[0], b=weights[1], c=weights[2]))
    moved = [w * f for w, f in zip(weights, factors, strict=True)]
    scores = [round(sum(w * s for w, s in zip(moved, row, strict=True)) / sum(moved), 9) for row in cohort]
    for place, score in zip(found, scores, strict=True):
        now = 1 + sum(other > score for other in scores)
        assert place is not None
        assert place.best <= now <= place.worst


def test_the_ends_told_are_reached_by_some_corner():
    """The range is no wider than what some combination of ends does."""
    cohort = [(0.9, 0.1, 0.4), (0.2, 0.8, 0.5), (0.5, 0.5, 0.5)]
    weights = (5, 4, 3)
    found = places([held(a=a, b=b, c=c) for a, b, c in cohort], profile(a=5, b=4, c=3))
    seen: list[set[int]] = [set(), set(), set()]
    for corner in product((0.8, 1.2), repeat=3):
        moved = [w * f for w, f in zip(weights, corner, strict=True)]
        scores = [round(sum(w * s for w, s in zip(moved, row, strict=True)) / sum(moved), 9) for row in cohort]
        for index, score in enumerate(scores):
            seen[index].add(1 + sum(other > score for other in scores))
    for place, reached in zip(found, seen, strict=True):
        assert place is not None
        assert {place.best, place.worst} <= reached
