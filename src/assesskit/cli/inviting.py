"""Commands that make kits: keys, invite."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption
from assesskit.cli.told import say, told
from assesskit.errors import UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.kits.ledger import Invited

MOST_TIMES = 10.0


class Level(StrEnum):
    """The level a candidate is asked at."""

    MID = "mid"
    SENIOR = "senior"
    STAFF = "staff"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (keys, invite):
        app.command(command.__name__, rich_help_panel="Interviewers")(command)


@told
def keys(json_: JsonOption = False) -> None:
    """Show the key that your kits are signed with.

    It is made at first use. Tell candidates its public half: `assesskit start KIT --key` then takes no other's kits.
    """
    from assesskit.signatures import signer_at

    path = settings.interviewer_key()
    signer = signer_at(path)
    if json_:
        print(json.dumps({"public": signer.public, "private": str(path), "ledger": str(settings.ledger())}))
        return
    print(f"public    {signer.public}\nprivate   {path}\nledger    {settings.ledger()}")
    say("Keep the private key and the ledger to yourself, and a copy of both.")


@told
def invite(
    exercise: Annotated[str, typer.Argument(help="The exercise; `assesskit list` names them.")],
    candidate: Annotated[str, typer.Option(help="An alias; the name stays in your ledger.")],
    name: Annotated[str | None, typer.Option(help="The candidate's name, for your ledger only.")] = None,
    level: Annotated[Level | None, typer.Option(help="The level they are asked at.")] = None,
    extra_time: Annotated[float, typer.Option(help="Times the usual time box; for your ledger only.")] = 1.0,
    seed: Annotated[str | None, typer.Option(help="Draws the variant; at random if not given.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Kit to write.")] = None,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a kit for a candidate: one signed zip with all they need, and nothing that is hidden.

    Your ledger keeps who got it. Extra time is told to the candidate only, by you: nobody who scores can see it.
    """
    from assesskit import store
    from assesskit.kits.ledger import note

    if not 1.0 <= extra_time <= MOST_TIMES:
        raise UsageError(f"must be from 1 to {MOST_TIMES:g}", where="--extra-time")
    _alias(candidate)
    found = settings.exercise(content, exercise, secrets.token_hex(4) if seed is None else seed)
    target = out or Path(f"{found.slug}-{candidate}.kit.zip")
    if target.exists():
        raise UsageError("is there already", where=str(target), hint="Name another file with --out.")
    minutes = round(found.spec.minutes * extra_time)
    invited, data = made(found, candidate, level.value if level else None, minutes, name=name)
    note(settings.ledger(), invited)  # first: a kit that nobody remembers is worse than a line about none
    store.write(target, data)
    _tell(found, invited, target, machine=json_)


def made(
    exercise: Exercise,
    candidate: str,
    level: Literal["mid", "senior", "staff"] | None,
    minutes: int,
    *,
    name: str | None = None,
) -> tuple[Invited, bytes]:
    """Make a kit; return the ledger's line about it, which is not yet written, and its bytes."""
    from assesskit.kits.inviting import Invitation
    from assesskit.kits.inviting import invite as make
    from assesskit.kits.ledger import Invited
    from assesskit.signatures import signer_at

    now = datetime.now(UTC)
    invitation = Invitation(candidate, level, secrets.token_hex(8))
    manifest, data = make(exercise, invitation, signer_at(settings.interviewer_key()), now=now)
    digest = hashlib.sha256(data).hexdigest()
    return Invited(manifest=manifest, kit_sha256=digest, minutes=minutes, name=name, noted=now), data


def _tell(exercise: Exercise, invited: Invited, target: Path, *, machine: bool) -> None:
    from assesskit.kits.briefing import WHEEL

    manifest, minutes = invited.manifest, invited.minutes
    own = f" --minutes {minutes}" if minutes != manifest.minutes else ""
    start = f"assesskit start {target.name} --key {manifest.key}{own}"
    if machine:
        told_ = {"kit": manifest.kit, "file": str(target), "sha256": invited.kit_sha256, "minutes": minutes}
        print(json.dumps(told_ | {"start": start}))
        return
    drawn = "".join(f", {key} {value}" for key, value in exercise.variant.parameters.items())
    print(f"kit         {target}\nexercise    {manifest.exercise} {manifest.version}")
    print(f"variant     seed {manifest.seed}{drawn}\ntime box    {minutes} minutes\nsigned by   {manifest.key}")
    say(f"\nSend the file, and {WHEEL}: assesskit is on no public index. In your own words, tell")
    say("the candidate their time box, and that they install the wheel and begin with:")
    say(f"  {start}")


def _alias(candidate: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from assesskit.kits.kit import Alias

    try:
        TypeAdapter(Alias).validate_python(candidate)
    except ValidationError as error:
        hint = "Up to 40 letters, digits, dots, dashes and underscores, for example C-0142: it is no name."
        raise UsageError("is no alias", where="--candidate", hint=hint) from error
