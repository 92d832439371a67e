"""What a report says about an assessment, before anybody decides how it looks. Pure; HTML and Markdown share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assesskit.model import Assessment, CriterionResult, Gradings, Observation, Verdict
from assesskit.scoring import at_most

WORDS: dict[Verdict, str] = {"met": "Met", "not_met": "Not met", "ungraded": "Could not be judged"}
READING_ORDER: tuple[Verdict, ...] = ("not_met", "ungraded", "met")
CHECK_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "errored": "Our check broke",
    "inconclusive": "Inconclusive",
    "skipped": "Not run",
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
    def earned(self) -> int:
        """Points of the criteria that are met."""
        return points(of(self.results, "met"))

    @property
    def judged(self) -> int:
        """Points of the criteria that have a verdict."""
        return self.total - points(of(self.results, "ungraded"))


@dataclass(frozen=True)
class Cohort:
    """Assessments that may be laid side by side: same exercise, same checks, same rubric."""

    assessments: tuple[Assessment, ...]

    @property
    def competencies(self) -> tuple[Competency, ...]:
        """The criteria all of them were held against, by competency."""
        return by_competency(self.assessments[0])

    @property
    def one_runtime(self) -> bool:
        """Whether all of them ran on the same kind of runtime."""
        return len({each.runtime.name for each in self.assessments}) == 1


def of(results: Sequence[CriterionResult], verdict: Verdict) -> tuple[CriterionResult, ...]:
    """The results with this verdict, in their order."""
    return tuple(result for result in results if result.verdict == verdict)


def points(results: Sequence[CriterionResult]) -> int:
    """What the criteria of these results weigh together."""
    return sum(result.criterion.points for result in results)


def heaviest(results: Sequence[CriterionResult]) -> tuple[CriterionResult, ...]:
    """The results by falling weight; the rubric's order among equals."""
    return tuple(sorted(results, key=lambda result: -result.criterion.points))


def waits(result: CriterionResult) -> bool:
    """Whether people have yet to judge it."""
    return result.verdict == "ungraded" and result.criterion.kind == "judged"


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
    total = many(assessment.score.total, "point")
    return f"Of {total} in all, {' and '.join(parts)}; these count neither for nor against." if parts else ""


def word(result: CriterionResult) -> str:
    """The verdict in words; a criterion that only people judge is said to wait for them."""
    return "Awaits review" if waits(result) else WORDS[result.verdict]


def share(result: CriterionResult) -> str:
    """What the criterion counted for, in words."""
    worth = result.criterion.points
    if result.verdict == "ungraded":
        return f"{many(worth, 'point')}, not counted"
    return f"{worth if result.verdict == 'met' else 0} of {many(worth, 'point')}"


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


def cohorts(assessments: Sequence[Assessment]) -> tuple[Cohort, ...]:
    """The assessments in groups that may be compared, each group and its members in the order given."""
    groups: dict[tuple[str, ...], list[Assessment]] = {}
    for each in assessments:
        what = each.exercise
        groups.setdefault((what.slug, what.digest, what.graders_digest, what.rubric_digest), []).append(each)
    return tuple(Cohort(tuple(group)) for group in groups.values())


def outcome(assessment: Assessment) -> str:
    """What came of the run, in one sentence."""
    phase = assessment.failure.phase if assessment.failure else ""
    during = _PHASES.get(phase, phase or "the run")
    if assessment.outcome == "harness_failed":
        return f"Our harness failed during {during}. The fault is ours and costs the candidate nothing."
    if assessment.outcome == "submission_failed":
        return f"The submission failed during {during}; what that prevented counts as not met."
    met, held = len(of(assessment.results, "met")), len(assessment.results) - len(of(assessment.results, "ungraded"))
    if not held:
        return "The submission ran, but no criterion could be judged."
    return f"The submission ran, and {met} of {many(held, 'judged criterion', 'judged criteria')} {be(met)} met."


def many(count: int, one: str, more: str = "") -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else more or one + 's'}"


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
