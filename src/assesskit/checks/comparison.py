"""Measures the submission beside the reference: the same load in turn, on a quiet machine, once for every criterion.

A kind of load is measured when a criterion first asks for it, and goes on while the verdict is inconclusive. What every
order costs at the dependency is held up by the same time for both sides: who asks it twice, or lets everybody wait for
one answer, is then told from noise.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from assesskit.checks.cost import CostVerdict
from assesskit.checks.cost import judge as judge_cost
from assesskit.checks.creation import CREATED
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.intrusion import Listener, intrusion, kept_away
from assesskit.checks.latency import ERROR_LIMIT, REFERENCE, SUBMISSION, LatencyVerdict, Verdict, quiet_figure
from assesskit.checks.latency import judge as judge_latency
from assesskit.checks.levels import levels
from assesskit.checks.measured import DEPENDENCY_SECONDS, READS, RUSH, SIDES, WRITES, Kind, Measured, Mix, cost_ms
from assesskit.checks.services import Control, Service
from assesskit.checks.throughput import Busy, ThroughputVerdict
from assesskit.checks.throughput import judge as judge_throughput
from assesskit.instruments.load import Load, Sample
from assesskit.instruments.relay import Fault, Relay

REST_WINDOWS, FIRST_WINDOWS, MORE_WINDOWS = 2, 8, 4
"""A side: to see the reference alone, to judge, and to go on while it is inconclusive."""
WARM_SECONDS = 0.3
NEARLY = 0.9
"""Of the time that the dependency takes: clocks differ a little."""
SETTLES = 1.5
"""Seconds that a service gets after it was paused, ahead of its readiness."""


class Judged(Protocol):
    """A verdict, its reason in one line, and what was expected, in words."""

    @property
    def verdict(self) -> Verdict:
        """Met, not met, or inconclusive."""

    @property
    def reason(self) -> str:
        """What was measured."""

    @property
    def expected(self) -> str:
        """What the submission must keep to."""


def require(judged: Judged, kind: Kind) -> None:
    """Raise Failure when the verdict is not met, Inconclusive when there is none."""
    if judged.verdict == "not_met":
        raise Failure(judged.reason, sent=kind.told, received=judged.reason, expected=judged.expected)
    if judged.verdict == "inconclusive":
        raise Inconclusive(judged.reason)


class Comparison:
    """Both sides of it; made once for all checks of a session. `mix` fills a service and says what to send it,
    `relays` are those in front of the dependency, by side.

    What every method may raise: Failure when the submission reaches for a service beside it, cannot be filled, or
    acknowledges what it has not done; Inconclusive when the reference does not come up, or this machine is never quiet.
    """

    def __init__(
        self, control: Control, relays: Mapping[str, Relay], mix: Callable[[Service, str], Mix], objective: float
    ) -> None:
        self._control = control
        self._relays = relays
        self._beyond: tuple[Listener, ...] = (*control.beside(SUBMISSION), relays[REFERENCE])
        self._mix = mix
        self._objective = objective
        self._mixes: dict[str, Mix] = {}
        self._seen: dict[Kind, Measured] = {}
        self._latency: dict[Kind, LatencyVerdict] = {}
        self._started = ExitStack()

    def latency(self, kind: Kind, budget_ms: float) -> LatencyVerdict:
        """Whether the submission takes at most `budget_ms` longer than the reference."""
        if kind not in self._latency:
            with self._quietly():
                alone = [self._at_rest(kind)]
                seen = self._seen[kind] = Measured()
                self._offer(kind, seen, FIRST_WINDOWS)
                verdict = self._judged(kind, seen, budget_ms, alone)
                while verdict.verdict == "inconclusive" and seen.windows < kind.most:
                    self._offer(kind, seen, MORE_WINDOWS)
                    verdict = self._judged(kind, seen, budget_ms, alone)
                if verdict.verdict == "inconclusive":  # is it quiet as soon as the submission stands still?
                    verdict = self._judged(kind, seen, budget_ms, [*alone, self._at_rest(kind)])
                self._expect_done(kind, seen)  # before it is kept: what was not done is no measure for any criterion
                self._latency[kind] = verdict
        return self._latency[kind]

    def _judged(
        self, kind: Kind, seen: Measured, budget_ms: float, alone: Sequence[Sequence[Sample]]
    ) -> LatencyVerdict:
        quiet_ms = quiet_figure(alone[0])
        return judge_latency(seen.samples, budget_ms, quiet_ms, seen.work_ms, kind.waiting_ms, alone)

    def throughput(self, share: float) -> ThroughputVerdict:
        """Whether the submission answers at least this share of the reference's rate, both with all they can take."""
        with self._quietly():
            seen = self._seen[RUSH] = Measured()
            self._offer(RUSH, seen, FIRST_WINDOWS)
            verdict = judge_throughput(seen.samples, RUSH.clients, share, self._busy(seen))
            while verdict.verdict == "inconclusive" and seen.windows < RUSH.most:
                self._offer(RUSH, seen, MORE_WINDOWS)
                verdict = judge_throughput(seen.samples, RUSH.clients, share, self._busy(seen))
            self._expect_done(RUSH, seen)
        return verdict

    def cost(self, times: float, plus_ms: float) -> CostVerdict:
        """Whether a request takes at most `times` the reference's processor time and `plus_ms`: reads and writes as
        they were measured for their latency, which must have been.
        """
        steady = [self._seen[kind] for kind in (READS, WRITES)]
        return judge_cost(cost_ms(steady, SUBMISSION), cost_ms(steady, REFERENCE), times, plus_ms)

    def close(self) -> None:
        """Stop the reference."""
        self._started.close()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Both sides are ready, no other pod is under load, and the submission keeps away from what is beside it."""
        with kept_away(self._control.service(SUBMISSION), *self._beyond):
            if not self._mixes:
                self._prepare()
            with self._control.quietly():
                for relay in self._relays.values():
                    relay.everything(Fault.delay(DEPENDENCY_SECONDS))
                try:
                    yield
                finally:
                    for relay in self._relays.values():
                        relay.reset()
                    self._control.tell_levels(levels(self._seen, self._control, self._objective))

    def _prepare(self) -> None:
        submission, reference = (self._control.service(side) for side in SIDES)
        reference.start()
        self._started.callback(reference.stop, 2.0)
        try:
            reference.until_ready()
        except Failure as failure:
            raise Inconclusive(f"the reference did not start: {failure.summary}") from failure
        if intruded := intrusion(submission, self._beyond):
            raise intruded  # before whoever answered is sent a token
        try:
            theirs = self._mix(reference, secrets.token_hex(1).upper())
        except Failure as failure:
            raise Inconclusive(f"the reference cannot be filled: {failure.summary}") from failure
        self._mixes = {SUBMISSION: self._mix(submission, secrets.token_hex(1).upper()), REFERENCE: theirs}

    def _at_rest(self, kind: Kind) -> list[Sample]:
        """Load the reference while the submission is paused: its quiet figure is not the submission's to make.

        What the submission has against processes that hang may restart some when it goes on: it gets the time for that.
        """
        submission = self._control.service(SUBMISSION)
        submission.pause()
        try:
            samples = self._control.offer(self._load(kind, REST_WINDOWS, (REFERENCE,)))
        finally:
            submission.resume()
        time.sleep(SETTLES)
        submission.until_ready()
        return samples

    def _offer(self, kind: Kind, seen: Measured, windows: int) -> None:
        """Offer some more windows to both sides, and add what was seen."""
        load = self._load(kind, windows, SIDES)
        before = self._usage()
        samples = self._control.offer(load)
        if not kind.clients and len(samples) != load.planned:
            raise Inconclusive(f"the load generator sent {len(samples)} of {load.planned} planned requests")
        seen.add(samples, load.warming, load.seconds / len(SIDES), before, self._usage())

    def _load(self, kind: Kind, windows: int, sides: Sequence[str]) -> Load:
        return Load(
            {side: self._control.service(side).port for side in sides},
            {side: self._mixes[side].of(kind) for side in sides},
            rate=kind.rate or 1.0,
            window_seconds=kind.seconds,
            windows=windows,
            warmup_seconds=WARM_SECONDS,
            clients=kind.clients,
        )

    def _usage(self) -> Mapping[str, Mapping[str, Any]]:
        return {side: self._control.service(side).usage() for side in SIDES}

    def _busy(self, seen: Measured) -> Busy:
        return {side: seen.share(side, self._control.service(side).cpus) for side in SIDES}

    def _expect_done(self, kind: Kind, seen: Measured) -> None:
        """Whatever was acknowledged under load was asked of the dependency, as at any other time, and waited for:
        nothing is made in less time than the dependency takes for it. Afterwards it is there.
        """
        mix = self._mixes[SUBMISSION]
        asked = {call.key for call in self._relays[SUBMISSION].calls() if call.key.startswith(mix.mark)}
        made = [one.latency_ms for one in seen.samples if one.side == SUBMISSION and one.status == CREATED]
        expect(
            len(made) <= len(asked),
            f"under load {len(made)} things were made, and the dependency was asked for only {len(asked)} of them",
            expected="under load the same work as at any other time",
        )
        takes = 1000 * DEPENDENCY_SECONDS
        early = sum(latency < NEARLY * takes for latency in made) / max(1, len(made))
        expect(
            early <= ERROR_LIMIT,
            f"under load {early:.0%} of what was made was confirmed sooner than the dependency answers",
            sent=kind.told,
            expected=f"an answer once the work is done, which takes {takes:g} ms there",
        )
        newest = mix.newest() if made else None
        if newest is None:
            return
        kept = sum(one.startswith(mix.mark) for one in newest)
        expect(
            kept >= min(len(newest), len(made)) > 0,
            f"under load {len(made)} things were made, and are not among the newest afterwards",
            sent=kind.told,
            received=f"{kept} of the newest {len(newest)} are of those",
            expected="what was acknowledged is stored, as at any other time",
        )
