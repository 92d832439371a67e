"""What an exercise claims about itself: each of its programs, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assesskit.content import Exercise
from assesskit.model import Outcome

Kind = Literal["reference", "alternate", "starter", "mutant"]


@dataclass(frozen=True)
class Claim:
    """One program and what must come of it: exactly `fails` are not met and every other criterion that ran is met.

    The program is the reference with `patch`, or what lies in `folder`; a wrong one has a `golden` text.
    """

    name: str
    kind: Kind
    fails: tuple[str, ...]
    folder: Path
    outcome: Outcome = "graded"
    patch: Path | None = None
    golden: Path | None = None

    @property
    def right(self) -> bool:
        """Whether its program meets everything."""
        return self.kind in {"reference", "alternate"}

    def without(self, exercise: Exercise) -> frozenset[str]:
        """The criteria of `load` where the program is not about one of them, and those of `slow` likewise."""
        lists = (frozenset(exercise.spec.proof.load), frozenset(exercise.spec.proof.slow))
        return frozenset().union(*(each for each in lists if not (self.right or each & set(self.fails))))

    def measures(self, exercise: Exercise) -> bool:
        """Whether load is measured, which nothing else may disturb."""
        return bool(set(exercise.spec.proof.load) - self.without(exercise))


def as_written(exercise: Exercise, claim: Claim) -> Claim:
    """Return the claim of the exercise that a variant is made of: it has the program that was renamed for this one.

    A starter with other faults than the written one is no renaming of it, and stands for itself.
    """
    if claim.kind == "starter" and exercise.faults != exercise.origin.faults:
        return claim
    return next(each for each in claims(exercise.origin) if each.name == claim.name)


def claims(exercise: Exercise) -> tuple[Claim, ...]:
    """Return every claim of an exercise: reference, alternates, starter, then its wrong programs."""
    proof = exercise.spec.proof
    reference = exercise.folder / proof.reference
    right = (Claim(one.name, "alternate", (), exercise.folder / one.program) for one in proof.alternates)
    starter = exercise.folder / exercise.spec.candidate.starter
    wrong = (
        Claim(
            mutant.name,
            "mutant",
            mutant.fails,
            mutant.program or reference,
            patch=mutant.patch,
            golden=mutant.golden,
        )
        for mutant in exercise.mutants
    )
    return (
        Claim("reference", "reference", (), reference),
        *right,
        Claim("starter", "starter", exercise.starter_fails(), starter, outcome=proof.starter.outcome),
        *wrong,
    )
