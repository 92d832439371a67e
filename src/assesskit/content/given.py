"""What of an exercise a candidate holds: enough to run the public checks, and nothing that is hidden.

::

    exercise.json                  what follows, as `Given`
    exercises/<slug>/              brief, starter, files, wheels.txt, our services
    graders/<slug>/public/         the public checks

It is an allow-list: what is not named here is not given. A kit holds these files, and a workspace keeps them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from assesskit.content.collected import collect
from assesskit.content.digests import files_below
from assesskit.content.exercise import Exercise
from assesskit.content.schema import Proof, Slug, Spec, StarterClaim, Table, Text
from assesskit.content.variation import variant
from assesskit.errors import UsageError
from assesskit.model import Criterion

GIVEN = "exercise.json"
_TOLD = {
    **dict.fromkeys(
        ("slug", "title", "version", "minutes", "summary", "ai", "candidate", "submission", "services"), True
    ),
    "grader": {"seconds", "files", "submitted", "limits", "instruments", "facts"},
}
"""Keys of exercise.toml that a kit tells; of `facts` and `files` those that candidates are given."""


class GivenCriterion(Table):
    """A criterion as candidates know it: what must hold and what it is worth, no note, question or anchor.

    `again`: it is public, and hidden checks look at it as well.
    """

    id: str
    title: Text
    competency: str
    points: int = Field(gt=0, le=100)
    kind: Literal["automatic", "judged"]
    explanation: Text
    again: bool = False


class Given(Table):
    """The whole of exercise.json. `spec` is exercise.toml without its claims, and with the facts of public checks."""

    schema_id: Literal["assesskit/given/1"] = "assesskit/given/1"
    spec: dict[str, Any]
    criteria: tuple[GivenCriterion, ...]
    competencies: dict[Slug, Text]


def given(exercise: Exercise) -> Given:
    """What is told of an exercise, or of its variant."""
    spec = exercise.spec.model_dump(mode="json", include=_TOLD)  # type: ignore[arg-type]  # a nested include
    grader, candidate = spec["grader"], spec["candidate"]
    grader["facts"] = {name: fact for name, fact in grader["facts"].items() if name in candidate["facts"]}
    grader["files"] = [name for name in grader["files"] if name in candidate["files"]]
    told = tuple(
        GivenCriterion(
            **{name: getattr(criterion, name) for name in GivenCriterion.model_fields if name != "again"},
            again=criterion.id in exercise.looked_at_again,
        )
        for criterion in exercise.criteria
    )
    return Given(spec=spec, criteria=told, competencies=dict(exercise.competencies))


def given_files(exercise: Exercise) -> dict[str, Path]:
    """The files that are given besides `exercise.json`, by their path below the root that `load_given` reads."""
    spec = exercise.spec
    folder = f"exercises/{exercise.slug}"
    named = (spec.candidate.brief, *spec.candidate.files, spec.submission.wheels)
    found = {f"{folder}/{name}": exercise.folder / name for name in named}
    for name in (spec.candidate.starter, *(service.folder for service in spec.services)):
        below = files_below(exercise.folder / name)
        found |= {f"{folder}/{name}/{inner}": path for inner, path in below.items()}
    public = files_below(exercise.public_tests)
    return found | {f"graders/{exercise.slug}/public/{name}": path for name, path in public.items()}


def load_given(root: Path, slug: str, seed: str | None) -> Exercise:
    """Read an exercise from what a candidate holds. It has public checks only, and makes no claims.

    Raises UsageError when the files are not those of a kit, or not of this exercise.
    """
    file = root / GIVEN
    hint = "Start again from the kit, in a new folder, and copy your work there."
    problems: list[str] = []
    try:
        read = Given.model_validate_json(file.read_bytes(), strict=True)
        nothing = Proof(reference=read.spec["candidate"]["starter"], starter=StarterClaim()).model_dump()
        spec = Spec.model_validate_json(json.dumps(read.spec | {"proof": nothing}), strict=True)
        checks = collect(root / "graders" / slug / "public", root, "public", problems)
    except (OSError, ValidationError, LookupError, TypeError) as error:
        raise UsageError(f"cannot be read: {_first_line(error)}", where=str(file), hint=hint) from error
    if problems or spec.slug != slug:
        raise UsageError(problems[0] if problems else f"is of {spec.slug}, not of {slug}", where=str(file), hint=hint)
    criteria = tuple(_criterion(each) for each in read.criteria)
    by_criterion = {each.id: tuple(check for key, check in checks if key == each.id) for each in criteria}
    drawn = variant(slug, seed, ())
    again = frozenset(each.id for each in read.criteria if each.again)
    return Exercise(root, spec, criteria, read.competencies, by_criterion, (), (), (), drawn, told_again=again)


def _criterion(told: GivenCriterion) -> Criterion:
    return Criterion(**told.model_dump(exclude={"again"}), feedback="", interviewer="", questions=())


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
