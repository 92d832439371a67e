"""Variants of an exercise on disk: what variants.toml declares, and the files of the one that a seed draws."""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from assesskit.content import faulty
from assesskit.content.digests import digest_files, digest_of, files_below
from assesskit.content.exercise import SETS, Exercise
from assesskit.content.parsing import parse
from assesskit.content.schema import FaultSet, VariantsFile
from assesskit.errors import StoreError
from assesskit.model import Variant
from assesskit.variants import Parameter, Renaming, draw

Lists = Mapping[str, tuple[str | int, ...]]


class Declared(NamedTuple):
    """What a variants.toml declares: parameters, phrases to keep, and sets of faults."""

    parameters: tuple[Parameter, ...] = ()
    keep: tuple[str, ...] = ()
    sets: Mapping[str, FaultSet] = {}


def declared_in(path: Path, root: Path, problems: list[str]) -> Declared:
    """Read a variants.toml; nothing is declared if there is none."""
    declared = parse(path, root, VariantsFile, problems) if path.exists() else None
    if declared is None:
        return Declared()
    found = []
    for name, lists in declared.draw.items():
        wrong = [f"{path.relative_to(root).as_posix()}: draw.{name}: {problem}" for problem in _wrong(lists)]
        problems += wrong
        if not wrong:
            columns = zip(*((written, *map(str, others)) for written, others in lists.items()), strict=True)
            found.append(Parameter(name, tuple(dict(zip(lists, column, strict=True)) for column in columns)))
    return Declared(tuple(found), declared.keep, declared.sets)


def _wrong(lists: Lists) -> Iterator[str]:
    """What is wrong with the lists of one parameter."""
    if not lists:
        yield "draws nothing"
    if len({len(others) for others in lists.values()}) > 1:
        yield "its lists are not equally long, and what stands at the same place is drawn together"
        return
    columns = [tuple(map(str, column)) for column in zip(*lists.values(), strict=True)]
    if len({column[0] for column in columns}) < len(columns):
        yield "its first list names the choices, and names one twice"
    yield from (f"{', '.join(column)}: names two things alike" for column in columns if len({*column}) < len(column))
    for written, others in lists.items():
        if not others:
            yield f"{written}: needs at least one other spelling"
        if written in map(str, others):
            yield f"{written}: is the first choice already"
        if any(_kind(other) != _kind(written) for other in others):
            yield f"{written}: every spelling must be a word like it: in lower case, in capitals, or a whole number"


def _kind(spelling: str | int) -> str:
    if isinstance(spelling, int) or spelling.isdigit():
        return "number"
    return "lower" if spelling.islower() else "capitals"


def variant(
    slug: str, seed: str | None, parameters: tuple[Parameter, ...], sets: Mapping[str, FaultSet] | None = None
) -> Variant:
    """What is drawn, as an assessment records it: each choice by the spelling of its parameter's first word, and the
    set of faults by its name.
    """
    drawn = draw(slug, seed, parameters)
    chosen = faulty.drawn(slug, seed, sets or {})
    spelled = {each.name: drawn[each.name][each.written[0]] for each in parameters}
    return Variant(seed=seed, parameters=spelled | ({SETS: chosen} if chosen else {}))


class File(NamedTuple):
    """A file of a variant: what is in it, and the permissions of the one it comes from."""

    data: bytes
    mode: int


def rendered(exercise: Exercise, seed: str) -> dict[str, File]:
    """The files of the variant that a seed draws, by their paths below a content root. What is not UTF-8 stays."""
    drawn = draw(exercise.slug, seed, exercise.parameters)
    spellings = {old: new for choice in drawn.values() for old, new in choice.items()}
    rename = Renaming(spellings, exercise.keep)
    with faulty.sources(exercise, faulty.drawn(exercise.slug, seed, exercise.sets)) as sources:
        return {
            rename(name): File(_renamed(path.read_bytes(), rename), stat.S_IMODE(path.stat().st_mode))
            for name, path in sources.items()
        }


def _renamed(data: bytes, rename: Renaming) -> bytes:
    try:
        return rename(data.decode()).encode()
    except UnicodeDecodeError:
        return data


def lay_out(exercise: Exercise, seed: str, cache: Path) -> Path:
    """A content root of the variant, below `cache`: made now unless it is there and whole. Raises StoreError."""
    files = rendered(exercise, seed)
    digest = digest_of({name: hashlib.sha256(file.data).hexdigest() for name, file in files.items()})
    root = cache / "variants" / f"{exercise.slug}-{digest[:32]}"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{root}.lock"):
            if not root.is_dir() or digest_files(files_below(root)) != digest:
                shutil.rmtree(root, ignore_errors=True)
                _write(root, files)
    except OSError as error:
        raise StoreError(f"cannot be made: {error.strerror}", where=str(root)) from error
    return root


def _write(root: Path, files: Mapping[str, File]) -> None:
    for name, file in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
