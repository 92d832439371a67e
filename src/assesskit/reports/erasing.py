"""What is left of a person who was erased: figures that nobody can be told from."""

from __future__ import annotations

from typing import Final, Literal

from assesskit.judging import Reviewed, Sum
from assesskit.model import Outcome, SideLevel, Value
from assesskit.reports import views
from assesskit.weighting import Held

SCHEMA: Final = "assesskit/anonymous/1"


class Anonymous(Value):
    """The figures of one assessment: no name, no run, no digest of what was handed in, no text of anybody, and of the
    time only the year."""

    schema_id: Literal["assesskit/anonymous/1"] = SCHEMA
    exercise: str
    version: str
    graders_digest: str
    rubric_digest: str
    year: int
    outcome: Outcome
    score: Sum
    competencies: dict[str, Held]
    standings: dict[str, views.Standing]
    service_levels: dict[str, SideLevel]


def anonymous(reviewed: Reviewed) -> Anonymous:
    """What may be kept. Latencies are kept as percentiles, without their samples."""
    now = reviewed.now
    sides = now.levels.sides if now.levels else {}
    return Anonymous(
        exercise=now.exercise.slug,
        version=now.exercise.version,
        graders_digest=now.exercise.graders_digest,
        rubric_digest=now.exercise.rubric_digest,
        year=now.started.year,
        outcome=now.outcome,
        score=reviewed.sum,
        competencies=views.held(now),
        standings={result.criterion.id: views.standing(result) for result in now.results},
        service_levels={name: _bare(side) for name, side in sides.items()},
    )


def _bare(side: SideLevel) -> SideLevel:
    routes = {name: route.model_copy(update={"samples_ms": ()}) for name, route in side.routes.items()}
    return side.model_copy(update={"routes": routes})
