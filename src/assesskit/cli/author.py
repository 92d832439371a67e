"""Commands for authors of exercises: validate, prove."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, told
from assesskit.errors import ClaimError, ContentError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assesskit.content import Exercise
    from assesskit.prove import Claim, Shown


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    for command in (validate, prove):
        app.command(command.__name__, rich_help_panel="Authors")(command)


@told
def validate(
    exercises: Annotated[list[str] | None, typer.Argument(help="Exercises; all if none is named.")] = None,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Say everything that is wrong with an exercise.

    Reads it with its rubric and graders; runs nothing.
    """
    from assesskit.content import load, slugs

    where = settings.root(content)
    problems: dict[str, tuple[str, ...]] = {}
    for slug in exercises or slugs(where):
        try:
            load(where, slug)
        except ContentError as error:
            problems[slug] = error.problems
    if json_:
        print(json.dumps({"valid": not problems, "problems": problems}))
    elif problems:
        say("\n".join(problem for found in problems.values() for problem in found))
    else:
        print("valid")
    if problems:
        stop(ContentError.exit_code)


@told
def prove(
    exercise: str,
    only: Annotated[list[str] | None, typer.Option(help="Prove just this program; may be given several times.")] = None,
    jobs: Annotated[int, typer.Option(help="Pods at once; the number of cores if not given.", min=0)] = 0,
    bless: Annotated[
        bool, typer.Option("--bless", help="Write the golden feedback texts. Read them before you commit.")
    ] = False,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Show that graders tell right from wrong.

    The reference must meet everything, the untouched starter fail what it claims, and each wrong program fail exactly
    what it names, with the feedback a candidate would read.
    """
    from assesskit.prove import Prover, claims

    found = settings.exercise(content, exercise)
    wanted = _chosen(claims(found), only)
    where = settings.runtime(runtime)
    prover = Prover(found, where, settings.quiet_lock(), on_event=lambda _event: None, bless=bless)
    if not json_:
        say(f"proving {len(wanted)} claims of {exercise} in {where.name}")
    shown = prover.prove(wanted, jobs=jobs or os.cpu_count() or 1, on_shown=_ignore if json_ else _tell)
    summary = _summary(found, shown)
    if json_:
        print(json.dumps(summary))
    else:
        print(f"{summary['claims']['held']} of {summary['claims']['total']} claims hold")
        exact, total = summary["mutants"]["exact"], summary["mutants"]["total"]
        print(f"{exact} of {total} wrong programs fail exactly what they name")
    if any(each.assessment.outcome == "harness_failed" for each in shown):
        stop(FAULT)
    if not all(each.held for each in shown):
        stop(ClaimError.exit_code)


def _chosen(every: tuple[Claim, ...], only: Sequence[str] | None) -> tuple[Claim, ...]:
    known = {claim.name: claim for claim in every}
    if unknown := [name for name in only or () if name not in known]:
        raise UsageError(f"no claim {unknown[0]!r}", where="--only", hint=f"There are: {', '.join(known)}.")
    return tuple(known[name] for name in only) if only else every


def _ignore(_shown: Shown) -> None:
    """Say nothing: a machine reads the summary."""


def _tell(shown: Shown) -> None:
    fails = ", ".join(shown.claim.fails) or "nothing"
    again = f" (graded {shown.runs} times: too noisy to measure)" if shown.runs > 1 else ""
    print(f"{'holds' if shown.held else 'FALSE':6} {shown.claim.name:28} fails {fails}{again}", flush=True)
    for problem in shown.problems:
        print("       " + problem.replace("\n", "\n       "), flush=True)


def _summary(exercise: Exercise, shown: Sequence[Shown]) -> dict[str, dict[str, object]]:
    mutants = [each for each in shown if each.claim.kind == "mutant"]
    return {
        "exercise": exercise.exercised().model_dump(),
        "claims": {"total": len(shown), "held": sum(each.held for each in shown)},
        "mutants": {"total": len(mutants), "exact": sum(each.held for each in mutants)},
        "programs": {
            each.claim.name: {
                "kind": each.claim.kind,
                "held": each.held,
                "outcome": each.assessment.outcome,
                "verdicts": each.assessment.verdicts(),
                "problems": list(each.problems),
                "runs": each.runs,
                "seconds": each.assessment.seconds,
            }
            for each in shown
        },
    }
