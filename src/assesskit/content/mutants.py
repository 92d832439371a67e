"""The wrong programs of an exercise: one folder each below proof/mutants, which says all there is to say about it.

::

    <name>/claim.toml     what it must fail, and which mistake it is
    <name>/change.patch   the mistake as a patch against the reference, or
    <name>/program/       a whole program
    <name>/feedback.txt   the golden text: what its candidate would read; written by `prove --bless`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from assesskit.content.parsing import parse
from assesskit.content.schema import SLUG, WrongClaim

CLAIM, PATCH, PROGRAM, GOLDEN = "claim.toml", "change.patch", "program", "feedback.txt"


@dataclass(frozen=True)
class Mutant:
    """A wrong program: where it lies, and exactly the criteria it must fail."""

    folder: Path
    fails: tuple[str, ...]
    why: str
    demo: bool

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.folder.name

    @property
    def patch(self) -> Path | None:
        """The patch against the reference; None for a program of its own."""
        return found if (found := self.folder / PATCH).is_file() else None

    @property
    def program(self) -> Path | None:
        """The program of its own; None for a patch."""
        return found if (found := self.folder / PROGRAM).is_dir() else None

    @property
    def golden(self) -> Path:
        """Where its golden text is, or will be."""
        return self.folder / GOLDEN


def mutants(folder: Path, root: Path, problems: list[str]) -> tuple[Mutant, ...]:
    """Every wrong program below `folder`, by name; what is wrong is added to `problems`."""
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        where = entry.relative_to(root).as_posix()
        if not entry.is_dir() or not re.fullmatch(SLUG, entry.name):
            problems.append(f"{where}: is not the folder of a wrong program: words of a-z and 0-9 joined by hyphens")
            continue
        claim = parse(entry / CLAIM, root, WrongClaim, problems)
        if claim is None:
            continue
        mutant = Mutant(entry, claim.fails, claim.why, claim.demo)
        if (mutant.patch is None) == (mutant.program is None):
            problems.append(f"{where}: needs exactly one of {PATCH} and {PROGRAM}/")
        found.append(mutant)
    return tuple(found)
