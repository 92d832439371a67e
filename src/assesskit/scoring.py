"""Observations to verdicts, verdicts to a score. Pure: the same values in any order give the same result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from assesskit.errors import GraderError
from assesskit.model import Criterion, CriterionResult, Observation, Score, Verdict

Judgement = tuple[Verdict, str]
"""A verdict and its reason, in one line."""

_OURS = {"errored": "a check of ours broke"}
_UNSURE = {"inconclusive": "inconclusive", "skipped": "a check was skipped"}
_UNREVIEWED: Judgement = ("ungraded", "awaits review by a person")


def judge(
    criteria: Sequence[Criterion],
    planned: Mapping[str, Sequence[str]],
    observations: Iterable[Observation],
    *,
    prevented: str | None = None,
    fault: str | None = None,
) -> tuple[CriterionResult, ...]:
    """The verdict of every criterion, in the order of `criteria`.

    `planned` names the checks of this run by criterion id. A planned check without an observation was cut short:
    by `fault`, a reason of ours (the criterion is ungraded), else by `prevented`, the reason the submission failed (it
    is not met), else by something nobody can name (ungraded). What is complete keeps its verdict: a fault of ours
    outweighs a failure, since it may have caused it; a failure outweighs what could not be told, since it was seen. A
    parametrised check may be planned by its bare name.

    Raises GraderError for an observation of a criterion that is not there.
    """
    seen: dict[str, list[Observation]] = {criterion.id: [] for criterion in criteria}
    for observation in observations:
        if observation.criterion not in seen:
            raise GraderError(f"observed the unknown criterion {observation.criterion!r}", where=observation.check)
        seen[observation.criterion].append(observation)
    results = []
    for criterion in criteria:
        checks = tuple(planned.get(criterion.id, ()))
        found = tuple(sorted(seen[criterion.id], key=lambda one: (_position(one, checks), one.model_dump_json())))
        if criterion.kind == "judged":
            verdict, reason = _UNREVIEWED
        else:
            told = _unsure(found, _OURS) or _cut_short(checks, found, prevented, fault)
            verdict, reason = told or _failed(found) or _unsure(found, _UNSURE) or _passed(found)
        results.append(CriterionResult(criterion=criterion, verdict=verdict, reason=reason, observations=found))
    return tuple(results)


def score(results: Iterable[CriterionResult]) -> Score:
    """Points of what is met, out of the points that could be judged; what could not is named and costs nothing."""
    results = tuple(results)
    points: dict[Verdict, int] = {"met": 0, "not_met": 0, "ungraded": 0}
    for result in results:
        points[result.verdict] += result.criterion.points
    return Score(
        earned=points["met"],
        judged=points["met"] + points["not_met"],
        total=sum(points.values()),
        missing=tuple(result.criterion.id for result in results if result.verdict == "ungraded"),
    )


def at_most(wrong: int, graded: int, doubt: float = 0.05) -> float:
    """The rate above which no more than `wrong` of `graded` would have been seen with a chance below `doubt`.

    The exact upper bound of a binomial share (Clopper and Pearson, Biometrika 26, 1934); 1 where nothing was graded.
    """
    if wrong >= graded:
        return 1.0
    low, high = wrong / graded, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _seen_at_most(wrong, graded, middle) > doubt else (low, middle)
    return high


def _seen_at_most(wrong: int, graded: int, rate: float) -> float:
    """The chance of at most `wrong` in `graded` at a true `rate`, which is neither 0 nor 1."""
    ways = math.lgamma(graded + 1)
    return sum(
        math.exp(
            ways
            - math.lgamma(k + 1)
            - math.lgamma(graded - k + 1)
            + k * math.log(rate)
            + (graded - k) * math.log1p(-rate)
        )
        for k in range(wrong + 1)
    )


def _unsure(observations: Sequence[Observation], outcomes: Mapping[str, str]) -> Judgement | None:
    for one in observations:
        if one.outcome in outcomes:
            return "ungraded", f"{outcomes[one.outcome]}: {one.summary or one.check}"
    return None


def _cut_short(
    planned: Sequence[str], observations: Sequence[Observation], prevented: str | None, fault: str | None
) -> Judgement | None:
    unseen = [check for check in planned if not any(_is_of(one, check) for one in observations)]
    if not unseen:
        return None
    if prevented and not fault:
        return "not_met", prevented
    return "ungraded", fault or f"{unseen[0]} reported nothing"


def _failed(observations: Sequence[Observation]) -> Judgement | None:
    for one in observations:
        if one.outcome == "failed":
            return "not_met", one.summary or f"{one.check} failed"
    return None


def _passed(observations: Sequence[Observation]) -> Judgement:
    if not observations:
        return "ungraded", "no check of it ran"
    return "met", "its check passed" if len(observations) == 1 else f"all {len(observations)} checks passed"


def _is_of(observation: Observation, check: str) -> bool:
    return observation.check == check or observation.check.startswith(f"{check}[")


def _position(observation: Observation, planned: Sequence[str]) -> int:
    return next((at for at, check in enumerate(planned) if _is_of(observation, check)), len(planned))
