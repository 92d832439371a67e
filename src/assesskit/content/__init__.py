"""The content root, and what is read from it. Everything is checked before anything runs.

::

    exercises/<slug>/exercise.toml   brief, starter, services, proof: see `schema`
    exercises/<slug>/variants.toml   what a seed draws, if there is more than one variant
    graders/<slug>/public  hidden    pytest files, one criterion each
    docs/rubrics/<slug>.toml         the rubric; competencies.toml beside it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from assesskit.content.collected import Check, collect
from assesskit.content.exercise import VARIANTS, Digests, Exercise
from assesskit.content.mutants import Mutant, mutants
from assesskit.content.parsing import did_you_mean, parse
from assesskit.content.placeholders import fill
from assesskit.content.rubric import rubric_markdown
from assesskit.content.rules import broken
from assesskit.content.schema import CompetenciesFile, RubricFile, Spec
from assesskit.content.variation import declared_in, lay_out, variant
from assesskit.errors import ContentError, UsageError
from assesskit.variants import A_SEED, is_seed

__all__ = ["Check", "Digests", "Exercise", "Mutant", "fill", "find_root", "load", "rubric_markdown", "slugs"]

VARIABLE = "ASSESSKIT_CONTENT"


def find_root(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """The content root: `explicit`, else what ASSESSKIT_CONTENT names, else the nearest folder at or above the current
    one that is a content root. The installed package has none: candidates install it.

    Raises UsageError when the one that was named is no content root, or when there is none.
    """
    for named, where in ((explicit, "--content"), (environ.get(VARIABLE), VARIABLE)):
        if named:
            root = Path(named).resolve()
            if not _is_root(root):
                raise UsageError(f"{root} holds no exercises/, graders/ and docs/rubrics/", where=where)
            return root
    here = Path.cwd()
    for root in (here, *here.parents):
        if _is_root(root):
            return root
    raise UsageError(
        "no content found here or in any folder above",
        hint=f"Name the folder that holds exercises/, graders/ and docs/rubrics/ with --content or {VARIABLE}.",
    )


def _is_root(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in ("exercises", "graders", "docs/rubrics"))


def slugs(root: Path) -> tuple[str, ...]:
    """The exercises of a content root, sorted."""
    return tuple(sorted(file.parent.name for file in (root / "exercises").glob("*/exercise.toml")))


def load(root: Path, slug: str, seed: str | None = None, *, cache: Path | None = None) -> Exercise:
    """Read one exercise with its rubric and checks; with a seed, the variant it draws, whose files are kept in `cache`.

    Raises UsageError for a slug that is not there or a seed that is none, ContentError with every problem that was
    found otherwise.
    """
    if seed is not None and not is_seed(seed):
        raise UsageError(f"is no seed: {A_SEED}", where="seed")
    exercise = _read(root, slug)
    if seed is None:
        return exercise
    drawn = variant(slug, seed, exercise.parameters, exercise.sets)
    if not drawn.parameters:
        return replace(exercise, variant=drawn)
    if cache is None:
        raise ValueError("the files of a variant need a folder to be kept in")
    return replace(_read(lay_out(exercise, seed, cache), slug), variant=drawn, written=exercise)


def _read(root: Path, slug: str) -> Exercise:
    known = slugs(root)
    if slug not in known:
        there = f"There are: {', '.join(known)}." if known else "This content root has no exercise."
        raise UsageError(f"no exercise {slug!r}{did_you_mean(slug, known)}", where=str(root), hint=there)
    problems: list[str] = []
    spec = parse(root / "exercises" / slug / "exercise.toml", root, Spec, problems)
    rubric = parse(root / "docs" / "rubrics" / f"{slug}.toml", root, RubricFile, problems)
    competencies = parse(root / "docs" / "rubrics" / "competencies.toml", root, CompetenciesFile, problems)
    declared = declared_in(root / "exercises" / slug / VARIANTS, root, problems)
    wrong = mutants(root / "exercises" / slug / "proof" / "mutants", root, problems)
    found = collect(root / "graders" / slug / "public", root, "public", problems)
    found += collect(root / "graders" / slug / "hidden", root, "hidden", problems)
    if spec and spec.slug != slug:
        problems.append(f"exercises/{slug}/exercise.toml: slug: is {spec.slug!r}, the folder says {slug!r}")
    if rubric and rubric.exercise != slug:
        problems.append(f"docs/rubrics/{slug}.toml: exercise: is {rubric.exercise!r}, the file says {slug!r}")
    if spec is None or rubric is None or competencies is None or problems:
        raise ContentError(tuple(problems))
    checks: dict[str, tuple[Check, ...]] = {criterion.id: () for criterion in rubric.criteria}
    for criterion_id, check in found:
        checks[criterion_id] = (*checks.get(criterion_id, ()), check)
    exercise = Exercise(
        root,
        spec,
        rubric.criteria,
        competencies.competencies,
        checks,
        wrong,
        declared.parameters,
        declared.keep,
        variant(slug, None, declared.parameters, declared.sets),
        sets=declared.sets,
    )
    if problems := broken(exercise):
        raise ContentError(tuple(problems))
    return exercise
