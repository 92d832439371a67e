"""Roles and levels: docs/rubrics/profiles.toml, read strictly and held against the competencies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from assesskit.content.parsing import did_you_mean, parse
from assesskit.content.schema import CompetenciesFile, Slug, Table, Text
from assesskit.errors import ContentError, UsageError
from assesskit.weighting import Level, Profile

FILE = "docs/rubrics/profiles.toml"
COMPETENCIES = "docs/rubrics/competencies.toml"
Share = Annotated[float, Field(ge=0, le=1)]


class LevelTable(Table):
    """What a level expects of the weighted share: from, and to."""

    title: Text
    expected: tuple[Share, Share]

    @model_validator(mode="after")
    def _rises(self) -> LevelTable:
        low, high = self.expected
        if low >= high:
            raise ValueError(f"expected goes from {low:g} to {high:g}: the first must be the lower")
        return self


class RoleTable(Table):
    """A role: the weight of every competency; 0 for one that it does not ask for."""

    title: Text
    weights: dict[str, Annotated[int, Field(ge=0, le=100)]]


class ProfilesFile(Table):
    """The whole of docs/rubrics/profiles.toml."""

    levels: dict[Slug, LevelTable] = Field(min_length=1)
    roles: dict[Slug, RoleTable] = Field(min_length=1)


@dataclass(frozen=True)
class Profiles:
    """The profiles of a content root in the order of the file, titles of competencies, and the file's SHA-256."""

    roles: tuple[Profile, ...]
    competencies: dict[str, str]
    digest: str

    def named(self, key: str) -> Profile:
        """The profile of a role. Raises UsageError, with the nearest one that there is."""
        known = {profile.key: profile for profile in self.roles}
        if key not in known:
            hint = f"There are: {', '.join(known)}."
            raise UsageError(f"no role {key!r}{did_you_mean(key, known)}", where=FILE, hint=hint)
        return known[key]


def profiles(root: Path) -> Profiles:
    """Read the profiles of a content root. Raises ContentError with every problem that was found."""
    problems: list[str] = []
    file = parse(root / FILE, root, ProfilesFile, problems)
    competencies = parse(root / COMPETENCIES, root, CompetenciesFile, problems)
    if file and competencies:
        for key, role in file.roles.items():
            problems += _wrong(key, role, competencies.competencies)
    if problems or file is None or competencies is None:
        raise ContentError(tuple(problems))
    levels = tuple(Level(key=key, title=one.title, expected=one.expected) for key, one in file.levels.items())
    roles = tuple(
        Profile(key=key, title=role.title, weights=role.weights, levels=levels) for key, role in file.roles.items()
    )
    digest = hashlib.sha256((root / FILE).read_bytes()).hexdigest()
    return Profiles(roles, dict(competencies.competencies), digest)


def _wrong(key: str, role: RoleTable, known: dict[str, str]) -> list[str]:
    where = f"{FILE}: roles.{key}.weights"
    found = [
        f"{where}.{name}: unknown competency{did_you_mean(name, known)}" for name in role.weights if name not in known
    ]
    found += [f"{where}.{name}: is missing; 0 is a weight, too" for name in known if name not in role.weights]
    if not sum(role.weights.values()):
        found.append(f"{where}: sum to nothing: at least one must be above 0")
    return found
