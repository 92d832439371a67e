"""What must hold between the files of an exercise. Each rule yields its problems as `file: key: what is wrong`."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from assesskit.content.digests import files_below, irregular_below
from assesskit.content.exercise import SETS, VARIANTS, Exercise
from assesskit.content.parsing import did_you_mean
from assesskit.content.placeholders import fill, known_placeholders, placeholders
from assesskit.content.schema import Dependency, Environment, Instrument, Part
from assesskit.variants import draw, words_of

_CRITERION_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")
_LEVELS = 4
_SEEDS, _ENOUGH = 500, 450
"""Of so many seeds, so many must draw different variants, or candidates would meet the same ones."""


def broken(exercise: Exercise) -> list[str]:
    """Every rule that does not hold."""
    return [problem for rule in _RULES for problem in rule(exercise)]


def _toml(exercise: Exercise) -> str:
    return f"exercises/{exercise.slug}/exercise.toml"


def _rubric(exercise: Exercise) -> str:
    return f"docs/rubrics/{exercise.slug}.toml"


def _mutants(exercise: Exercise) -> str:
    return f"exercises/{exercise.slug}/proof/mutants"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _criteria(exercise: Exercise) -> Iterator[str]:
    """Ids are unique and dotted, competencies known, anchors where a level is judged and only there."""
    for name in _twice(criterion.id for criterion in exercise.criteria):
        yield f"{_rubric(exercise)}: criteria[{name}]: is there twice"
    for criterion in exercise.criteria:
        where = f"{_rubric(exercise)}: criteria[{criterion.id}]"
        if not _CRITERION_ID.fullmatch(criterion.id):
            yield f"{where}: id: must be area.name in lower case"
        if criterion.competency not in exercise.competencies:
            near = did_you_mean(criterion.competency, exercise.competencies)
            yield f"{where}: competency: unknown {criterion.competency!r}{near}"
        for key in ("title", "explanation", "feedback", "interviewer"):
            if not getattr(criterion, key).strip():
                yield f"{where}: {key}: is empty"
        if criterion.kind == "judged" and len(criterion.anchors) != _LEVELS:
            yield f"{where}: anchors: a judged criterion has four, for the levels 0 to 3"
        if criterion.kind == "automatic" and criterion.anchors:
            yield f"{where}: anchors: only a judged criterion has them"


def _checks(exercise: Exercise) -> Iterator[str]:
    """Every automatic criterion has a check, and every check a criterion that is automatic."""
    for name in _twice(check.name for checks in exercise.checks.values() for check in checks):
        yield f"graders/{exercise.slug}: {name}: is both public and hidden, so its observations could not be told apart"
    kinds = {criterion.id: criterion.kind for criterion in exercise.criteria}
    for criterion in exercise.criteria:
        if criterion.kind == "automatic" and not exercise.checks.get(criterion.id):
            yield f"{_rubric(exercise)}: criteria[{criterion.id}]: no check of graders/{exercise.slug} names it"
    for criterion_id, checks in exercise.checks.items():
        for check in checks:
            where = f"graders/{exercise.slug}/{check.visibility}/{check.name.replace('::', ': ', 1)}"
            if criterion_id not in kinds:
                yield f"{where}: unknown criterion {criterion_id!r}{did_you_mean(criterion_id, kinds)}"
            elif kinds[criterion_id] == "judged":
                yield f"{where}: criterion {criterion_id!r} is judged by a person"


def _links(exercise: Exercise) -> Iterator[str]:
    """Nothing but folders and regular files: a link could lead anywhere."""
    for folder in (exercise.folder, exercise.public_tests.parent):
        for name in irregular_below(folder):
            yield f"{(folder / name).relative_to(exercise.root).as_posix()}: is a link or special file"


def _paths(exercise: Exercise) -> Iterator[str]:
    """Every path that is named exists and is of the right kind."""
    spec = exercise.spec
    files = [("candidate.brief", spec.candidate.brief), ("submission.wheels", spec.submission.wheels)]
    files += (("candidate.files", name) for name in spec.candidate.files)
    files += (("grader.files", name) for name in spec.grader.files)
    folders = [("candidate.starter", spec.candidate.starter), ("proof.reference", spec.proof.reference)]
    folders += ((f"services[{service.name}].folder", service.folder) for service in spec.services)
    folders += ((f"proof.alternates[{right.name}].program", right.program) for right in spec.proof.alternates)
    yield from (
        f"{_toml(exercise)}: {key}: no file {name}" for key, name in files if not (exercise.folder / name).is_file()
    )
    yield from (
        f"{_toml(exercise)}: {key}: no folder {name}" for key, name in folders if not (exercise.folder / name).is_dir()
    )
    for service in spec.services:
        if not (exercise.folder / service.folder / "Dockerfile").is_file():
            yield f"{_toml(exercise)}: services[{service.name}].folder: holds no Dockerfile"
    for name in spec.submission.required:
        if not (exercise.folder / spec.proof.reference / name).is_file():
            yield f"{_toml(exercise)}: submission.required: the reference has no {name}"


def _handout(exercise: Exercise) -> Iterator[str]:
    """A workspace gets nothing that would give an answer away, and no path twice."""
    candidate = exercise.spec.candidate
    secret = [Path("proof"), Path("exercise.toml"), Path(exercise.spec.proof.reference)]
    secret += (Path(service.folder) for service in exercise.spec.services)
    named = [("brief", candidate.brief), ("starter", candidate.starter), *(("files", name) for name in candidate.files)]
    for key, name in named:
        path = Path(name)
        if any(path.is_relative_to(other) or other.is_relative_to(path) for other in secret):
            yield f"{_toml(exercise)}: candidate.{key}: {name} is not for candidates"
    for name in candidate.facts:
        if name not in exercise.spec.grader.facts:
            near = did_you_mean(name, exercise.spec.grader.facts)
            yield f"{_toml(exercise)}: candidate.facts: no fact {name!r} in [grader.facts]{near}"
    services = [service.name for service in exercise.spec.services]
    for name in candidate.sources:
        if name not in services:
            yield f"{_toml(exercise)}: candidate.sources: no service {name!r}{did_you_mean(name, services)}"
    for name in _twice(target.casefold() for target, _ in exercise.handout()):
        yield f"{_toml(exercise)}: candidate: two files would become {name} of the workspace"


def _given_facts(exercise: Exercise) -> Iterator[str]:
    """Candidates have the facts that public checks read, or `check` would break on their machines and nowhere else."""
    for name, path in files_below(exercise.public_tests).items():
        for node in ast.walk(ast.parse(path.read_bytes())) if path.suffix == ".py" else ():
            match node:
                case ast.Subscript(value=ast.Name(id="facts"), slice=ast.Constant(value=str(fact))):
                    if fact not in exercise.spec.candidate.facts:
                        where = f"graders/{exercise.slug}/public/{name}"
                        yield f"{where}: reads the fact {fact!r}, which {_toml(exercise)}: candidate.facts lacks"


def _services(exercise: Exercise) -> Iterator[str]:
    """Whatever listens in the pod has a name of its own; an instrument speaks for a program of the submission."""
    spec = exercise.spec
    listening: list[Dependency | Part | Instrument]
    listening = [*spec.services, *spec.submission.parts, *spec.grader.instruments]
    for name in _twice(one.name for one in listening):
        yield f"{_toml(exercise)}: services[{name}]: is there twice"
    sources = [part.name for part in spec.submission.parts] or ["submission"]
    for one in spec.grader.instruments:
        if one.source not in sources:
            yield f"{_toml(exercise)}: grader.instruments[{one.name}].source: unknown program {one.source!r}"


def _environments(exercise: Exercise) -> Iterator[str]:
    """Every placeholder can be filled."""
    spec = exercise.spec
    known = known_placeholders(spec, volume=spec.submission.volume_mb > 0)
    yield from _unfillable(spec.submission.env, known, f"{_toml(exercise)}: submission.env")
    for part in spec.submission.parts:
        known = known_placeholders(spec, volume=part.volume_mb > 0)
        yield from _unfillable(part.env, known, f"{_toml(exercise)}: submission.parts[{part.name}].env")
    known = known_placeholders(spec, volume=False)
    for service in spec.services:
        yield from _unfillable(service.env, known, f"{_toml(exercise)}: services[{service.name}].env")


def _unfillable(env: Environment, known: tuple[str, ...], where: str) -> Iterator[str]:
    for key, value in env.items():
        for name in placeholders(value):
            if name not in known:
                yield f"{where}.{key}: unknown placeholder {{{name}}}{did_you_mean(name, known)}"
        if not {"{", "}"}.isdisjoint(fill(value, dict.fromkeys(placeholders(value), ""))):
            yield f"{where}.{key}: a brace without its other half"


def _claims(exercise: Exercise) -> Iterator[str]:
    """Claims name automatic criteria, and every automatic criterion has a wrong program that fails it."""
    proof, where = exercise.spec.proof, _toml(exercise)
    automatic = [criterion.id for criterion in exercise.criteria if criterion.kind == "automatic"]
    named = [
        (f"{where}: proof.load", proof.load),
        (f"{where}: proof.slow", proof.slow),
        (f"{where}: proof.starter.fails", proof.starter.fails),
        *((f"{_mutants(exercise)}/{mutant.name}/claim.toml: fails", mutant.fails) for mutant in exercise.mutants),
    ]
    for key, criteria in named:
        yield from (f"{key}: {name!r} is there twice" for name in _twice(criteria))
        for name in dict.fromkeys(criteria):
            if name not in automatic:
                yield f"{key}: unknown criterion {name!r}{did_you_mean(name, automatic)}"
    if proof.starter.outcome == "submission_failed" and proof.starter.fails:
        yield f"{where}: proof.starter.fails: must be left out when the starter is no working submission"
    programs = [
        "reference",
        "starter",
        *(right.name for right in proof.alternates),
        *(m.name for m in exercise.mutants),
    ]
    for name in _twice(programs):
        yield f"{where}: proof: two programs are named {name!r}"
    if sum(mutant.demo for mutant in exercise.mutants) > 1:
        yield f"{_mutants(exercise)}: at most one is the demo"
    unproven = set(automatic).difference(*(mutant.fails for mutant in exercise.mutants))
    for name in sorted(unproven):
        yield f"{_mutants(exercise)}: no wrong program fails {name!r}"


def _variants(exercise: Exercise) -> Iterator[str]:
    """Renaming is sound: it meets what is declared, it can be undone, it touches no name that others go by."""
    where = f"exercises/{exercise.slug}/{VARIANTS}"
    written = [word for parameter in exercise.parameters for word in parameter.written]
    other = [{word for choice in each.choices[1:] for word in choice.values()} for each in exercise.parameters]
    for word in _twice([*written, *(word for words in other for word in words if not word.isdigit())]):
        yield f"{where}: draw: {word!r} is in two parameters"
    found: dict[str, str] = {}
    for name, path in exercise.sources().items() if written else ():
        text = f"{name}\n{path.read_bytes().decode(errors='replace')}"
        found |= {word: found.get(word, name) for word in words_of(text)}
    for parameter, words in zip(exercise.parameters, other, strict=True):
        for word in set(parameter.written).difference(found):
            yield f"{where}: draw.{parameter.name}: {word!r} is in no file"
        for word in sorted(word for word in words.intersection(found) if not word.isdigit()):
            yield f"{where}: draw.{parameter.name}: {word!r} means something in {found[word]} already"
    names = [exercise.slug, *(criterion.id for criterion in exercise.criteria)]
    names += (mutant.name for mutant in exercise.mutants)
    names += (right.name for right in exercise.spec.proof.alternates)
    for name in names:
        for word in words_of(name).intersection(written):
            yield f"{where}: draw: {name!r} goes by that name in every variant, and {word!r} would be exchanged in it"
    if exercise.parameters and (count := _distinct(exercise)) < _ENOUGH:
        yield f"{where}: draw: {_SEEDS} seeds give {count} variants, expected are {_ENOUGH} at least"


def _distinct(exercise: Exercise) -> int:
    drawn = (draw(exercise.slug, str(seed), exercise.parameters) for seed in range(_SEEDS))
    return len({str(each) for each in drawn})


def _sets(exercise: Exercise) -> Iterator[str]:
    """A set of faults is made of wrong programs that are patches, and no two sets are alike."""
    where = f"exercises/{exercise.slug}/{VARIANTS}"
    patches = {mutant.name for mutant in exercise.mutants if mutant.patch}
    seen: dict[frozenset[str], str] = {}
    if exercise.sets and any(parameter.name == SETS for parameter in exercise.parameters):
        yield f"{where}: draw.{SETS}: is what the set that is drawn goes by"
    for name, each in exercise.sets.items():
        for fault in (*each.faults, *each.masks, *each.masks.values()):
            if fault not in patches:
                near = did_you_mean(fault, patches)
                yield f"{where}: {SETS}.{name}: no wrong program {fault!r} that is a patch{near}"
        for fault in {*each.masks, *each.masks.values()}.difference(each.faults):
            yield f"{where}: {SETS}.{name}.masks: {fault!r} is no fault of the set"
        if (other := seen.setdefault(frozenset(each.faults), name)) != name:
            yield f"{where}: {SETS}.{name}: has the faults of {other}"
    folder = exercise.folder / SETS
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in list(exercise.sets)[1:]:
            yield f"exercises/{exercise.slug}/{SETS}/{path.name}: is no set that {VARIANTS} names after its first"


_RULES = (
    _criteria,
    _checks,
    _links,
    _paths,
    _handout,
    _given_facts,
    _services,
    _environments,
    _claims,
    _variants,
    _sets,
)
