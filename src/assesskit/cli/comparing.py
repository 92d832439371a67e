"""Commands over many assessments: compare, erase."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption
from assesskit.cli.told import say, told
from assesskit.cli.writing import write_comparison
from assesskit.errors import UsageError

if TYPE_CHECKING:
    from assesskit.reports.cohort import Cohort

EVERY = 100
"""After how many assessments that were read a person is told."""


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("compare", rich_help_panel="Interviewers")(compare)
    app.command("erase", rich_help_panel="Operators")(erase)


@told
def compare(
    folder: Annotated[Path, typer.Argument(help="Folder with assessments in it, at any depth.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Page to write; else compare.html there.")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="CSV with alias, group, advanced: adds the four-fifths table.")
    ] = None,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Lay assessments side by side on one page.

    Only those that can be compared; the others are named with why. It says what each is worth to each role, and how far
    that depends on the weights.
    """
    found = _below(folder)
    page = out or folder / "compare.html"
    cohort, _impact = write_comparison(page, found, settings.profiles(content), groups, _progress)
    if json_:
        print(json.dumps(_told(cohort, page)))
        return
    print(f"{len(cohort.rows)} of {len(found)} compared: {page}")
    for one in cohort.marked:
        say(f"not compared: {one.name}: {one.why}")


def _below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError("is no folder", where=str(folder))
    found = sorted(folder.rglob("assessment.json"))
    if not found:
        raise UsageError("holds no assessment.json", where=str(folder))
    return found


def _progress(count: int) -> None:
    if count % EVERY == 0 and sys.stderr.isatty():
        print(f"{count} read …", end="\r", file=sys.stderr, flush=True)


def _told(cohort: Cohort, page: Path) -> dict[str, object]:
    orders = {
        order.profile.key: [
            None if place is None else {"place": place.place, "best": place.best, "worst": place.worst}
            for place in order.places
        ]
        for order in cohort.orders
    }
    return {
        "page": str(page),
        "compared": [row.run for row in cohort.rows],
        "orders": orders,
        "agreement": cohort.agreement.model_dump(),
        "not_compared": [{"name": one.name, "why": one.why} for one in cohort.marked],
    }


@told
def erase(
    alias: Annotated[
        str, typer.Argument(help="The candidate of a kit, or the name of a submission as the reports show it.")
    ],
    folder: Annotated[Path, typer.Option("--in", help="Folder with the assessments.")] = Path("assessments"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person's assessments and leave figures that name nobody.

    The record, the reviews and the reports are deleted, and a line without name, texts or digest of the submission is
    added to anonymous.jsonl. What your ledger holds of a candidate goes as well. Archives and pages elsewhere are yours
    to remove.
    """
    from assesskit.content.parsing import did_you_mean
    from assesskit.erasure import erase as erased
    from assesskit.erasure import of_alias
    from assesskit.kits.ledger import forget, invitations

    ledger = settings.ledger()
    invited = {one.manifest.candidate for one in invitations(ledger).values()}
    if not (folder.is_dir() or alias in invited):
        raise UsageError("is no folder", where=str(folder))
    known, unreadable = of_alias(sorted(folder.rglob("assessment.json")))
    for path in unreadable:
        say(f"cannot be read, so nobody knows whose it is: {path}")
    if alias not in {*known, *invited}:
        hint = "Nothing was removed. The name has to be exact."
        raise UsageError(
            f"nobody here is called {alias!r}{did_you_mean(alias, {*known, *invited})}", where=str(folder), hint=hint
        )
    theirs = known.get(alias, [])
    for path in theirs:
        print(path.parent)
    if not yes:
        typer.confirm(f"Remove {len(theirs)} assessments of {alias!r}, and the ledger's lines, for good?", abort=True)
    left = erased(theirs, folder)
    if theirs:
        print(f"removed; figures without a name are in {folder / 'anonymous.jsonl'}")
    else:
        say(f"no assessment in {folder} says that it is of {alias!r}; if there is one, erase the name that it shows")
    print(f"removed from the ledger: {forget(ledger, alias)} lines")
    for path in left:
        say(f"left where it is, because assesskit did not write it: {path}")
    say("Comparison pages, submission archives, backups and your group file are not touched: make or remove them anew.")
