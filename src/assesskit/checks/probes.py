"""What a platform asks a service: are you alive (else it is restarted), are you ready (else it gets no traffic)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.creation import CREATED, Creation
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.resilience import TOLERANCE, UNAVAILABLE
from assesskit.checks.services import Service, ended
from assesskit.checks.stalls import Stalls
from assesskit.instruments.relay import Relay

POLL = 0.1
PROMISED = 2.0
PROBE_DEADLINE = 3.0
"""Seconds in which a probe is answered, and for which an answer is awaited."""
NOTICES = 6.0
"""Seconds in which a service that looks after its dependency has noticed that it is away."""
IN_A_ROW = 5
OK = 200
STOPS = 5.0
"""Seconds a service gets to end before it is killed for a start."""
AWAY = 8.0
"""Seconds for which a service that answers has to bear that its dependency is away: pauses between two looks that grow
without end are longer by then than the return may take to be noticed.
"""
FIRST_WORD = 10.0
"""Seconds until a service that starts alone should have said anything; it may also say nothing until it is ready."""
AT_ONCE = 4
"""Creations at the first moment of readiness, so that every worker gets some."""


def expect_stays(service: Service, path: str, seconds: float, while_: str, *, after: str = "") -> None:
    """`path` answers 200 every time, for `seconds`; `while_` says in words what is going on meanwhile.

    With another probe `after`, they begin when that one has noticed: a handler that serves both may take its time.
    """
    waiting, give_up = bool(after), time.monotonic() + NOTICES
    until = time.monotonic() + seconds
    asked = False
    while waiting or not asked or time.monotonic() < until:
        asked = True
        with Stalls() as stalls:
            exchange = _probe(service, path)
        told, expected = f"GET {path} {_said(exchange)} {while_}", "200: a restart would not help"
        if exchange.response is None:
            stalls.expect_within(exchange.seconds, PROMISED, told, expected=expected, exchange=exchange)
        expect(_well(exchange), told, expected=expected, exchange=exchange)
        if waiting and (time.monotonic() > give_up or not _well(_probe(service, after))):
            waiting, until = False, time.monotonic() + seconds
        time.sleep(POLL)


def expect_turns(service: Service, path: str, status: int, within: float, after: str) -> float:
    """`path` turns to `status` at the latest `within` seconds from now; return after how many. `after` is in words.

    It has turned when `IN_A_ROW` answers say so: with several workers, one may still tell of an earlier outage. What
    takes longer than a probe may is no answer.
    """
    began = time.monotonic()
    turned: list[float] = []
    with Stalls() as stalls:
        while True:
            exchange = _probe(service, path, PROMISED + TOLERANCE)
            passed = time.monotonic() - began
            if exchange.response is not None and exchange.response.status == status:
                turned.append(passed)
                if len(turned) == IN_A_ROW:
                    late = f"GET {path} answered {status} only {turned[0]:.1f} s after {after}"
                    stalls.expect_within(turned[0], within, late, expected=f"{status} within {within:g} s")
                    return turned[0]
                time.sleep(POLL)
                continue
            turned.clear()
            if passed > within + min(stalls.explained, within):
                stalls.expect_within(
                    passed,
                    within,
                    f"GET {path} {_said(exchange)} {within:g} s after {after}",
                    expected=f"{status} within {within:g} s, answered in time",
                    exchange=exchange,
                )
            time.sleep(POLL)


def expect_starts_alone(service: Service, relay: Relay, within: float) -> None:
    """Started while its dependency refuses every connection, the service stays up, not ready; ready after its return.

    Until it is ready it may answer anything but 200, or not listen yet.
    """
    service.stop(STOPS)
    relay.shut()
    service.start()
    began = time.monotonic()
    answered = None
    while time.monotonic() < (began + FIRST_WORD if answered is None else answered + AWAY):
        exchange = _probe(service, service.ready_path)
        answered = answered or (time.monotonic() if exchange.response else None)
        told = f"GET {service.ready_path} {_said(exchange)} while its dependency is away"
        expect(not _well(exchange), told, expected="503", exchange=exchange)
        _expect_runs(service, "started while its dependency was away")
        time.sleep(POLL)
    relay.reopen()
    patience = service.ready_within if answered is None else within
    expect_turns(service, service.ready_path, OK, patience, "the dependency came back, during the start")


def expect_ready_means_ready(service: Service, fresh: Callable[[], Creation], within: float) -> None:
    """Started over what it has stored, the service makes things at once from its first 200, whichever worker is asked.

    `within` are the seconds an answer to a creation may take.
    """
    service.stop(STOPS)
    requests = [fresh().request() for _ in range(AT_ONCE)]
    service.start()
    service.until_ready()
    with Stalls() as stalls, ThreadPoolExecutor(AT_ONCE) as pool:
        exchanges = list(pool.map(lambda request: service.send(request, deadline=2 * within), requests))
    first = f"GET {service.ready_path} answered 200 after a start, and at that moment POST {requests[0].path}"
    for exchange in exchanges:
        said, expected = f"{first} {_said(exchange)}", "201: who is ready can do its work"
        status = exchange.response.status if exchange.response else None
        if status is None:
            stalls.expect_within(exchange.seconds, within, said, expected=expected, exchange=exchange)
        if status in UNAVAILABLE:
            stalls.excuse(said)
        expect(status == CREATED, said, expected=expected, exchange=exchange)
        told = f"{first} took {exchange.seconds:.1f} s"
        stalls.expect_within(exchange.seconds, within, told, expected=f"at most {within:g} s", exchange=exchange)


def _expect_runs(service: Service, when: str) -> None:
    state = service.status()
    if not state["running"]:
        raise Failure(
            f"the service {ended(state)}, {when}",
            sent="a start, while every connection to the dependency is refused",
            received="its end",
            expected="a service that runs, is not ready, and becomes ready after the return",
        )


def _probe(service: Service, path: str, deadline: float | None = None) -> Exchange:
    return service.send(Request("GET", path), deadline=deadline or PROBE_DEADLINE)


def _well(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.status == OK


def _said(exchange: Exchange) -> str:
    return f"answered {exchange.response.status}" if exchange.response else f"failed ({exchange.error})"
