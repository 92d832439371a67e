"""Whether a service is about as fast as the monolith it was taken out of: the same reads of the same things, in turn.

The method is that of `latency`, with the monolith in the place of the reference: windows side by side, a bootstrap over
them, and a third answer. Both hold the same owners, which the feed has brought to the service.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from assesskit.checks.comparison import FIRST_WINDOWS, MORE_WINDOWS, REST_WINDOWS, SETTLES, WARM_SECONDS, require
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Inconclusive
from assesskit.checks.latency import REFERENCE, SUBMISSION, LatencyVerdict, Verdict, judge, quiet_figure
from assesskit.checks.measured import Kind
from assesskit.checks.moving import Move
from assesskit.checks.services import Control
from assesskit.instruments.load import Load, RequestTemplate, Sample

READS = Kind(
    "60 reads a second, evenly spaced, on kept-alive connections, of the service and of the monolith in turn", 60.0
)
THINGS = 24
"""Of the owner that is read."""
SIDES = (SUBMISSION, REFERENCE)
NAMES = {SUBMISSION: "service", REFERENCE: "monolith"}


@dataclass(frozen=True)
class Told:
    """A verdict in words that speak of the monolith, which is the reference here."""

    verdict: Verdict
    reason: str
    expected: str


def expect_as_fast(control: Control, move: Move, budget_ms: float, evidence: Evidence) -> None:
    """Reading a thing, and the list of an owner, takes at most `budget_ms` longer than it takes the monolith.

    Raises Failure, or Inconclusive when the machine is never quiet.
    """
    templates = _filled(move)
    with control.quietly():
        alone = [_at_rest(control, move, templates)]
        samples: list[Sample] = []
        verdict = _more(control, move, templates, samples, FIRST_WINDOWS, budget_ms, alone)
        while verdict.verdict == "inconclusive" and _windows(samples) < READS.most:
            verdict = _more(control, move, templates, samples, MORE_WINDOWS, budget_ms, alone)
        if verdict.verdict == "inconclusive":
            alone.append(_at_rest(control, move, templates))
            verdict = judge(samples, budget_ms, quiet_figure(alone[0]), None, 0.0, alone)
    figures = verdict.evidence()
    figures["sides"] = {NAMES[side]: latencies for side, latencies in figures["sides"].items()}
    evidence.latency("Reads of the service beside the monolith", figures)
    require(Told(verdict.verdict, _named(verdict.reason), _named(verdict.expected)), READS)


def _named(text: str) -> str:
    return text.replace("the reference", "the monolith")


def _filled(move: Move) -> list[RequestTemplate]:
    """An owner with things, known to both sides, and the requests that read it: two of a thing to one of the list."""
    move.followed()
    owner = move.owner()
    things = [move.thing(move.monolith, owner)["id"] for _ in range(THINGS)]
    for thing in things[::2]:
        move.stepped(move.monolith, owner, thing, move.moving.first_step)
    move.caught_up()
    listed = RequestTemplate("GET", f"{move.moving.path(owner)}?limit=20", route=f"GET {move.moving.things}")
    one = [
        RequestTemplate("GET", move.moving.path(owner, thing), route=f"GET {move.moving.things}/…") for thing in things
    ]
    return [each for at, thing in enumerate(one) for each in ((thing, listed) if at % 2 else (thing,))]


def _more(
    control: Control,
    move: Move,
    templates: Sequence[RequestTemplate],
    samples: list[Sample],
    windows: int,
    budget_ms: float,
    alone: Sequence[Sequence[Sample]],
) -> LatencyVerdict:
    load = _load(move, templates, windows, SIDES)
    found = control.offer(load)
    if len(found) != load.planned:
        raise Inconclusive(f"the load generator sent {len(found)} of {load.planned} planned requests")
    first = _windows(samples)
    samples += [sample.moved(first) for sample in found]
    return judge(samples, budget_ms, quiet_figure(alone[0]), None, 0.0, alone)


def _windows(samples: Sequence[Sample]) -> int:
    return max((sample.window for sample in samples), default=-1) + 1


def _at_rest(control: Control, move: Move, templates: Sequence[RequestTemplate]) -> list[Sample]:
    """Load the monolith alone, while the service stands still."""
    move.service.pause()
    try:
        samples = control.offer(_load(move, templates, REST_WINDOWS, (REFERENCE,)))
    finally:
        move.service.resume()
    time.sleep(SETTLES)
    move.service.until_ready()
    return samples


def _load(move: Move, templates: Sequence[RequestTemplate], windows: int, sides: Sequence[str]) -> Load:
    ports = {SUBMISSION: move.service.port, REFERENCE: move.monolith.port}
    return Load(
        {side: ports[side] for side in sides},
        dict.fromkeys(sides, templates),
        rate=READS.rate,
        window_seconds=READS.seconds,
        windows=windows,
        warmup_seconds=WARM_SECONDS,
    )
