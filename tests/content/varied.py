"""The tiny exercise with variants: one that speaks of a stock, others that speak of a depot or a cellar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.content import tiny

from assesskit.content import Exercise
from assesskit.content.variation import variant

VARIANTS = "exercises/tiny/variants.toml"
DECLARED = f"""
keep = ["use what"]
[draw.place]
stock = ["depot", "cellar"]
quick = ["swift", "rapid"]
[draw.minutes]
30 = [{", ".join(map(str, range(100, 1100)))}]
"""


def build(root: Path, changes: Mapping[str, tiny.Change] | None = None) -> Path:
    """Write the content root below `root` with some files changed, and return it."""
    brief = {"exercises/tiny/brief.md": "# Say hello to the stock\n"}
    return tiny.build(root, {VARIANTS: DECLARED, **brief, **(changes or {})})


def seed_for(exercise: Exercise, place: str) -> str:
    """The first number that draws this place."""
    seeds = (str(number) for number in range(99))
    return next(seed for seed in seeds if variant("tiny", seed, exercise.parameters).parameters["place"] == place)
