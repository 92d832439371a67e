"""Commands for authors of exercises: validate, prove."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.proving import prove
from assesskit.cli.settings import ContentOption, JsonOption
from assesskit.cli.told import say, stop, told
from assesskit.errors import ContentError


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

    Reads it with its rubric and graders, and the profiles; runs nothing.
    """
    from assesskit.content import load, slugs
    from assesskit.content.profiles import FILE, profiles

    where = settings.root(content)
    problems: dict[str, tuple[str, ...]] = {}
    if (where / FILE).exists():
        try:
            profiles(where)
        except ContentError as error:
            problems[FILE] = error.problems
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
