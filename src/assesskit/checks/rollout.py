"""Whether a rollout plan promotes a healthy version and takes a faulty one back in time: the plan is carried out.

What each version answers is measured first, by real requests to the submission through a relay of ours that disturbs
them. The router then plays these answers back at the traffic the brief promises, in the plan's own time, so that hours
take no longer than a moment. It is the plan that is judged: latencies above what the brief promises of a healthy
version are cut, and where the service gives no good answer, one of `USUAL_MS` stands in for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client
from assesskit.checks.submitted import Submitted
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay
from assesskit.instruments.router import Outcome, Plan, PlanError, Rollout, carry_out, read_plan

TIMES, FORGIVEN = 5, 1
"""Rollouts of each version; one of them may go wrong."""
SEED = 20_240_501
ABREAST = 2
DEADLINE = 2.0
"""Seconds for one answer."""
TRIES, PAUSE = 3, 0.2
"""For a good answer: a service may turn away what is too much for it, and the seconds between."""
USUAL_MS = 20.0
SERVER_ERROR = 500
DECISIONS_SHOWN = 12


@dataclass(frozen=True)
class Traffic:
    """What the brief promises: requests a minute, the longest a healthy version takes, from when on a request counts
    as bad, and how many bad ones callers accept in a rollout.
    """

    per_minute: int
    healthy_ms: float
    bad_ms: float
    budget: int

    def bad(self, outcome: Outcome) -> bool:
        """Whether a caller was ill served."""
        return not outcome.good or outcome.ms > self.bad_ms


@dataclass(frozen=True)
class Version:
    """A new version to roll out: how it is told of, whether it is fit, and what it does with a request."""

    what: str
    healthy: bool
    answer: Callable[[random.Random], Outcome]


@dataclass(frozen=True)
class Samples:
    """Answers that were measured, reads and writes apart: as the service gives them, slowed down, and broken."""

    usual: Mapping[str, Sequence[Outcome]]
    slow: Mapping[str, Sequence[Outcome]]
    broken: Mapping[str, Sequence[Outcome]]


def plan_of(submitted: Submitted, path: str) -> Plan:
    """Return the plan that was handed in. Raises Failure when there is none that can be carried out."""
    try:
        return read_plan(submitted.text(path))
    except PlanError as error:
        raise Failure(
            f"{path} cannot be carried out: {error}", expected="the format that the brief describes"
        ) from None


def measure(
    port: int, reads: Sequence[Request], writes: Sequence[Request], slow_by: float, traffic: Traffic
) -> Samples:
    """Send the requests through a relay in front of the service at `port`, three times: undisturbed, each held for
    `slow_by` seconds, and each answered 500 in its place. What fails undisturbed or held is asked again.
    """
    relay = Relay.start("canary", 0, port, "header:Idempotency-Key")
    asked = {"read": reads, "write": writes}
    try:
        client = Client(relay.port)

        def answers(extra_ms: float) -> dict[str, list[Outcome]]:
            return {kind: _good(client, requests, extra_ms, traffic) for kind, requests in asked.items()}

        usual = answers(0.0)
        relay.everything(Fault.delay(slow_by))
        slow = answers(slow_by * 1000)
        relay.everything(Fault.status(SERVER_ERROR))
        broken = {kind: _outcomes(client, requests, 0.0, traffic) for kind, requests in asked.items()}
        return Samples(usual, slow, broken)
    finally:
        relay.stop()


def _good(client: Client, requests: Sequence[Request], extra_ms: float, traffic: Traffic) -> list[Outcome]:
    """Good answers to the requests. What fails is asked again unless everything does; then the usual one will do."""
    good: list[Outcome] = []
    left = list(requests)
    for _ in range(TRIES):
        outcomes = _outcomes(client, left, extra_ms, traffic)
        good += [outcome for outcome in outcomes if outcome.good]
        left = [request for request, outcome in zip(left, outcomes, strict=True) if not outcome.good]
        if not left or not good:
            break
        time.sleep(PAUSE)
    return good + [Outcome(good=True, ms=extra_ms + USUAL_MS)] * len(left)


def _outcomes(client: Client, requests: Sequence[Request], extra_ms: float, traffic: Traffic) -> list[Outcome]:
    def outcome(request: Request) -> Outcome:
        exchange = client.send(request, deadline=DEADLINE)
        good = exchange.response is not None and exchange.response.status < SERVER_ERROR
        return Outcome(good, extra_ms + min(max(exchange.seconds * 1000 - extra_ms, 0.0), traffic.healthy_ms))

    with ThreadPoolExecutor(ABREAST) as pool:
        return list(pool.map(outcome, requests))


def versions(samples: Samples, write_share: float) -> tuple[Version, ...]:
    """Return the versions that are rolled out; each is drawn from what was measured."""

    def drawn(dice: random.Random, spoilt: float, by: Mapping[str, Sequence[Outcome]], only: str = "") -> Outcome:
        kind = "write" if dice.random() < write_share else "read"
        hit = dice.random() < spoilt and only in ("", kind)
        return dice.choice((by if hit else samples.usual)[kind])

    broken, slow = samples.broken, samples.slow
    healthy: dict[str, Callable[[random.Random], Outcome]] = {
        "a healthy version": lambda dice: drawn(dice, 0.0, broken),
        "a healthy version that fails one request in a thousand": lambda dice: drawn(dice, 0.001, broken),
    }
    faulty: dict[str, Callable[[random.Random], Outcome]] = {
        "a version that fails one request in twenty": lambda dice: drawn(dice, 0.05, broken),
        "a version that fails every write": lambda dice: drawn(dice, 1.0, broken, "write"),
        "a version that takes 300 ms longer": lambda dice: drawn(dice, 1.0, slow),
        "a version that takes 300 ms longer one time in seven": lambda dice: drawn(dice, 1 / 7, slow),
    }
    told = {True: healthy, False: faulty}
    return tuple(Version(what, fit, answer) for fit, kinds in told.items() for what, answer in kinds.items())


def expect_safe(plan: Plan, offered: Sequence[Version], traffic: Traffic, evidence: Evidence) -> None:
    """Every healthy version is promoted, and every faulty one rolled back within the error budget. Raises Failure for
    the first that is not, more than once in `TIMES` rollouts.
    """
    wrong: list[tuple[Version, Rollout]] = []
    for version in offered:
        runs: list[Rollout] = []
        failed: list[Rollout] = []
        while len(runs) < TIMES and len(failed) <= FORGIVEN:
            runs.append(_rolled_out(plan, version, traffic, SEED + len(runs)))
            failed += [run for run in runs[-1:] if not _right(run, version, traffic)]
        shown = failed[0] if failed else runs[0]
        evidence.note(f"The rollout of {version.what}", _told(shown, traffic))
        if len(failed) > FORGIVEN:
            wrong.append((version, shown))
    if wrong:
        version, run = wrong[0]
        others = "".join(f"\nalso wrong: {other.what}" for other, _ in wrong[1:])
        raise Failure(
            f"{version.what} {_end(run, version, traffic)}",
            sent=f"{TIMES} rollouts by the plan, at {traffic.per_minute} requests a minute",
            received=_told(run, traffic) + others,
            expected="promoted" if version.healthy else f"rolled back before {traffic.budget} requests went badly",
        )


def _rolled_out(plan: Plan, version: Version, traffic: Traffic, seed: int) -> Rollout:
    dice = random.Random(seed)  # noqa: S311  the same rollouts for everybody
    return carry_out(plan, lambda: version.answer(dice), per_minute=traffic.per_minute, bad=traffic.bad)


def _right(run: Rollout, version: Version, traffic: Traffic) -> bool:
    if version.healthy:
        return run.end == "promote"
    return run.end == "roll back" and run.bad <= traffic.budget


def _end(run: Rollout, version: Version, traffic: Traffic) -> str:
    if run.end == "promote":
        return "was promoted"
    if run.end == "hold":
        return f"was neither promoted nor rolled back within {run.minutes} minutes"
    late = not version.healthy and run.bad > traffic.budget
    return f"was rolled back too late, after {run.bad} bad requests" if late else "was rolled back"


def _told(run: Rollout, traffic: Traffic) -> str:
    lines = [f"minute {each.minute}, {each.percent:g} %: {each.action}: {each.reason}" for each in run.decisions]
    if len(lines) > DECISIONS_SHOWN:
        lines = [*lines[: DECISIONS_SHOWN // 2], "…", *lines[-DECISIONS_SHOWN // 2 :]]
    return "\n".join([*lines, f"{run.bad} of {run.requests} requests went badly; the budget is {traffic.budget}"])
