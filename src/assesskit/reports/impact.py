"""Adverse impact: whether one group advances far less often than another, by the four-fifths rule. Pure.

Source: Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D). Groups come from a file of their own,
which nobody who grades or reviews needs to see, and nothing of it is kept.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assesskit.errors import ContentError

COLUMNS = ("alias", "group", "advanced")
FOUR_FIFTHS = 0.8
FEWEST = 5
"""People. The rate of a smaller group says more about single people than about the group: it is not shown."""
MOST = 100_000
YES, NO = {"yes", "true", "1"}, {"no", "false", "0"}


@dataclass(frozen=True)
class Member:
    """Somebody who was assessed: the alias of their kit or of a submission, the group, and whether people let them
    advance."""

    alias: str
    group: str
    advanced: bool


@dataclass(frozen=True)
class Group:
    """A group: how many were assessed and how many advanced; `ratio` is its rate over that of the highest group.

    Rate and ratio are None where the group is too small to say.
    """

    name: str
    people: int
    advanced: int
    rate: float | None
    ratio: float | None

    @property
    def adverse(self) -> bool:
        """Whether its rate is below four fifths of the highest."""
        return self.ratio is not None and round(self.ratio, 9) < FOUR_FIFTHS


@dataclass(frozen=True)
class Impact:
    """The groups by name, and the people on one side only: assessed without a group, in the file and not assessed."""

    groups: tuple[Group, ...]
    without: int
    unknown: int


def members(path: Path) -> tuple[Member, ...]:
    """The people of a CSV file with the columns alias, group and advanced. Raises ContentError with every problem."""
    problems: list[str] = []
    found: dict[str, Member] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                there = ", ".join(rows.fieldnames or ("none",))
                raise ContentError((f"{path.name}: line 1: has {there}, expected {', '.join(COLUMNS)}",))
            for line in rows:
                _take(line, f"{path.name}: line {rows.line_num}", found, problems)
                if len(found) > MOST:
                    raise ContentError((f"{path.name}: has more than {MOST} people",))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ContentError((f"{path.name}: cannot be read: {error}",)) from error
    if problems:
        raise ContentError(tuple(problems))
    return tuple(found.values())


def _take(line: dict[str, str], where: str, found: dict[str, Member], problems: list[str]) -> None:
    alias, group, advanced = ((line.get(name) or "").strip() for name in COLUMNS)
    if None in line or not alias or not group:
        problems.append(f"{where}: needs an alias, a group, and yes or no")
    elif advanced.casefold() not in YES | NO:
        problems.append(f"{where}: advanced: is {advanced!r}, expected yes or no")
    elif alias in found:
        problems.append(f"{where}: alias: {alias!r} is there twice")
    else:
        found[alias] = Member(alias, group, advanced.casefold() in YES)


def impact(people: Iterable[Member], assessed: Iterable[set[str]]) -> Impact:
    """The groups of those who were assessed. `assessed` are the names that each person is known by.

    Raises ContentError with everybody who is in the file under two names.
    """
    given = {member.alias: member for member in people}
    named = [names & given.keys() for names in assessed]
    if twice := [" and ".join(map(repr, sorted(names))) for names in named if len(names) > 1]:
        raise ContentError(tuple(f"group file: {names} are one person here: keep one line" for names in twice))
    known = {alias for names in named for alias in names}
    there = [member for alias, member in given.items() if alias in known]
    count = Counter(member.group for member in there)
    advanced = Counter(member.group for member in there if member.advanced)
    rates = {name: advanced[name] / people for name, people in count.items() if people >= FEWEST}
    highest = max(rates.values(), default=0.0)
    groups = tuple(
        Group(
            name,
            count[name],
            advanced[name],
            rates.get(name),
            rates[name] / highest if highest and name in rates else None,
        )
        for name in sorted(count)
    )
    return Impact(groups, without=sum(not names for names in named), unknown=len(given.keys() - known))
