"""More work than a service can do: what is cheap stays quick, what is too much is turned away at once."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks import resilience
from assesskit.checks.creation import CREATED, Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.idempotency import volley
from assesskit.checks.services import Service, ended
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Relay

WRITERS = 60
"""Creations that wait for a silent dependency: more than most pools have room for."""
SETTLED = 0.5
"""Seconds until they all wait, or were turned away."""
READS = 20
APART = 0.05
QUICK = 0.5
"""Seconds in which nine reads of ten are answered."""
BURST = 150
SLOW = 1.5
"""Seconds that the dependency takes during a burst: no more than it may."""
EARLY = 0.1
"""Seconds by which clocks differ at most."""
TOLERANCE = 1.0
"""Seconds granted over a promised time to a machine that is busy with the burst itself."""
PATIENCE = 5.0
LATE = 12.0
"""Seconds over the promised time for which an answer to a burst is awaited, to tell late ones from none."""
FEWEST = 4
"""Of a burst, so many are made at least: what two at a time come to in the promised time."""
AGAIN = 5.0
"""Seconds after a burst in which a creation succeeds again."""
SWIFT = 0.3
"""Seconds in which our own dependency does its work, on a machine that is busy with a burst."""
OK = 200
TURNED_AWAY = (429, 503)
WHOLE_SECONDS = re.compile(r"[0-9]{1,6}")


def expect_reads_unharmed(
    service: Service, relay: Relay, fresh: Callable[[], Creation], reads: Sequence[Request], evidence: Evidence
) -> None:
    """While many creations wait for a dependency that is silent, reads are answered as if nothing were the matter."""
    writes = [fresh() for _ in range(WRITERS)]
    for creation in writes:
        relay.script(creation.mark, Fault.hang(), always=True)
    with Stalls() as stalls, ThreadPoolExecutor(WRITERS + READS) as pool:
        for creation in writes:
            pool.submit(service.send, creation.request(), deadline=PATIENCE)
        time.sleep(SETTLED)
        pending = []
        for number in range(READS):
            pending.append(pool.submit(service.send, reads[number % len(reads)], deadline=PATIENCE))
            time.sleep(APART)
        answers = [one.result() for one in pending]
        relay.reset()
    told = f"while {WRITERS} POST {writes[0].path} waited for a silent dependency"
    for exchange in answers:
        _expect_read(exchange, told, stalls)
    slow = sorted(one.seconds for one in answers)[READS * 9 // 10 - 1]
    evidence.figure("nine reads of ten while writes wait", slow * 1000, "ms", QUICK * 1000)
    stalls.expect_within(
        slow,
        QUICK + resilience.TOLERANCE,
        f"{told}, reads took {slow:.1f} s and more",
        expected=f"nine reads of ten are answered within {QUICK:g} s",
    )


def _expect_read(exchange: Exchange, told: str, stalls: Stalls) -> None:
    """A read was answered, with 200."""
    if exchange.response is None:
        silent = f"{told}, a read got no answer: {exchange.error}"
        stalls.expect_within(exchange.seconds, QUICK + resilience.TOLERANCE, silent, expected="200", exchange=exchange)
        raise Failure(silent, expected="200", exchange=exchange)
    status = exchange.response.status
    expect(status == OK, f"{told}, a read got {status}", expected="200", exchange=exchange)


def expect_excess_turned_away(
    service: Service, relay: Relay, fresh: Callable[[], Creation], seconds: float, evidence: Evidence
) -> None:
    """A burst of creations while the dependency is slow: each is answered within `seconds`, those too many with
    429 or 503 and Retry-After; the service survives, and makes things again right afterwards.
    """
    creations = [fresh() for _ in range(BURST)]
    for creation in creations:
        relay.script(creation.mark, Fault.delay(SLOW), always=True)
    with Stalls() as stalls:
        exchanges = volley(service, [creation.request() for creation in creations], deadline=seconds + LATE)
    told = f"{BURST} POST {creations[0].path} at once, while the dependency takes {SLOW:g} s"
    _expect_alive(service, told)
    evidence.note("answers to the burst", _counted(exchanges))
    marks = {creation.mark for creation in creations}
    calls = [call for call in relay.calls() if call.key in marks]
    asked = {call.key for call in calls}
    for creation, exchange in zip(creations, exchanges, strict=True):
        if exchange.response is not None:
            _expect_turned_away_well(exchange, exchange.response, told, tried=creation.mark in asked)
            expect(
                exchange.response.status != CREATED or exchange.seconds >= SLOW - EARLY,
                f"{told}: one of them was confirmed sooner than the dependency answers",
                expected="201 once the work is done; who has no room for it says so",
                exchange=exchange,
            )
    _expect_in_time(exchanges, seconds, told, stalls, _excess(calls))
    for exchange in exchanges:
        exchange.answered()
    _expect_some_made(exchanges, told, stalls, _excess(calls))
    _expect_serves_again(service, fresh)


def _excess(calls: Sequence[Call]) -> float:
    """For how many seconds longer than it should our own dependency has kept one of the calls waiting.

    Not at all, when it was called over and over: then it is slow for whoever called.
    """
    if len(calls) > 2 * BURST:
        return 0.0
    slowest = max((call.target_seconds for call in calls if call.target_seconds is not None), default=0.0)
    return max(0.0, slowest - SWIFT)


def _expect_in_time(exchanges: Sequence[Exchange], seconds: float, told: str, stalls: Stalls, excess: float) -> None:
    slowest = max(exchanges, key=lambda one: one.seconds)
    late, limit = f"{told}: one of them took {slowest.seconds:.1f} s", seconds + TOLERANCE
    if excess and limit < slowest.seconds <= limit + excess + stalls.explained:
        raise Inconclusive(f"{late}, but the dependency took {excess:.1f} s longer than that on this machine")
    expected = f"every answer within {seconds:g} s; 429 or 503 with Retry-After for those that are too many"
    stalls.expect_within(slowest.seconds, limit, late, expected=expected)


def _expect_some_made(exchanges: Sequence[Exchange], told: str, stalls: Stalls, excess: float) -> None:
    made = sum(one.answered().status == CREATED for one in exchanges)
    if made >= FEWEST:
        return
    summary = f"{told}: {made or 'none'} of them {'was' if made < 2 else 'were'} made"  # noqa: PLR2004  a plural
    if excess or stalls.explained > TOLERANCE:
        raise Inconclusive(f"{summary}, but this machine was too busy to make them in time")
    raise Failure(summary, received=_counted(exchanges), expected=f"as many as there is room for, {FEWEST} at least")


def _expect_turned_away_well(exchange: Exchange, answer: Response, told: str, *, tried: bool) -> None:
    """`tried`: a call to the dependency was made for it, so it was let in, and may have failed like any other."""
    expect(
        answer.status in (CREATED, 504, *TURNED_AWAY),
        f"{told}: one of them got {answer.status}",
        expected="201, or 429 or 503 with Retry-After",
        rule="RFC 9110, 15.6.4; RFC 6585, 4",
        exchange=exchange,
    )
    told_when = WHOLE_SECONDS.fullmatch(answer.headers.get("retry-after", "") or "")
    expect(
        tried or answer.status not in TURNED_AWAY or told_when is not None,
        f"{told}: one of them got {answer.status} without a Retry-After in whole seconds",
        expected="Retry-After: 1, or longer",
        rule="RFC 9110, 10.2.3",
        exchange=exchange,
    )


def _expect_alive(service: Service, told: str) -> None:
    state = service.status()
    if not state["running"]:
        raise Failure(f"{told}: the service {ended(state)}", expected="a service that has bounds and keeps to them")


def _expect_serves_again(service: Service, fresh: Callable[[], Creation]) -> None:
    began = time.monotonic()
    with Stalls() as stalls:
        while True:
            exchange = service.send(fresh().request())
            if exchange.response is not None and exchange.response.status == CREATED:
                seconds = time.monotonic() - began
                late = f"the next creation was made only {seconds:.1f} s after a burst was answered"
                stalls.expect_within(seconds, AGAIN + TOLERANCE, late, expected=f"201 within {AGAIN:g} s")
                return
            expect(
                stalls.within(AGAIN),
                f"{AGAIN:g} s after a burst was answered, a creation still fails",
                expected="201",
                exchange=exchange,
            )
            time.sleep(0.25)


def _counted(exchanges: Sequence[Exchange]) -> str:
    found = Counter(str(one.response.status) if one.response else one.error for one in exchanges)
    return ", ".join(f"{count} times {what}" for what, count in found.most_common(6))
