"""What a service's own retries do for its callers, and to its dependency: calls are counted at the relay."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.creation import CREATED, Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

SENDERS = 8
"""Requests at a time while the dependency is dead."""
FEW = 2
"""Requests at a time where each has to succeed: fewer than any service has to have room for."""
REQUESTS = 100
BEFORE = 100
"""Requests ahead of those that count: a service may have a few retries saved up, and may have to earn its first."""
EVERY = 8
"""Of the flaky requests, one in so many finds that its first call fails. A budget of a fifth leaves room for it: each
worker may keep one of its own, and by chance one of them meets more of these requests than the others.
"""
MOST_CALLS = 1.3
"""For each request while the dependency is dead."""
MOST_FAILED = 1
"""Of the flaky requests."""
SOON = 0.3
"""Seconds: what failed sooner did not fail because a time limit passed on a machine that stood still."""
DEADLINE = 8.0


def expect_flakiness_hidden(service: Service, relay: Relay, fresh: Callable[[], Creation], evidence: Evidence) -> None:
    """Every eighth request finds that its first call to the dependency fails: nearly all succeed all the same."""
    creations = [fresh() for _ in range(BEFORE + REQUESTS)]
    faults = itertools.cycle((Fault.reset(), Fault.status(503)))
    for creation, fault in zip(creations[BEFORE::EVERY], faults, strict=False):
        relay.script(creation.mark, fault)
    with Stalls() as stalls:
        exchanges = _sent(service, creations, FEW)[BEFORE:]
    failed = [one for one in exchanges if one.response is None or one.response.status != CREATED]
    evidence.figure("failed while one first call in eight fails", len(failed), "requests", MOST_FAILED)
    told = f"{REQUESTS} creations, of which every eighth found that its first call to the dependency failed: "
    told += f"about {max(1, round(len(failed) / 5)) * 5} failed"
    at_once = [one for one in failed if one.seconds < SOON]
    if len(at_once) <= MOST_FAILED < len(failed):
        stalls.excuse(told)
    expect(
        len(failed) <= MOST_FAILED,
        told,
        expected=f"at most {MOST_FAILED} fails: a call that failed for a moment is made once more",
        exchange=failed[0] if failed else None,
    )


def expect_few_calls(service: Service, relay: Relay, fresh: Callable[[], Creation], evidence: Evidence) -> None:
    """The dependency is dead: over all callers, it is called hardly more often than there are requests.

    Every other request finds that it answers 503, since what is bounded for broken connections may not be for answers.
    `fresh` makes each creation for another caller, so that a budget for each of them shows.
    """
    relay.everything(Fault.refuse())
    creations = [fresh() for _ in range(BEFORE + REQUESTS)]
    for creation in creations[::2]:
        relay.script(creation.mark, Fault.status(503), always=True)
    exchanges = _sent(service, creations, SENDERS)
    relay.everything(None)
    counted = {creation.mark for creation in creations[BEFORE:]}
    calls = sum(call.key in counted for call in relay.calls()) / REQUESTS
    evidence.figure("calls for each request while the dependency is dead", calls, "calls", MOST_CALLS)
    expect(
        calls <= MOST_CALLS,
        f"while every call to the dependency failed, it was called {calls:.1f} times for each request: "
        f"{REQUESTS} requests of as many callers",
        expected=f"at most {MOST_CALLS:g} calls for each: retries are a small share of all calls, over all callers",
        exchange=exchanges[-1],
    )


def expect_refusal_taken(service: Service, relay: Relay, creations: Sequence[Creation]) -> None:
    """What the dependency refuses for good is not asked again; it refuses each of these."""
    for creation in creations:
        with Stalls() as stalls:
            exchange = service.send(creation.request())
        calls = len(relay.calls(creation.mark))
        told = f"the dependency said 409, and was asked the same {calls} times"
        if calls > 1:  # who did not hear the first 409 in time may ask again
            stalls.excuse(told)
        expect(
            calls <= 1,
            told,
            expected="one call: asking again changes nothing about a 4xx",
            rule="RFC 9110, 15.5",
            exchange=exchange,
        )


def _sent(service: Service, creations: Sequence[Creation], senders: int) -> list[Exchange]:
    with ThreadPoolExecutor(senders) as pool:
        return list(pool.map(lambda creation: service.send(creation.request(), deadline=DEADLINE), creations))
