"""The command `prove`: which claims are graded now."""

from __future__ import annotations

import json
import math
import os
import random
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import proofs, settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, told
from assesskit.errors import ClaimError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assesskit.proof.claims import Claim
    from assesskit.proof.record import Standing
    from assesskit.proof.signing import Signer
    from assesskit.prove import Prover


@told
def prove(
    exercise: str,
    only: Annotated[list[str] | None, typer.Option(help="Prove just this program; may be given several times.")] = None,
    right: Annotated[bool, typer.Option("--right", help="Only the reference and the alternates.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Prove again what is on record, too.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run nothing; say which claims have no current proof.")
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            help="Write nothing; prove what has no current proof, every right program, and this many others drawn "
            "from those that have.",
            min=0,
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(help="Grade each program this often, and count wrong verdicts.", min=0)] = 0,
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
    what it names, with the feedback a candidate would read. What was shown is kept, signed, beside the exercise, and
    shown again only after something it rests on has changed.
    """
    from assesskit.proof import signing
    from assesskit.proof.claims import claims
    from assesskit.proof.record import standing
    from assesskit.prove import Prover

    if sum((check, sample is not None, repeat > 0)) > 1 or (bless and (check or repeat)):
        raise UsageError("exclude each other", where="--check, --sample, --repeat, --bless")
    found = settings.exercise(content, exercise)
    wanted = _chosen(claims(found), only, right=right)
    trusted = signing.trusted(found.root)
    if check:
        name = "docker" if runtime is Kind.AUTO else runtime.value
        _checked(standing(found, wanted, name, trusted), machine=json_)
        return
    where = settings.runtime(runtime)
    signer = signing.author(settings.proof_key()) if sample is None else None
    listed = signer is None or signer.public in trusted
    trusted |= {signer.public: "you"} if signer else {}
    stands = standing(found, wanted, where.name, trusted)
    prover = Prover(found, where, settings.quiet_lock(), lambda _: None, bless=bless, signer=signer, trusted=trusted)
    workers = jobs or os.cpu_count() or 1
    try:
        if repeat:
            _repeat(prover, _longest_first(stands), repeat, workers, machine=json_)
        else:
            todo = _todo(stands, again=all_ or bool(only) or right, sample=sample)
            _prove(prover, stands, todo, workers, machine=json_)
    finally:
        if signer and not listed:
            _tell_key(signer)


def _chosen(every: tuple[Claim, ...], only: Sequence[str] | None, *, right: bool) -> tuple[Claim, ...]:
    known = {claim.name: claim for claim in every}
    if unknown := [name for name in only or () if name not in known]:
        raise UsageError(f"no claim {unknown[0]!r}", where="--only", hint=f"There are: {', '.join(known)}.")
    return tuple(known[name] for name in only or known if known[name].right or not right)


def _checked(stands: Sequence[Standing], *, machine: bool) -> None:
    """Tell how every claim stands; end with 1 unless all have a current proof."""
    if machine:
        print(json.dumps(proofs.standing(stands)))
    else:
        proofs.tell_standing(stands)
    if not all(each.kept for each in stands):
        stop(ClaimError.exit_code)


def _todo(stands: Sequence[Standing], *, again: bool, sample: int | None) -> list[Claim]:
    """What is graded now, longest first: everything `again`, or what is open with a sample of the rest."""
    names = {each.claim.name for each in stands if again or not each.kept}
    if sample is not None:
        names |= {each.claim.name for each in stands if each.claim.right}
        rest = [each.claim.name for each in stands if each.claim.name not in names]
        names |= set(random.SystemRandom().sample(rest, min(sample, len(rest))))
    return [claim for claim in _longest_first(stands) if claim.name in names]


def _longest_first(stands: Sequence[Standing]) -> list[Claim]:
    """Begin with what took longest when it was last proven, or is not known: no long one is left for the end."""
    return [each.claim for each in sorted(stands, key=lambda each: -(each.seconds or math.inf))]


def _prove(prover: Prover, stands: Sequence[Standing], todo: Sequence[Claim], jobs: int, *, machine: bool) -> None:
    """Prove what is to be proven; end with 1 if a claim is false, or if a record that nobody proved is relied on."""
    progress = proofs.Progress(len(todo), quiet=machine)
    if not machine:
        proofs.tell_standing(stands)
        drawn = f": {', '.join(claim.name for claim in todo)}" if prover.signer is None else ""
        say(f"proving {len(todo)} of them in {prover.runtime.name}{drawn}")
    shown = prover.prove(todo, jobs=jobs, on_shown=progress.shown)
    summary = proofs.summary(prover.exercise, stands, shown)
    if machine:
        print(json.dumps(summary))
    else:
        proofs.tell_summary(summary)
    if any(each.assessment.outcome == "harness_failed" for each in shown):
        stop(FAULT)
    relied_on = [each for each in stands if each.refused] if prover.signer is None else []
    if relied_on or not all(each.held for each in shown):
        stop(ClaimError.exit_code)


def _repeat(prover: Prover, todo: Sequence[Claim], times: int, jobs: int, *, machine: bool) -> None:
    """Grade every program again and again; end with 1 if a verdict was wrong. What is done by then is kept."""
    from assesskit.proof import reliability

    counts = reliability.counts(prover.exercise, prover.trusted)
    for name, why in counts.read().refused.items():
        say(f"counts of {name} are refused and begun anew: {why}")
    progress = proofs.Progress(len(todo) * times, quiet=machine)
    if not machine:
        say(f"grading {len(todo)} programs of {prover.exercise.slug} {times} times in {prover.runtime.name}")
    prover.repeat(todo, times, jobs=jobs, on_done=progress.repeated)
    figures = reliability.summed(prover.exercise, counts.read().entries, prover.runtime.name)
    if machine:
        print(
            json.dumps({"criteria": {key: each.model_dump() for key, each in figures.items()}, "false": progress.false})
        )
    else:
        proofs.tell_figures(figures)
    if progress.false:
        stop(ClaimError.exit_code)


def _tell_key(signer: Signer) -> None:
    """Say how what was signed comes to count elsewhere."""
    from assesskit.proof.signing import KEYS

    say(f"What was kept counts for others once {KEYS} trusts its key; add, with your name, and commit:")
    say(f'  [keys]\n  your-name = "{signer.public}"')
