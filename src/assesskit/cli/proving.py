"""The command `prove`: which claims are graded now, and on which variants."""

from __future__ import annotations

import json
import math
import os
import random
import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assesskit.cli import proofs, settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, told
from assesskit.errors import ClaimError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assesskit.content import Exercise
    from assesskit.pods import PodRuntime
    from assesskit.proof.claims import Claim
    from assesskit.proof.record import Standing
    from assesskit.proof.signing import Signer
    from assesskit.prove import Prover

WRONG_PER_VARIANT = 4
"""Wrong programs proven on each variant of `--seeds`."""


@dataclass(frozen=True)
class Asked:
    """What a call asks for: which programs, graded how, and whether a machine reads the answer.

    `in_turn` asks for the right programs and a few wrong ones: those that were graded least.
    """

    only: Sequence[str]
    right: bool
    in_turn: bool
    again: bool
    sample: int | None
    repeat: int
    jobs: int
    machine: bool


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
    seed: Annotated[str | None, typer.Option(help="Prove on the variant this seed draws.")] = None,
    seeds: Annotated[
        int, typer.Option(help="Prove the right programs and some wrong ones on so many variants at random.", min=0)
    ] = 0,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Show that graders tell right from wrong.

    The reference must meet everything, the untouched starter fail what it claims, and each wrong program fail exactly
    what it names, with the feedback a candidate would read. What was shown is kept, signed, beside the exercise, and
    shown again only after something it rests on has changed.
    """
    if sum((check, sample is not None, repeat > 0, seeds > 0)) > 1:
        raise UsageError("exclude each other", where="--check, --sample, --repeat, --seeds")
    if bless and (check or repeat or seeds or seed is not None):
        raise UsageError("golden texts are those of a proof on the default variant", where="--bless")
    found = settings.exercise(content, exercise, seed)
    again = all_ or bool(only) or right or seeds > 0
    asked = Asked(only or (), right, seeds > 0 and not only, again, sample, repeat, jobs, json_)
    if check:
        _check(found, asked, "docker" if runtime is Kind.AUTO else runtime.value)
        return
    drawn = [secrets.token_hex(4) for _ in range(seeds)]
    variants = [settings.exercise(content, exercise, each) for each in drawn] or [found]
    with _alone(found) if sample is None else nullcontext():
        _run(variants, asked, settings.runtime(runtime), bless=bless)


def _alone(exercise: Exercise) -> AbstractContextManager[object]:
    """Wait until no other process keeps what it shows of an exercise: each would drop what the other has kept."""
    from filelock import FileLock, Timeout

    lock = FileLock(settings.proof_lock(exercise.origin.folder))
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        say(f"another prove of {exercise.slug} keeps what it shows; this one begins when that has ended")
        return lock.acquire()


def _check(exercise: Exercise, asked: Asked, runtime: str) -> None:
    """Tell how every claim stands; end with 1 unless all have a current proof."""
    from assesskit.proof.record import standing
    from assesskit.proof.signing import trusted

    stands = standing(exercise, _chosen(exercise, asked), runtime, trusted(exercise.origin.root))
    if asked.machine:
        print(json.dumps(proofs.standing(stands)))
    else:
        proofs.tell_standing(stands)
    if not all(each.kept for each in stands):
        stop(ClaimError.exit_code)


def _run(variants: Sequence[Exercise], asked: Asked, runtime: PodRuntime, *, bless: bool) -> None:
    """Prove or count on each variant in turn; end with the worst of their exit codes."""
    from assesskit.proof import signing
    from assesskit.prove import Prover

    listed = signing.trusted(variants[0].origin.root)
    signer = signing.author(settings.proof_key()) if asked.sample is None else None
    trusted = {**listed, signer.public: "you"} if signer else listed
    ended: dict[str | None, tuple[int, dict[str, Any]]] = {}
    try:
        for each in variants:
            if each.variant.seed is not None and not asked.machine:
                drawn = ", ".join(f"{name} {value}" for name, value in each.variant.parameters.items())
                say(f"variant {each.variant.seed}: {drawn}")
            prover = Prover(each, runtime, settings.quiet_lock(), lambda _: None, bless, signer, trusted)
            chosen = _chosen(each, asked)
            if asked.in_turn:
                chosen = _in_turn(chosen, prover)
            ended[each.variant.seed] = (_repeat if asked.repeat else _prove)(prover, chosen, asked)
    finally:
        if signer and signer.public not in listed:
            _tell_key(signer)
    if asked.machine:
        told_ = [told for _, told in ended.values()]
        print(
            json.dumps(told_[0] if len(variants) == 1 else {"variants": {key: each[1] for key, each in ended.items()}})
        )
    if worst := max(code for code, _ in ended.values()):
        stop(worst)


def _chosen(exercise: Exercise, asked: Asked) -> list[Claim]:
    """The claims that were named, or all; of these the right ones if only they are asked for."""
    from assesskit.proof.claims import claims

    known = {claim.name: claim for claim in claims(exercise)}
    if unknown := [name for name in asked.only if name not in known]:
        raise UsageError(f"no claim {unknown[0]!r}", where="--only", hint=f"There are: {', '.join(known)}.")
    return [known[name] for name in asked.only or known if known[name].right or not asked.right]


def _in_turn(chosen: Sequence[Claim], prover: Prover) -> list[Claim]:
    """The right programs, and the wrong ones that were graded least, so that all come up as soon as can be."""
    from assesskit.proof import reliability

    counted = reliability.counts(prover.exercise, prover.trusted).read().entries
    wrong = [claim for claim in chosen if claim.kind == "mutant"]
    random.SystemRandom().shuffle(wrong)
    first = reliability.least_graded(wrong, prover.exercise, counted, prover.runtime.name)
    return [claim for claim in chosen if claim.right] + first[:WRONG_PER_VARIANT]


def _todo(stands: Sequence[Standing], asked: Asked) -> list[Claim]:
    """What is graded now, longest first: all, or what has no current proof and the sample that is asked for."""
    names = {each.claim.name for each in stands if asked.again or not each.kept}
    if asked.sample is not None:
        names |= {each.claim.name for each in stands if each.claim.right}
        rest = [each.claim.name for each in stands if each.claim.name not in names]
        names |= set(random.SystemRandom().sample(rest, min(asked.sample, len(rest))))
    return [claim for claim in _longest_first(stands) if claim.name in names]


def _longest_first(stands: Sequence[Standing]) -> list[Claim]:
    """Begin with what took longest when it was last proven, or is not known: no long one is left for the end."""
    return [each.claim for each in sorted(stands, key=lambda each: -(each.seconds or math.inf))]


def _prove(prover: Prover, chosen: Sequence[Claim], asked: Asked) -> tuple[int, dict[str, Any]]:
    """Prove what is to be proven. The exit code is 1 for a false claim, and for a record that nobody proved if it is
    relied on."""
    from assesskit.proof.record import standing

    stands = standing(prover.exercise, chosen, prover.runtime.name, prover.trusted)
    todo = _todo(stands, asked)
    if not asked.machine:
        proofs.tell_standing(stands)
        named = f": {', '.join(claim.name for claim in todo)}" if prover.signer is None else ""
        say(f"proving {len(todo)} of them in {prover.runtime.name}{named}")
    progress = proofs.Progress(len(todo), quiet=asked.machine)
    shown = prover.prove(todo, jobs=asked.jobs or os.cpu_count() or 1, on_shown=progress.shown)
    summary = proofs.summary(prover.exercise, stands, shown)
    if not asked.machine:
        proofs.tell_summary(summary)
    if any(each.assessment.outcome == "harness_failed" for each in shown):
        return FAULT, summary
    refused = prover.signer is None and bool(summary["refused"])
    return ClaimError.exit_code if refused or not all(each.held for each in shown) else 0, summary


def _repeat(prover: Prover, chosen: Sequence[Claim], asked: Asked) -> tuple[int, dict[str, Any]]:
    """Grade every program again and again, and keep each count at once.

    The exit code is 4 if a grading failed through a fault of ours, else 1 if a verdict was wrong.
    """
    from assesskit.proof import reliability

    counts = reliability.counts(prover.exercise, prover.trusted)
    for name, why in counts.read().refused.items():
        say(f"counts of {name} are refused and begun anew: {why}")
    progress = proofs.Progress(len(chosen) * asked.repeat, quiet=asked.machine)
    if not asked.machine:
        say(f"grading {len(chosen)} programs of {prover.exercise.slug} {asked.repeat} times in {prover.runtime.name}")
    prover.repeat(chosen, asked.repeat, jobs=asked.jobs or os.cpu_count() or 1, on_done=progress.repeated)
    figures = reliability.summed(prover.exercise, counts.read().entries, prover.runtime.name)
    if not asked.machine:
        proofs.tell_figures(figures)
    criteria = {key: each.model_dump() for key, each in figures.items()}
    told = {"criteria": criteria, "false": progress.false, "faults": progress.faults}
    return FAULT if progress.faults else ClaimError.exit_code if progress.false else 0, told


def _tell_key(signer: Signer) -> None:
    """Say how what was signed comes to count elsewhere."""
    from assesskit.proof.signing import KEYS

    say(f"What was kept counts for others once {KEYS} trusts its key; add, with your name, and commit:")
    say(f'  [keys]\n  your-name = "{signer.public}"')
