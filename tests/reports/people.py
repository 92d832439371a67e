"""Assessments that people have added something to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.reports import samples

from assesskit.content.profiles import profiles
from assesskit.judging import Entry, Reviewed, Said
from assesskit.model import Assessment
from assesskit.weighting import Level, Profile

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
LEVELS = (
    Level(key="mid", title="Mid", expected=(0.4, 0.65)),
    Level(key="senior", title="Senior", expected=(0.6, 0.8)),
)


def profile(key: str = "sre", title: str = "Site reliability engineer", **weights: int) -> Profile:
    """A role that weighs every competency of the samples alike, unless told otherwise."""
    return Profile(key=key, title=title, weights=dict.fromkeys(samples.COMPETENCIES, 10) | weights, levels=LEVELS)


def entries(*said: dict[str, Any]) -> tuple[Entry, ...]:
    """A chain of what was said."""
    made: list[Entry] = []
    for one in said:
        values = {"kind": "level", "at": NOW, "author": "Kim", "reason": "first judgement", "seat": "k"} | one
        made.append(Entry.after(made[-1].digest if made else "0" * 64, Said.model_validate(values)))
    return tuple(made)


def reviewed(
    kim: int = 2,
    lee: int = 3,
    assessment: Assessment | None = None,
    names: tuple[str, str] = ("Kim", "Lee"),
    note: str = "",
) -> Reviewed:
    """The sample with its judged criterion at a level by each of two people."""
    found = assessment or samples.assessment()
    judged = [each.criterion.id for each in found.results if each.criterion.kind == "judged"]
    said = [
        {"author": who, "seat": who, "criterion": key, "level": level, "note": note}
        for key in judged
        for who, level in zip(names, (kim, lee), strict=True)
    ]
    return Reviewed(found, entries(*said), chained=True)


def rescored(held: Reviewed, points: int) -> Reviewed:
    """The same under a later rubric, in which every criterion weighs so many points."""
    criteria = [each.criterion.model_copy(update={"points": points}) for each in held.assessment.results]
    said = {"author": "Kim", "reason": "points of 2027", "criteria": criteria, "rubric_digest": "e" * 64}
    later = Entry.after(held.last or "0" * 64, Said.model_validate({"kind": "rubric", "at": NOW} | said))
    return Reviewed(held.assessment, (*held.entries, later), chained=True)


def roles() -> tuple[Profile, ...]:
    """The profiles of this repository."""
    return profiles(Path(__file__).parents[2]).roles
