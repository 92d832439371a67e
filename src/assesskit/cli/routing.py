"""The command `route`: where the router of a move leads callers between commands."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from assesskit.cli.settings import JsonOption
from assesskit.cli.told import told
from assesskit.cli.workspace import Folder, keeping


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("route", rich_help_panel="Candidates")(route)


class Mode(StrEnum):
    """Where the router of a move leads callers."""

    MONOLITH = "monolith"
    SHADOW = "shadow"
    MIRROR = "mirror"
    CANARY = "canary"
    PRIMARY = "primary"


LED = {
    Mode.MONOLITH: "leads everybody to the monolith",
    Mode.SHADOW: "leads everybody to the monolith, and copies of reads to your service",
    Mode.MIRROR: "leads everybody to the monolith, and copies of reads and writes to your service",
    Mode.CANARY: "leads {percent:g} % of the accounts to your service",
    Mode.PRIMARY: "leads what moves to your service",
}


@told
def route(
    mode: Annotated[
        Mode | None, typer.Argument(help="Where it is to lead callers; as it does now if not given.")
    ] = None,
    percent: Annotated[float, typer.Option(help="Of a canary: the share of accounts that your service has.")] = 10.0,
    workspace: Folder = Path(),
    json_: JsonOption = False,
) -> None:
    """Say where the router of a move leads callers, to the monolith or to the service that you run by hand.

    Answers say who gave them, in the header Rollout-Side. Nothing here is graded.
    """
    running = keeping(workspace)
    led = running.ask("route", mode=mode.value if mode else "", percent=percent)
    if json_:
        print(json.dumps(led | {"urls": running.urls}))
        return
    print(f"router      {running.urls['router']} {LED[Mode(led['mode'])].format(percent=led['percent'])}")
    if led["environment"]:
        print("\nYour service is looked for where this environment tells it to listen; begin with POST /backfill:")
        for name, value in led["environment"].items():
            print(f"  {name}={shlex.quote(value) if value else '    # a folder of your own'}")
