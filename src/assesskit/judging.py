"""What people add to an assessment, and what follows from it: levels of judged criteria, and later rubrics. Pure.

An entry is one line of a chain: it holds the SHA-256 of the line before it, the first that of the assessment's file.
So the record stays as it was written, and a change of either is seen. See `journal` for the file.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from assesskit.errors import UsageError
from assesskit.model import Assessment, Criterion, CriterionResult, Value, Verdict
from assesskit.signatures import canonical

HIGHEST = 3
"""The highest level of a judged criterion."""
REVIEWERS = 2
"""How many people must have judged everything before anybody sees what another said."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LevelNumber = Annotated[int, Field(ge=0, le=HIGHEST, strict=True)]


class Said(Value):
    """What an entry says, before it has its place in the chain. `kind` decides which fields it uses:

    - ``graded``: the assessment was written
    - ``level``: `author` judges `criterion` to be at `level`, with a `note`; `seat` tells people of one name apart
    - ``rubric``: points and texts are now those of `criteria`, from the rubric of digest `rubric_digest`
    """

    kind: Literal["graded", "level", "rubric"]
    at: datetime
    author: Name
    reason: Text
    seat: str = ""
    criterion: str = ""
    level: LevelNumber | None = None
    note: Text = ""
    criteria: tuple[Criterion, ...] = ()
    rubric_digest: str = ""

    @classmethod
    def typed(cls, **values: object) -> Said:
        """What a person typed. Raises UsageError, which names the field that cannot be kept."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UsageError(first["msg"], where=str(first["loc"][0])) from error


class Entry(Said):
    """A line of the chain: `previous` is the digest of the one before it, `digest` its own."""

    previous: Sha
    digest: Sha

    @classmethod
    def after(cls, previous: str, said: Said) -> Entry:
        """What was said, as the entry that follows `previous`."""
        content = said.model_dump(mode="json") | {"previous": previous}
        return cls.model_validate_json(json.dumps(content | {"digest": _digest(content)}))

    @property
    def intact(self) -> bool:
        """Whether it says what it said when its digest was made."""
        return self.digest == _digest(self.model_dump(mode="json", exclude={"digest"}))

    @property
    def person(self) -> str:
        """Its author's name as names are compared: case, form and spacing aside."""
        return person(self.author)


class Leveled(CriterionResult):
    """A judged criterion that people have judged: the level of each by name, and the mean of them."""

    by: dict[str, int]
    notes: dict[str, str] = Field(default={})

    @property
    def level(self) -> float:
        """The mean of the reviewers' levels, 0 to 3."""
        return sum(self.by.values()) / len(self.by)

    @property
    def apart(self) -> bool:
        """Whether two reviewers are more than one level apart: they should talk."""
        return max(self.by.values()) - min(self.by.values()) > 1


class Sum(Value):
    """Points earned, out of those that could be judged; level 2 earns two thirds. `missing` are the ids of the rest."""

    earned: float
    judged: int
    total: int
    missing: tuple[str, ...] = ()


def person(name: str) -> str:
    """A name as names are compared: two that differ in case, form or spacing are one person's."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def named(name: str) -> str:
    """A name as entries hold it. Raises UsageError for one that they cannot."""
    if not person(name):
        raise UsageError("is empty", where="--as", hint="Give the name under which you judge.")
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise UsageError(error.errors(include_url=False)[0]["msg"], where="--as", hint="Give another name.") from error


def worth(result: CriterionResult) -> float | None:
    """The share of its points that a criterion earns; None where nobody could tell yet."""
    if isinstance(result, Leveled):
        return result.level / HIGHEST
    return None if result.verdict == "ungraded" else float(result.verdict == "met")


def summed(results: Sequence[CriterionResult]) -> Sum:
    """Points of all criteria, those that people judged included."""
    known = [(result.criterion.points, share) for result in results if (share := worth(result)) is not None]
    return Sum(
        earned=sum(points * share for points, share in known),
        judged=sum(points for points, _ in known),
        total=sum(result.criterion.points for result in results),
        missing=tuple(result.criterion.id for result in results if worth(result) is None),
    )


@dataclass(frozen=True)
class Reviewed:
    """An assessment with what people added: the entries that hold, oldest first, and what is wrong with the record.

    `chained` is false for an assessment that came without a chain: then nothing tells whether it was edited.
    """

    assessment: Assessment
    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    chained: bool = False

    @cached_property
    def judged_criteria(self) -> tuple[Criterion, ...]:
        """The criteria that people judge, by the rubric that counts now."""
        return tuple(each.criterion for each in self._rescored.results if each.criterion.kind == "judged")

    @cached_property
    def latest(self) -> dict[str, dict[str, Entry]]:
        """The last level of each reviewer on each criterion: by name as compared, then by criterion."""
        wanted = {criterion.id for criterion in self.judged_criteria}
        found: dict[str, dict[str, Entry]] = {}
        for entry in self.entries:
            if entry.kind == "level" and entry.criterion in wanted:
                found.setdefault(entry.person, {})[entry.criterion] = entry
        return found

    @cached_property
    def blind(self) -> dict[str, dict[str, Entry]]:
        """As `latest`, of what was said of a criterion before anybody could see what another said of it."""
        wanted = _judged(result.criterion for result in self.assessment.results)
        said: dict[str, set[str]] = {}
        shown: set[str] = set()
        found: dict[str, dict[str, Entry]] = {}
        for entry in self.entries:
            if entry.kind == "rubric":
                wanted = _judged(entry.criteria)
            elif entry.kind == "level":
                said.setdefault(entry.person, set()).add(entry.criterion)
                if entry.criterion not in shown:
                    found.setdefault(entry.person, {})[entry.criterion] = entry
            if sum(wanted <= criteria for criteria in said.values()) >= REVIEWERS:
                shown |= wanted
        return found

    @cached_property
    def units(self) -> dict[str, dict[str, int]]:
        """What agreement is figured from: by criterion that people judge, the level of each reviewer in `blind`."""
        return {
            criterion.id: {
                by[criterion.id].author: by[criterion.id].level or 0 for by in self.blind.values() if criterion.id in by
            }
            for criterion in self.judged_criteria
        }

    @property
    def last(self) -> str:
        """The digest of the last entry that holds; empty where there is none."""
        return self.entries[-1].digest if self.entries else ""

    @cached_property
    def done(self) -> tuple[str, ...]:
        """Who has judged everything that people judge, by the names they gave, in the order they began."""
        wanted = len(self.judged_criteria)
        return tuple(next(iter(by.values())).author for by in self.latest.values() if len(by) == wanted > 0)

    @property
    def open(self) -> bool:
        """Whether reviewers may see each other's levels: enough of them have judged everything."""
        return len(self.done) >= REVIEWERS

    @cached_property
    def rescores(self) -> tuple[Entry, ...]:
        """The later rubrics that were applied, oldest first."""
        return tuple(entry for entry in self.entries if entry.kind == "rubric")

    @cached_property
    def now(self) -> Assessment:
        """The assessment as it counts now: under the last rubric that was applied, with the levels people set."""
        seen = self._rescored
        if not self.open:
            return seen
        return seen.model_copy(update={"results": tuple(self._leveled(each) for each in seen.results)})

    @cached_property
    def sum(self) -> Sum:
        """The points that count now."""
        return summed(self.now.results)

    @cached_property
    def _rescored(self) -> Assessment:
        if not self.rescores:
            return self.assessment
        last = self.rescores[-1]
        was = {result.criterion.id: result for result in self.assessment.results}
        results = tuple(_again(criterion, was.get(criterion.id)) for criterion in last.criteria)
        exercise = self.assessment.exercise.model_copy(update={"rubric_digest": last.rubric_digest})
        return self.assessment.model_copy(update={"results": results, "exercise": exercise})

    def _leveled(self, result: CriterionResult) -> CriterionResult:
        key = result.criterion.id
        said = [self.latest[person(name)][key] for name in self.done] if result.criterion.kind == "judged" else []
        if not said:
            return result
        by = {entry.author: entry.level or 0 for entry in said}
        names = " and ".join(map(self._told, said))
        return Leveled(
            criterion=result.criterion,
            verdict="ungraded",
            reason=f"judged by people: {names}",
            observations=result.observations,
            by=by,
            notes={entry.author: entry.note for entry in said if entry.note},
        )

    def _told(self, entry: Entry) -> str:
        blind = self.blind.get(entry.person, {}).get(entry.criterion)
        if blind is None:
            return f"{entry.author} said {entry.level} (when levels could be seen)"
        first = f" ({blind.level} before levels could be seen)" if blind.level != entry.level else ""
        return f"{entry.author} said {entry.level}{first}"


def _judged(criteria: Iterable[Criterion]) -> set[str]:
    return {criterion.id for criterion in criteria if criterion.kind == "judged"}


def _again(criterion: Criterion, was: CriterionResult | None) -> CriterionResult:
    """A result under a later rubric. What was seen stays; what was never looked for cannot be judged."""
    judged: tuple[Verdict, str] = ("ungraded", "awaits review by a person")
    if criterion.kind == "judged":
        verdict, reason = judged
        return CriterionResult(criterion=criterion, verdict=verdict, reason=reason)
    if was is None or was.criterion.kind == "judged":
        reason = "was not in the rubric when this was graded; grade again to judge it"
        return CriterionResult(criterion=criterion, verdict="ungraded", reason=reason)
    return was.model_copy(update={"criterion": criterion})


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(content)).hexdigest()
