"""What a report says about an assessment, before anybody decides how it looks. Pure; HTML and Markdown share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from assesskit.judging import HIGHEST, Leveled, Reviewed, worth
from assesskit.model import Assessment, CriterionResult, Gradings, Observation, Reliability
from assesskit.scoring import at_most
from assesskit.weighting import Band, Held

Standing = Literal["met", "leveled", "not_met", "ungraded"]
"""How a criterion stands: its verdict, or `leveled` once people have judged it."""
WORDS: dict[Standing, str] = {
    "met": "Met",
    "leveled": "Judged by people",
    "not_met": "Not met",
    "ungraded": "Could not be judged",
}
READING_ORDER: tuple[Standing, ...] = ("not_met", "ungraded", "leveled", "met")
CHECK_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "errored": "Our check broke",
    "inconclusive": "Inconclusive",
    "skipped": "Not run",
}
BANDS: dict[Band | None, str] = {
    "below": "below",
    "within": "as expected",
    "above": "above",
    None: "too little judged",
}
_PHASES = {
    "images": "the preparation of the images",
    "build": "the build",
    "pod": "the opening of the pod",
    "start": "the start",
    "run": "the checks",
    "checks": "the checks",
    "close": "the removal of the pod",
}


@dataclass(frozen=True)
class Competency:
    """The results of one competency, with its points: earned, judged (met or not), total."""

    title: str
    results: tuple[CriterionResult, ...]

    @property
    def total(self) -> int:
        """Points of all its criteria."""
        return points(self.results)

    @property
    def earned(self) -> float:
        """Points of the criteria that are met, and of what people judged a share."""
        return sum(each.criterion.points * (worth(each) or 0) for each in self.results)

    @property
    def judged(self) -> int:
        """Points of the criteria that have a verdict."""
        return self.total - points(of(self.results, "ungraded"))


def standing(result: CriterionResult) -> Standing:
    """How a criterion stands."""
    return "leveled" if isinstance(result, Leveled) else result.verdict


def of(results: Sequence[CriterionResult], wanted: Standing) -> tuple[CriterionResult, ...]:
    """The results that stand so, in their order."""
    return tuple(result for result in results if standing(result) == wanted)


def strengths(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """What is met, or judged to be at level 2 or above."""
    return tuple(each for each in results if (worth(each) or 0) >= 2 / HIGHEST)


def gaps(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """What is not met, or judged to be at level 1 or below."""
    return tuple(each for each in results if (part := worth(each)) is not None and part <= 1 / HIGHEST)


def points(results: Sequence[CriterionResult]) -> int:
    """What the criteria of these results weigh together."""
    return sum(result.criterion.points for result in results)


def heaviest(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """The results by falling weight; the rubric's order among equals."""
    return tuple(sorted(results, key=lambda result: -result.criterion.points))


def waits(result: CriterionResult) -> bool:
    """Whether people have yet to judge it."""
    return standing(result) == "ungraded" and result.criterion.kind == "judged"


def waiting(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """The results that people have yet to judge."""
    return tuple(result for result in results if waits(result))


def unjudged(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """The results that checks could not judge."""
    return tuple(result for result in of(results, "ungraded") if not waits(result))


def left_out(assessment: Assessment) -> str:
    """Which points are not in the sum, and why; empty when all are."""
    results = assessment.results
    told = ((waiting(results), "await review by people"), (unjudged(results), "could not be judged"))
    parts = [f"{points(some)} {why_not}" for some, why_not in told if some]
    total = many(points(results), "point")
    return f"Of {total} in all, {' and '.join(parts)}; these count neither for nor against." if parts else ""


def word(result: CriterionResult) -> str:
    """How a criterion stands in words; one that only people judge is said to wait for them, or at which level it is."""
    if isinstance(result, Leveled):
        return f"Level {number(result.level)} of {HIGHEST}"
    return "Awaits review" if waits(result) else WORDS[result.verdict]


def share(result: CriterionResult) -> str:
    """What the criterion counted for, in words."""
    weight, part = result.criterion.points, worth(result)
    if part is None:
        return f"{many(weight, 'point')}, not counted"
    return f"{number(weight * part)} of {many(weight, 'point')}"


def seen(result: CriterionResult) -> str:
    """What decided the verdict, in one line for people: the deciding check's summary, else the verdict's reason."""
    deciding = {"met": (), "not_met": ("failed",), "ungraded": ("errored", "inconclusive", "skipped")}[result.verdict]
    decided = (each.summary for each in result.observations if each.outcome in deciding and each.summary)
    return next(decided, result.reason)


def explained(result: CriterionResult) -> bool:
    """Whether what the checks say already holds the reason of the verdict."""
    said = {each.summary for each in result.observations}
    return bool(said) and (result.verdict == "met" or result.reason in said)


def why(result: CriterionResult) -> str:
    """What the reason of a result is called."""
    if isinstance(result, Leveled):
        return "Who judged it"
    if result.verdict != "ungraded":
        return "Why this verdict"
    return "Why it is open" if result.criterion.kind == "judged" else "Why it could not be judged"


def reliability(assessment: Assessment, result: CriterionResult) -> str:
    """How often this verdict is wrong, in a sentence; empty for what only people judge."""
    if result.criterion.kind == "judged":
        return ""
    measured = assessment.reliability.get(result.criterion.id)
    if measured is None or not measured.right.graded + measured.wrong.graded:
        return "not measured for this version of the checks"
    right, wrong = measured.right, measured.wrong
    said = [f"in {rate(right, 'programs that meet it')}"] if right.graded else []
    said += [f"in {rate(wrong, 'programs that do not')}"] if wrong.graded else []
    unjudged, judged = right.ungraded + wrong.ungraded, right.graded + wrong.graded
    tail = f"; could not be judged in {unjudged} of {unjudged + judged}" if unjudged else ""
    return f"wrong {' and '.join(said)}{tail}"


def sureness(assessment: Assessment) -> str:
    """How often verdicts of checks are wrong here, false fails and false passes apart, and how much was measured."""
    found = [
        assessment.reliability.get(each.criterion.id, Reliability())
        for each in assessment.results
        if each.criterion.kind == "automatic"
    ]
    right, wrong = [one.right for one in found], [one.wrong for one in found]
    if not any(one.graded for one in (*right, *wrong)):
        return "How often these verdicts are wrong was not measured for this version of the checks."
    return (
        "How sure this is: these checks graded programs that are known to be right or wrong. "
        f"{_wrongly('meets', 'not met', right)} {_wrongly('misses', 'met', wrong)} "
        "Each limit holds with 95 % confidence; few gradings give a high one. The full report has it by criterion."
    )


def _wrongly(known: str, said: str, criteria: Sequence[Gradings]) -> str:
    """How often verdicts were wrong in one way, with the limits of single criteria.

    There is none for all of them: the verdicts of one grading share a pod, so together they say less than they count.
    """
    measured = [one for one in criteria if one.graded]
    if not measured:
        return f"Verdicts on what a program {known} were not measured."
    graded, false = sum(one.graded for one in measured), sum(one.false for one in measured)
    limits = sorted(100 * at_most(one.false, one.graded) for one in measured)
    best, worst = f"{limits[0]:.1f}", f"{limits[-1]:.1f}"
    limit = f"{best} %" if best == worst else f"{best} % at best and {worst} % at worst"
    missing = len(criteria) - len(measured)
    tail = f"; of {missing} of the {len(criteria)} criteria it was not measured" if missing else ""
    return (
        f"Of {many(graded, 'verdict')} on what a program {known}, {false} said {said}; "
        f"for a single criterion the rate is at most {limit}{tail}."
    )


def open_reasons(results: Sequence[CriterionResult]) -> tuple[tuple[str, tuple[CriterionResult, ...]], ...]:
    """Why criteria are open, each reason once with its criteria; ours first, then those that await review."""
    found: dict[str, list[CriterionResult]] = {}
    for result in (*unjudged(results), *waiting(results)):
        found.setdefault(seen(result), []).append(result)
    return tuple((reason, tuple(held)) for reason, held in found.items())


def rate(gradings: Gradings, programs: str) -> str:
    """How many gradings of these programs gave a wrong verdict, and how high that rate may be (95 % confidence)."""
    if not gradings.graded:
        return "none graded"
    bound = 100 * at_most(gradings.false, gradings.graded)
    return f"{gradings.false} of {many(gradings.graded, 'grading')} of {programs} (at most {bound:.1f} %)"


def holds(observation: Observation) -> str:
    """What there is to open below an observation, in words."""
    evidence = many(len(observation.evidence), "piece") + " of evidence"
    if not observation.detail:
        return evidence
    return f"{evidence} and a technical detail" if observation.evidence else "A technical detail"


def by_competency(assessment: Assessment) -> tuple[Competency, ...]:
    """The results by competency, in the rubric's order; one without a criterion is left out."""
    titles = dict(assessment.competencies)
    for result in assessment.results:
        titles.setdefault(result.criterion.competency, result.criterion.competency)
    grouped = {key: [each for each in assessment.results if each.criterion.competency == key] for key in titles}
    return tuple(Competency(titles[key], tuple(results)) for key, results in grouped.items() if results)


def held(assessment: Assessment) -> dict[str, Held]:
    """What was earned by competency id, as profiles weigh it."""
    found: dict[str, list[CriterionResult]] = {}
    for result in assessment.results:
        found.setdefault(result.criterion.competency, []).append(result)
    groups = {key: Competency(key, tuple(results)) for key, results in found.items()}
    return {key: Held(earned=one.earned, judged=one.judged, total=one.total) for key, one in groups.items()}


def integrity(seen: Reviewed) -> tuple[str, ...]:
    """What a reader must know about the record: a broken chain, a later rubric; nothing where all is well."""
    was = seen.assessment.exercise.rubric_digest[:16]
    rescored = (
        f"scored again under another rubric on {when(entry.at)} by {entry.author} ({entry.reason}); "
        f"the digest of the rubric is now {entry.rubric_digest[:16]}, and was {was}"
        for entry in seen.rescores
    )
    return (*seen.problems, *rescored)


def outcome(assessment: Assessment) -> str:
    """What came of the run, in one sentence."""
    phase = assessment.failure.phase if assessment.failure else ""
    during = _PHASES.get(phase, phase or "the run")
    if assessment.outcome == "harness_failed":
        return f"Our harness failed during {during}. The fault is ours and costs the candidate nothing."
    if assessment.outcome == "submission_failed":
        return f"The submission failed during {during}; what that prevented counts as not met."
    met = len(of(assessment.results, "met"))
    held = met + len(of(assessment.results, "not_met"))
    if not held:
        return "The submission ran, but no criterion could be judged."
    return f"The submission ran, and {met} of {many(held, 'criterion', 'criteria')} that checks judged {be(met)} met."


def many(count: int, one: str, more: str = "") -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def number(value: float) -> str:
    """A number of points or a level: whole where it is whole, else to one place."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"  # noqa: PLR2004


def be(count: int) -> str:
    """The verb that goes with a number."""
    return "is" if count == 1 else "are"


def when(moment: datetime) -> str:
    """A time for people, in UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"  # noqa: PLR2004


def size(count: int | None) -> str:
    """Bytes for people."""
    return "not known" if count is None else f"{count / 2**20:.0f} MiB"
