"""How far reviewers agree. Pure; the coefficient is the `krippendorff` library's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean

from assesskit.model import Value

Levels = Mapping[str, int]
"""The level of each reviewer, by name, on one criterion of one assessment."""


class Agreement(Value):
    """How often reviewers agreed on what at least two of them judged.

    `pairs` were compared, of which `same` had one level and `near` levels at most one apart. `alpha` is Krippendorff's
    for ordinal levels (1 is agreement, 0 is chance): None where nothing or only one level was ever given, since chance
    then cannot be told from agreement.
    """

    pairs: int
    same: int
    near: int
    alpha: float | None

    @property
    def share(self) -> float | None:
        """The share of pairs with the same level."""
        return self.same / self.pairs if self.pairs else None


class Consistency(Value):
    """How one reviewer's levels stand to those of the others on the same work: `offset` is the mean difference, above 0
    for one who gives more; `spread` how many of the four levels were used."""

    name: str
    judged: int
    compared: int
    offset: float | None
    spread: int


def agreement(units: Sequence[Levels]) -> Agreement:
    """The agreement over units (criteria of assessments). Source: Krippendorff, Content Analysis, chapter 12."""
    pairs = [abs(one - other) for levels in units for one, other in combinations(levels.values(), 2)]
    return Agreement(
        pairs=len(pairs),
        same=sum(apart == 0 for apart in pairs),
        near=sum(apart <= 1 for apart in pairs),
        alpha=_alpha([levels for levels in units if len(levels) > 1]),
    )


def _alpha(units: Sequence[Levels]) -> float | None:
    if len({level for levels in units for level in levels.values()}) < 2:  # noqa: PLR2004  one value cannot vary
        return None
    # Here and not above, because numpy costs a tenth of a second that only reviews and comparisons should pay.
    import krippendorff

    names = sorted({name for levels in units for name in levels})
    rows = [[float(levels[name]) if name in levels else float("nan") for levels in units] for name in names]
    return float(krippendorff.alpha(reliability_data=rows, level_of_measurement="ordinal", value_domain=[0, 1, 2, 3]))


def consistency(units: Sequence[Levels]) -> tuple[Consistency, ...]:
    """Each reviewer against the mean of the others on what both judged, by name."""
    found = []
    for name in sorted({name for levels in units for name in levels}):
        own = [levels[name] for levels in units if name in levels]
        offsets = [
            levels[name] - mean(level for other, level in levels.items() if other != name)
            for levels in units
            if name in levels and len(levels) > 1
        ]
        offset = mean(offsets) if offsets else None
        found.append(Consistency(name=name, judged=len(own), compared=len(offsets), offset=offset, spread=len({*own})))
    return tuple(found)
