"""What an assessment is worth to a role: shares by competency, weighted. Pure, and nothing is graded here.

Grading is the same for every role; a profile is applied to what came of it, as often as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

from pydantic import Field

from assesskit.model import Value

Band = Literal["below", "within", "above"]
SWING = 0.2
"""How far each weight is moved, as a share of itself, to see whether an order holds."""
ENOUGH = 0.5
"""The share of a profile's weight that must have been judged before a band is named."""
CORNERS_AT_ONCE = 256
MOST_MOVED = 12
"""Weights that are moved: the heaviest, where there are more. Each more would double the combinations."""


class Level(Value):
    """What is expected of a level: `expected` is the band, from and to, of the weighted share."""

    key: str
    title: str
    expected: tuple[float, float]


class Profile(Value):
    """What a role asks for: the weight of each competency, by id, and the levels it is held against."""

    key: str
    title: str
    weights: dict[str, int]
    levels: tuple[Level, ...]


class Held(Value):
    """One competency of one assessment, in points: `earned` of the `judged`, which are of the `total`."""

    earned: float = Field(ge=0)
    judged: int = Field(ge=0)
    total: int = Field(ge=0)

    @property
    def share(self) -> float | None:
        """The share earned of what could be judged; None where nothing could."""
        return self.earned / self.judged if self.judged else None


@dataclass(frozen=True)
class Weighted:
    """An assessment under a profile.

    `share` is the weighted mean of the competencies' shares, None where none that the profile weighs was judged;
    `covered` is the share of the profile's weight that could be judged.
    """

    share: float | None
    covered: float

    def band(self, level: Level) -> Band | None:
        """Where the share stands to what a level expects; None where too little was judged to say."""
        if self.share is None or self.covered < ENOUGH:
            return None
        low, high = level.expected
        # Shares are sums of fractions: what is told as 60 % is 60 %.
        told = round(self.share, 6)
        return "below" if told < low else "above" if told > high else "within"


@dataclass(frozen=True)
class Place:
    """Where one of several stands by falling share, and between which places it moves when weights do; 1 is first."""

    place: int
    best: int
    worst: int

    @property
    def firm(self) -> bool:
        """Whether no change of the weights within the swing moves it."""
        return self.best == self.worst


def weighted(held: Mapping[str, Held], profile: Profile) -> Weighted:
    """One assessment, by competency id, under a profile; a competency that was not judged is on neither side."""
    sum_, judged, covered = 0.0, 0, 0.0
    for key, weight in profile.weights.items():
        one = held.get(key)
        if one is None or one.share is None:
            continue
        sum_ += weight * one.share
        judged += weight
        covered += weight * one.judged / one.total
    return Weighted(sum_ / judged if judged else None, covered / sum(profile.weights.values()))


def places(assessments: Sequence[Mapping[str, Held]], profile: Profile) -> tuple[Place | None, ...]:
    """The place of each under a profile, in the order given; None for one that the profile finds nothing judged of.

    Every weight is moved to both ends of its swing, in every combination: where all were judged on the same
    competencies, the difference of two shares is linear in the weights, so no weights in between can reverse two that
    no combination of ends reverses. Equal shares share a place. Of more than `MOST_MOVED` weights the lightest stay.
    """
    # Here and not above, because numpy costs a tenth of a second that only a comparison should pay.
    import numpy as np

    keys = [key for key, weight in profile.weights.items() if weight]
    table = [[_share(held, key) for key in keys] for held in assessments]
    shares = np.array(table).reshape(len(assessments), len(keys))
    counted = ~np.isnan(shares).all(axis=1)
    if not counted.any():
        return (None,) * len(assessments)
    there = shares[counted]
    judged, earned = ~np.isnan(there), np.nan_to_num(there)
    own = np.array([profile.weights[key] for key in keys], dtype=float)

    def ranks(weights: np.ndarray) -> np.ndarray:
        scored = np.round((weights @ earned.T) / (weights @ judged.T), 9)
        ordered = np.sort(-scored, axis=1)
        return np.stack([np.searchsorted(row, -one) for row, one in zip(ordered, scored, strict=True)]) + 1

    now = ranks(own[None, :])[0]
    best, worst = now.copy(), now.copy()
    moving = np.argsort(-own, kind="stable")[:MOST_MOVED]
    ends = product((1 - SWING, 1 + SWING), repeat=len(moving))
    while corners := tuple(islice(ends, CORNERS_AT_ONCE)):
        weights = np.tile(own, (len(corners), 1))
        weights[:, moving] *= np.array(corners)
        moved = ranks(weights)
        best, worst = np.minimum(best, moved.min(axis=0)), np.maximum(worst, moved.max(axis=0))
    found = iter(zip(now, best, worst, strict=True))
    return tuple(Place(*map(int, next(found))) if one else None for one in counted)


def _share(held: Mapping[str, Held], key: str) -> float:
    one = held.get(key)
    share = one.share if one else None
    return float("nan") if share is None else share
