"""How often verdicts are wrong: every claim's program graded again and again, and each verdict held against its claim.

Counts are kept by claim and add up over any number of sittings, as long as nothing they rest on has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from assesskit import __version__
from assesskit.content import Exercise
from assesskit.errors import ContentError
from assesskit.model import Assessment, CriterionResult, Gradings, Reliability, Value, Verdict
from assesskit.proof.claims import Claim, as_written, claims
from assesskit.proof.digests import RestsOn, measured_with, program
from assesskit.proof.entries import Entries, Entry
from assesskit.proof.signing import trusted as trusted_keys

SCHEMA = "assesskit/reliability/1"
FILE = "proof/reliability.json"
ORDER: tuple[Verdict, ...] = ("met", "not_met", "ungraded")


class FalseVerdict(Value):
    """A verdict that the program's author says is wrong: a bug to find, of the check or of the claim."""

    run: str
    criterion: str
    verdict: Verdict
    reason: str


class Counted(Entry):
    """The gradings of one claim's program: of each criterion how often it was met, not met and ungraded."""

    gradings: int
    verdicts: dict[str, tuple[int, int, int]]
    false: tuple[FalseVerdict, ...] = ()
    at: datetime


def counts(exercise: Exercise, trusted: Mapping[str, str]) -> Entries[Counted]:
    """What was counted of an exercise, all its variants together."""
    return Entries(exercise.origin, Counted, SCHEMA, FILE, trusted)


def rests_on(exercise: Exercise, claim: Claim, runtime: str) -> RestsOn:
    """What a claim's counts rest on now."""
    return {**measured_with(exercise, runtime), **program(as_written(exercise, claim))}


def false_verdicts(claim: Claim, without: frozenset[str], assessment: Assessment) -> tuple[FalseVerdict, ...]:
    """The verdicts of a grading that are not what the claim says; what could not be judged is none of them."""
    expected = {True: "not_met", False: "met"}
    return tuple(
        FalseVerdict(run=assessment.run, criterion=key, verdict=result.verdict, reason=result.reason)
        for key, result in held(without, assessment)
        if result.verdict not in ("ungraded", expected[key in claim.fails])
    )


def added(old: Counted | None, claim: Claim, without: frozenset[str], now: RestsOn, assessment: Assessment) -> Counted:
    """The counts of a claim with one more grading; from the start where what they rest on has changed."""
    before = old if old and old.rests_on == now else None
    verdicts = dict(before.verdicts) if before else {}
    for key, result in held(without, assessment):
        met, not_met, ungraded = (int(result.verdict == verdict) for verdict in ORDER)
        a, b, c = verdicts.get(key, (0, 0, 0))
        verdicts[key] = (a + met, b + not_met, c + ungraded)
    return Counted(
        rests_on=now,
        tool=__version__,
        gradings=(before.gradings if before else 0) + 1,
        verdicts=verdicts,
        false=(*(before.false if before else ()), *false_verdicts(claim, without, assessment)),
        at=assessment.finished,
    )


def measured(exercise: Exercise, runtime: str) -> dict[str, Reliability]:
    """How reliable each criterion is, by id, from counts that still stand and that a trusted key signed.

    Empty where nothing was measured, or where the files that say so cannot be read.
    """
    try:
        kept = counts(exercise, trusted_keys(exercise.origin.root))
        entries = kept.read().entries
    except ContentError:
        return {}
    return summed(exercise, entries, runtime)


def least_graded(
    wanted: Sequence[Claim], exercise: Exercise, entries: Mapping[str, Counted], runtime: str
) -> list[Claim]:
    """The claims, those first whose programs were graded least by counts that still stand; else in their order."""
    gradings = {claim.name: entry.gradings for claim, entry in _standing(exercise, entries, runtime)}
    return sorted(wanted, key=lambda claim: gradings.get(claim.name, 0))


def summed(exercise: Exercise, entries: Mapping[str, Counted], runtime: str) -> dict[str, Reliability]:
    """The counts of all claims that still stand, by criterion."""
    total: dict[str, dict[bool, Gradings]] = {}
    for claim, entry in _standing(exercise, entries, runtime):
        if claim.outcome != "graded":
            continue
        for key, (met, not_met, ungraded) in entry.verdicts.items():
            fails = key in claim.fails
            both = total.setdefault(key, {False: Gradings(), True: Gradings()})
            was = both[fails]
            both[fails] = Gradings(
                graded=was.graded + met + not_met,
                false=was.false + (met if fails else not_met),
                ungraded=was.ungraded + ungraded,
            )
    return {
        criterion.id: Reliability(right=total[criterion.id][False], wrong=total[criterion.id][True])
        for criterion in exercise.criteria
        if criterion.id in total
    }


def _standing(exercise: Exercise, entries: Mapping[str, Counted], runtime: str) -> Iterator[tuple[Claim, Counted]]:
    """The claims whose counts rest on what there is now."""
    common = measured_with(exercise, runtime) if entries else {}
    for claim in claims(exercise.origin):
        entry = entries.get(claim.name)
        if entry is not None and entry.rests_on == {**common, **program(claim)}:
            yield claim, entry


def held(without: frozenset[str], assessment: Assessment) -> Iterator[tuple[str, CriterionResult]]:
    """The criteria of an assessment that its claim says something about, each with its result."""
    for result in assessment.results:
        if result.criterion.kind == "automatic" and result.criterion.id not in without:
            yield result.criterion.id, result
