"""Which files of a folder belong to a submission: all that git would not ignore, and nothing that is no plain file."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from assesskit.content import Exercise
from assesskit.content.digests import CACHES
from assesskit.errors import SubmissionError
from assesskit.kits.manifest import MARKER
from assesskit.kits.naming import MAX_DEPTH, MAX_FILES, MAX_NAME, listed, max_bytes, missing, name_problems

NEVER = frozenset({".git", MARKER}) | CACHES
"""Names that are no part of a submission at any depth."""

MAX_RULES = 64 * 1024
MAX_WILDCARDS = 3
_WILDCARDS = re.compile(r"\*+")
_IGNORED_HINT = "What does not belong to it can be named in .gitignore."


@dataclass(frozen=True)
class Selected:
    """A file of a submission, read once."""

    path: str
    data: bytes
    executable: bool


def select(folder: Path, exercise: Exercise) -> list[Selected]:
    """The files of a submission below `folder`, sorted by path.

    Raises SubmissionError naming every link and special file, the largest files of a folder that is too large, names
    that cannot travel, and required files that are not there.
    """
    where = str(folder)
    found: dict[str, os.DirEntry[str]] = {}
    try:
        for path, entry in _walk(folder, "", ()):
            found[path] = entry
            if len(found) > MAX_FILES:
                raise SubmissionError(_too_many(found), where=where, hint=_IGNORED_HINT)
        irregular = [path for path, entry in found.items() if not entry.is_file(follow_symlinks=False)]
        if irregular:
            what = listed("holds what is no plain file", (repr(path) for path in irregular))
            raise SubmissionError(what, where=where, hint=f"Links are not followed. {_IGNORED_HINT}")
        if problems := list(name_problems(found)):
            raise SubmissionError(listed("has names that cannot travel", problems), where=where)
        if lacking := missing(exercise, found):
            ignored = [f"{name} (named in .gitignore)" if (folder / name).is_file() else name for name in lacking]
            raise SubmissionError(f"{exercise.slug} needs {', '.join(ignored)}, which is not there", where=where)
        sizes = {path: entry.stat(follow_symlinks=False).st_size for path, entry in found.items()}
        if sum(sizes.values()) > max_bytes(exercise):
            raise SubmissionError(_too_large(sizes, exercise), where=where, hint=_IGNORED_HINT)
        return [_read(path, found[path].path, sizes[path]) for path in sorted(found)]
    except OSError as error:
        raise SubmissionError(f"cannot be read: {error.strerror}", where=str(error.filename or folder)) from error


Ignores = tuple[tuple[str, GitIgnoreSpec], ...]
"""(folder with a trailing slash, the rules of its .gitignore), outermost first."""


def _walk(folder: Path, prefix: str, ignores: Ignores) -> Iterator[tuple[str, os.DirEntry[str]]]:
    if prefix.count("/") > MAX_DEPTH:
        raise SubmissionError(f"holds folders more than {MAX_DEPTH} deep", where=prefix[:MAX_NAME], hint=_IGNORED_HINT)
    rules = folder / ".gitignore"
    if rules.is_file() and not rules.is_symlink():
        ignores = (*ignores, (prefix, _rules(rules)))
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name in NEVER or _is_ignored(f"{path}/" if is_folder else path, ignores):
                continue
            if is_folder:
                yield from _walk(Path(entry.path), f"{path}/", ignores)
            else:
                yield path, entry


def _rules(file: Path) -> GitIgnoreSpec:
    """Bounded, because each wildcard of a line multiplies the time a long name can take to match."""
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        text = stream.read(MAX_RULES + 1)
    if len(text) > MAX_RULES:
        raise SubmissionError(f"is longer than {MAX_RULES} characters", where=str(file))
    for number, line in enumerate(text.splitlines(), start=1):
        if len(_WILDCARDS.findall(line)) > MAX_WILDCARDS and not line.startswith("#"):
            raise SubmissionError(f"line {number} has more than {MAX_WILDCARDS} wildcards", where=str(file))
    try:
        return GitIgnoreSpec.from_lines(text.splitlines())
    except ValueError as error:
        raise SubmissionError(f"holds a line that is no pattern: {error}", where=str(file)) from error


def _is_ignored(path: str, ignores: Ignores) -> bool:
    """As git decides: the innermost rule file that says anything wins."""
    for prefix, rules in reversed(ignores):
        ignored = rules.check_file(path.removeprefix(prefix)).include
        if ignored is not None:
            return ignored
    return False


def _read(path: str, file: str, size: int) -> Selected:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        data = stream.read(size + 1)
    if len(data) != size or not stat.S_ISREG(mode):
        raise SubmissionError("changed while it was read", where=file, hint="Stop what writes to it, then try again.")
    return Selected(path, data, executable=bool(mode & stat.S_IXUSR))


def _too_many(paths: dict[str, os.DirEntry[str]]) -> str:
    folder, count = Counter(path.partition("/")[0] for path in paths).most_common(1)[0]
    return f"holds more than {MAX_FILES} files; {count} of the first are below {folder!r}"


def _too_large(sizes: dict[str, int], exercise: Exercise) -> str:
    largest = sorted(sizes, key=lambda path: -sizes[path])[:5]
    total = sum(sizes.values()) / 1024**2
    heading = f"is {total:.1f} MiB, at most {exercise.spec.submission.max_mb} are allowed; the largest files"
    return listed(heading, (f"{path!r}: {sizes[path] / 1024**2:.1f} MiB" for path in largest))
