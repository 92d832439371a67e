"""Which assessments may stand side by side, and what a comparison says of them. Pure.

Only a few figures of each are kept, so that a thousand need no more memory than their rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from assesskit.agreement import Agreement, Consistency, agreement, consistency
from assesskit.judging import Reviewed, Sum
from assesskit.reports.views import Standing, held, integrity, outcome, standing, word
from assesskit.weighting import Held, Place, Profile, Weighted, places, weighted

SLOWER = 1.5
"""From which factor on two machines are too different: our own implementation takes that much more time of one."""
MATRIX = 12
"""The most assessments whose criteria are laid side by side one by one."""

Terms = tuple[tuple[str, str], ...]
"""What must be equal to be compared: what it is called, and its value, the most telling first."""


@dataclass(frozen=True)
class Row:
    """One assessment in a comparison. `units` are the reviewers' levels by criterion, once they may be seen, as they
    were before anybody could see another's; `reference_ms` is the processor time of a request of our own implementation
    on its machine."""

    name: str
    run: str
    link: str
    started: datetime
    outcome: str
    failed_by_us: bool
    title: str
    terms: Terms
    sum: Sum
    held: Mapping[str, Held]
    standings: tuple[tuple[str, Standing, str], ...]
    units: tuple[tuple[str, Mapping[str, int]], ...]
    notes: tuple[str, ...]
    submission: str
    reference_ms: float | None


@dataclass(frozen=True)
class Titles:
    """Titles by id, of what there are criteria for: the same for all that share their terms."""

    competencies: Mapping[str, str]
    criteria: Mapping[str, str]


def titles_of(reviewed: Reviewed) -> Titles:
    """The titles in an assessment, in the rubric's order."""
    now = reviewed.now
    used = {result.criterion.competency for result in now.results}
    known = dict(now.competencies) | {key: key for key in sorted(used - set(now.competencies))}
    return Titles(
        {key: title for key, title in known.items() if key in used},
        {result.criterion.id: result.criterion.title for result in now.results},
    )


@dataclass(frozen=True)
class Marked:
    """What is not compared, and why: its name, and a link where it could be read at all."""

    name: str
    why: str
    link: str = ""


@dataclass(frozen=True)
class Ordered:
    """A profile over the cohort: what each is worth to it and its place, in the order of the cohort's rows."""

    profile: Profile
    found: tuple[Weighted, ...]
    places: tuple[Place | None, ...]

    def first(self, most: int) -> tuple[int, ...]:
        """Indices of the rows that stand first, by place."""
        known = [(place.place, index) for index, place in enumerate(self.places) if place]
        return tuple(index for _, index in sorted(known)[:most])

    @property
    def firm(self) -> int:
        """How many keep their place whatever the weights do within the swing."""
        return sum(place.firm for place in self.places if place)


@dataclass(frozen=True)
class Cohort:
    """Assessments side by side, the others with why, and what follows."""

    rows: tuple[Row, ...]
    marked: tuple[Marked, ...]
    titles: Titles
    orders: tuple[Ordered, ...]

    @property
    def agreement(self) -> Agreement:
        """How far reviewers agree, over all of the cohort."""
        return agreement([levels for row in self.rows for _, levels in row.units])

    @property
    def consistency(self) -> tuple[Consistency, ...]:
        """Each reviewer against the others."""
        return consistency([levels for row in self.rows for _, levels in row.units])


def row(reviewed: Reviewed, link: str = "") -> Row:
    """What a comparison keeps of an assessment; `link` is the relative path of its report."""
    now = reviewed.now
    what = now.exercise
    terms = (
        ("exercise", what.slug),
        ("version", what.version),
        ("exercise's files", what.digest),
        ("checks", what.graders_digest),
        ("rubric", what.rubric_digest),
        ("runtime", now.runtime.name),
    )
    units = reviewed.units if reviewed.open else {}
    side = now.levels.sides.get("reference") if now.levels else None
    return Row(
        name=now.submission.name,
        run=now.run,
        link=link,
        started=now.started,
        outcome=outcome(now),
        failed_by_us=now.outcome == "harness_failed",
        title=what.title,
        terms=terms,
        sum=reviewed.sum,
        held=held(now),
        standings=tuple((result.criterion.id, standing(result), word(result)) for result in now.results),
        units=tuple((key, levels) for key, levels in units.items() if levels),
        notes=integrity(reviewed),
        submission=now.submission.digest,
        reference_ms=side.cpu_ms if side else None,
    )


def cohort(
    rows: Iterable[Row],
    marked: Sequence[Marked],
    profiles: Sequence[Profile],
    titles: Mapping[Terms, Titles],
) -> Cohort:
    """The largest group that can be compared, in the order given; the rest with what tells them apart."""
    given = tuple(rows)
    ours = [each for each in given if not each.failed_by_us]
    said = [Marked(each.name, "our harness failed: grade it again", each.link) for each in given if each.failed_by_us]
    counted = Counter(each.terms for each in ours)
    common = max(counted, key=lambda terms: (counted[terms], -_first(ours, terms))) if counted else ()
    alike, seen = [], set[str]()
    for each in ours:
        why = _differs(each.terms, common) or ("the same run is here twice" if each.run in seen else "")
        seen.add(each.run)
        if why:
            said.append(Marked(each.name, why, each.link))
        else:
            alike.append(each)
    usual = (
        median([each.reference_ms for each in alike if each.reference_ms])
        if any(e.reference_ms for e in alike)
        else None
    )
    kept = [each for each in alike if not _other_machine(each, usual)]
    said += [Marked(each.name, _other_machine(each, usual), each.link) for each in alike if _other_machine(each, usual)]
    orders = tuple(_ordered(kept, profile) for profile in profiles)
    known = titles.get(common, Titles({}, {}))
    return Cohort(tuple(kept), (*said, *marked), known, orders)


def _ordered(rows: Sequence[Row], profile: Profile) -> Ordered:
    all_ = [each.held for each in rows]
    return Ordered(profile, tuple(weighted(one, profile) for one in all_), places(all_, profile))


def _first(rows: Sequence[Row], terms: Terms) -> int:
    return next(index for index, each in enumerate(rows) if each.terms == terms)


def _differs(terms: Terms, common: Terms) -> str:
    """The first thing that differs; a version says more than the digests that follow from it."""
    for (name, value), (_, usual) in zip(terms, common, strict=True):
        if value != usual:
            hint = "; `assesskit rescore --rubric` brings it up to date" if name == "rubric" else ""
            return f"another {name}: {value[:16]}, not {usual[:16]}{hint}"
    return ""


def _other_machine(each: Row, usual: float | None) -> str:
    if not usual or not each.reference_ms:
        return ""
    factor = each.reference_ms / usual
    if 1 / SLOWER <= factor <= SLOWER:
        return ""
    told = f"{factor:.1f} times slower" if factor > 1 else f"{1 / factor:.1f} times faster"
    return f"measured on another machine, {told} for our own implementation"
