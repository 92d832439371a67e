"""Which names and amounts of files a submission may have, wherever it comes from."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator

from assesskit.content import Exercise

MAX_FILES = 5000
MAX_DEPTH = 32
MAX_PATH = 1024
MAX_NAME = 255
"""Files; folders of a path; bytes of a path and of one name in it."""

_SHOWN = 10


def name_problems(paths: Collection[str]) -> Iterator[str]:
    """What is wrong with the `/`-separated relative paths of a submission; nothing of it is safe to print unquoted."""
    if len(paths) > MAX_FILES:
        yield f"{len(paths)} files, at most {MAX_FILES} are allowed"
        return
    seen: dict[str, str] = {}
    for path in paths:
        if problem := _problem(path):
            yield f"{_short(path)}: {problem}"
        alike = unicodedata.normalize("NFC", path).casefold()
        if alike in seen:
            yield f"{_short(path)}: is there twice" + (
                f", also as {_short(seen[alike])}" if seen[alike] != path else ""
            )
        seen[alike] = path
    folders = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    for path in folders.intersection(paths):
        yield f"{_short(path)}: is both a file and a folder"


def _problem(path: str) -> str | None:
    try:
        parts = path.encode().split(b"/")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    problems = {
        "is absolute": path.startswith("/"),
        "leaves its folder": b".." in parts,
        "is no plain path": b"" in parts or b"." in parts or "\\" in path,
        "its name holds control characters": any(unicodedata.category(letter) == "Cc" for letter in path),
        "its name is too long": len(path.encode()) > MAX_PATH or any(len(part) > MAX_NAME for part in parts),
        "lies too deep": len(parts) > MAX_DEPTH,
    }
    return next((problem for problem, holds in problems.items() if holds), None)


def missing(exercise: Exercise, paths: Collection[str]) -> list[str]:
    """The files without which it is no submission of this exercise."""
    return [name for name in exercise.spec.submission.required if name not in paths]


def max_bytes(exercise: Exercise) -> int:
    """The largest submission, unpacked."""
    return exercise.spec.submission.max_mb * 1024 * 1024


def listed(heading: str, problems: Iterable[str]) -> str:
    """A heading with its problems below it, the first ten."""
    problems = list(problems)
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "\n  - ".join([f"{heading}:", *problems[:_SHOWN], *more])


def _short(path: str) -> str:
    """Quoted, so that no name can act on a terminal."""
    return repr(path if len(path) <= 100 else f"{path[:60]}…{path[-30:]}")  # noqa: PLR2004  a line's worth
