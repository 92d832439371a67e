"""An exercise that was read and found sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assesskit.content.collected import Check
from assesskit.content.digests import digest_files, files_below, without
from assesskit.content.mutants import Mutant
from assesskit.content.schema import FaultSet, Spec
from assesskit.model import Criterion, Exercised, Variant
from assesskit.variants import Parameter

BRIEF = "README.md"
CHECKS = "checks"
VARIANTS = "variants.toml"
"""Where a workspace keeps its copy of the brief and of the public checks; where an exercise says what a seed draws."""
SETS = "sets"
"""Where an exercise has what its sets of faults bring along; the set that was drawn goes by this name, too."""


@dataclass(frozen=True)
class Digests:
    """SHA-256 of the exercise (without `proof`, apart from the reference it measures against), graders and rubric."""

    exercise: str
    graders: str
    rubric: str


@dataclass(frozen=True)
class Exercise:
    """A packaged task: exercise.toml (`spec`), rubric in order, competency titles, the checks of each criterion,
    and the wrong programs that prove them.

    `parameters` are what a seed draws, and `keep` the phrases it never touches; `sets` are the sets of faults of which
    it draws one. A variant has files below a root of its own, draws nothing more, and knows the exercise as it is
    `written`. `told_again` is what a kit says of `looked_at_again`.
    """

    root: Path
    spec: Spec
    criteria: tuple[Criterion, ...]
    competencies: Mapping[str, str]
    checks: Mapping[str, tuple[Check, ...]]
    mutants: tuple[Mutant, ...]
    parameters: tuple[Parameter, ...]
    keep: tuple[str, ...]
    variant: Variant
    written: Exercise | None = None
    sets: Mapping[str, FaultSet] = field(default_factory=dict)
    told_again: frozenset[str] = frozenset()

    @property
    def looked_at_again(self) -> frozenset[str]:
        """Public criteria that hidden checks look at as well; a candidate knows which, without these checks."""
        both = {"public", "hidden"}
        own = {key for key, checks in self.checks.items() if {check.visibility for check in checks} == both}
        return self.told_again | own

    @property
    def default(self) -> Exercise:
        """The exercise as it is written: its default variant."""
        return self.written or self

    @property
    def slug(self) -> str:
        """Its name in paths and commands."""
        return self.spec.slug

    @property
    def folder(self) -> Path:
        """exercises/<slug>."""
        return self.root / "exercises" / self.slug

    @property
    def public_tests(self) -> Path:
        """graders/<slug>/public, which candidates see."""
        return self.root / "graders" / self.slug / "public"

    @property
    def hidden_tests(self) -> Path:
        """graders/<slug>/hidden, which they never do."""
        return self.root / "graders" / self.slug / "hidden"

    @property
    def rubric_file(self) -> Path:
        """docs/rubrics/<slug>.toml, the rubric's single source."""
        return self.root / "docs" / "rubrics" / f"{self.slug}.toml"

    @property
    def competencies_file(self) -> Path:
        """docs/rubrics/competencies.toml, which all rubrics share."""
        return self.rubric_file.with_name("competencies.toml")

    @property
    def variants_file(self) -> Path:
        """exercises/<slug>/variants.toml; an exercise without it has one variant."""
        return self.folder / VARIANTS

    @property
    def faults(self) -> tuple[str, ...]:
        """The wrong programs whose mistakes the starter has; empty where an exercise has no sets of faults."""
        chosen = self.variant.parameters.get(SETS)
        return self.origin.sets[chosen].faults if chosen else ()

    def starter_fails(self) -> tuple[str, ...]:
        """The criteria that the untouched starter fails: those that are named for it, and those of its faults."""
        own = {fault: mutant.fails for fault in self.faults for mutant in self.mutants if mutant.name == fault}
        return tuple(dict.fromkeys([*self.spec.proof.starter.fails, *(name for each in own.values() for name in each)]))

    def sources(self) -> dict[str, Path]:
        """Every file that a variant has of its own, by its path below the content root.

        That leaves out what declares variants, what only some of them have (see `faulty`), and the records of proofs,
        which lie in proof/ itself.
        """
        below = {f"exercises/{self.slug}": self.folder, f"graders/{self.slug}": self.public_tests.parent}
        found = {f"{at}/{name}": path for at, folder in below.items() for name, path in files_below(folder).items()}
        found |= {f"docs/rubrics/{file.name}": file for file in (self.rubric_file, self.competencies_file)}
        proofs, sets = self.folder / "proof", self.folder / SETS
        return {
            name: path
            for name, path in found.items()
            if path != self.variants_file and path.parent != proofs and not path.is_relative_to(sets)
        }

    @property
    def origin(self) -> Exercise:
        """The exercise as its authors wrote it, which a variant is made of."""
        return self.written or self

    def planned(self) -> dict[str, tuple[str, ...]]:
        """Check names by criterion id, public before hidden: what `scoring.judge` expects to see observed."""
        return {criterion: tuple(check.name for check in checks) for criterion, checks in self.checks.items()}

    def handout(self) -> list[tuple[str, Path]]:
        """What a candidate gets, and nothing else: (path in the workspace, file here)."""
        given = [(BRIEF, self.folder / self.spec.candidate.brief)]
        given += files_below(self.folder / self.spec.candidate.starter).items()
        given += ((name, self.folder / name) for name in self.spec.candidate.files)
        for service in self.spec.services:
            if service.name in self.spec.candidate.sources:
                below = files_below(self.folder / service.folder).items()
                given += ((f"{service.name}/{name}", path) for name, path in below)
        given += ((f"{CHECKS}/{name}", path) for name, path in files_below(self.public_tests).items())
        return given

    def digests(self) -> Digests:
        """Digests of what is on disk now, the same for all variants.

        Wrong programs and golden texts change no score, so they change no digest. A kit holds no rubric file.
        """
        of = self.default
        files = without(files_below(of.folder), "proof", keep=[of.spec.proof.reference])
        return Digests(
            exercise=digest_files(files),
            graders=digest_files(files_below(of.public_tests.parent)),
            rubric=digest_files({file.name: file for file in (of.rubric_file,) if file.is_file()}),
        )

    def exercised(self) -> Exercised:
        """The exercise as an assessment records it."""
        digests = self.digests()
        return Exercised(
            slug=self.slug,
            title=self.spec.title,
            version=self.spec.version,
            digest=digests.exercise,
            graders_digest=digests.graders,
            rubric_digest=digests.rubric,
        )
