"""The pages that more than one command writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assesskit.errors import AssesskitError

if TYPE_CHECKING:
    from assesskit.reports.cohort import Cohort, Marked, Row, Terms, Titles
    from assesskit.reports.impact import Impact
    from assesskit.weighting import Profile


def write_reports(assessment: Path, profiles: Sequence[Profile]) -> None:
    """Write the pages of an assessment beside it, as it counts now. Raises StoreError."""
    from assesskit.journal import read
    from assesskit.reports import html, markdown, one_page
    from assesskit.store import RunFolder, write

    folder, reviewed = RunFolder(assessment.parent), read(assessment)
    write(folder.html, html(reviewed, profiles).encode())
    write(folder.page, one_page(reviewed, profiles).encode())
    write(folder.markdown, markdown(reviewed).encode())


def write_comparison(
    page: Path,
    assessments: Iterable[Path],
    profiles: Sequence[Profile],
    groups: Path | None = None,
    on_read: Callable[[int], None] = lambda _count: None,
) -> tuple[Cohort, Impact | None]:
    """Compare assessments on one page; one that cannot be read is on it with why. `on_read` is told how many were.

    Each is read, its few figures are kept, and it is let go: memory holds one at a time. Raises ContentError for group
    data that are wrong, UsageError for a record that does not say whose it is where groups are given, StoreError.
    """
    from assesskit.reports import comparison
    from assesskit.reports.cohort import cohort
    from assesskit.reports.impact import impact, members
    from assesskit.store import write

    people = members(groups) if groups else None
    marked: list[Marked] = []
    titles: dict[Terms, Titles] = {}
    paths = list(assessments)
    rows = dict(_rows(page, paths, titles, marked, on_read))
    compared = cohort(rows.values(), marked, profiles, titles)
    found = impact(people, _people(paths, rows)) if people is not None else None
    write(page, comparison(compared, found).encode())
    return compared, found


def _rows(
    page: Path,
    assessments: Iterable[Path],
    titles: dict[Terms, Titles],
    marked: list[Marked],
    on_read: Callable[[int], None],
) -> Iterator[tuple[Path, Row]]:
    from assesskit.journal import read
    from assesskit.reports.cohort import Marked, row, titles_of

    for count, path in enumerate(assessments, start=1):
        try:
            reviewed = read(path)
        except AssesskitError as error:
            marked.append(Marked(path.parent.name, str(error).removeprefix(f"{path}: ")))
            continue
        made = row(reviewed, _report(path, page))
        titles.setdefault(made.terms, titles_of(reviewed))
        on_read(count)
        yield path, made


def _people(assessments: Iterable[Path], rows: Mapping[Path, Row]) -> Iterable[set[str]]:
    """The names of each person who has a record, also of one that is not compared or cannot be read: whether people let
    them advance does not depend on that. Raises UsageError."""
    from assesskit.store import RunFolder, candidate_of

    found: dict[str, set[str]] = {}
    for path in assessments:
        alias, name = candidate_of(RunFolder(path.parent)), rows[path].name if path in rows else ""
        if person := alias or name:
            found.setdefault(person, set()).update({person, name or person})
    return found.values()


def _report(assessment: Path, page: Path) -> str:
    """The path of an assessment's report from the folder of the page; empty if there is none.

    It begins with a dot, so that no folder's name is taken for a scheme.
    """
    known = (assessment.with_name(name) for name in ("page.html", "report.html"))
    there = next((path for path in known if path.exists()), None)
    return f"./{Path(os.path.relpath(there, page.parent)).as_posix()}" if there else ""
