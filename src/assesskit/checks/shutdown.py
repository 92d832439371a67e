"""Stopping without loss: a SIGTERM asks a service to finish what it has, take nothing new, and go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.creation import CREATED, Creation, created, place
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.services import Service, ended
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

HOLD = 1.5
"""Seconds that the dependency holds the request in flight after SIGTERM; a grace period too short is over by then."""
GRACE = 10.0
"""Seconds from SIGTERM until the service must have ended."""
LATE = 2.0
"""Seconds over it for which the end is awaited, to tell a late one from none."""
IN_FLIGHT = (CREATED, 503, 504)
"""A complete answer to the request in flight; the latter two where the service gave up waiting by its own timeout."""
POLL = 0.1
OK = 200


def expect_drained(service: Service, relay: Relay, before: Creation, during: Creation, evidence: Evidence) -> None:
    """After SIGTERM the request in flight is answered, nothing new is taken, the end comes in time, nothing is lost.

    `before` is acknowledged before the signal, `during` is in flight. The service serves again on return.
    """
    acknowledged = [service.send(before.request())]
    created(acknowledged[0])
    in_flight, newcomer = _stopped(service, relay, during)
    expect(
        in_flight.response is not None and in_flight.response.status in IN_FLIGHT,
        "the request in flight at SIGTERM was not finished",
        received="" if in_flight.response else "the connection ended without an answer",
        expected="its normal answer",
        exchange=in_flight,
    )
    expect(
        newcomer.response is None or newcomer.response.status // 100 != 2,  # noqa: PLR2004
        f"{HOLD:g} s after SIGTERM a new GET {newcomer.request.path} is still answered as if nothing had happened",
        expected="503, or no new connections at all",
        exchange=newcomer,
    )
    _expect_ended(service, evidence)
    if in_flight.answered().status == CREATED:
        acknowledged.append(in_flight)
    service.start()
    service.until_ready()
    for exchange in acknowledged:
        _expect_kept(service, place(exchange), before.token)


def _expect_ended(service: Service, evidence: Evidence) -> None:
    began = time.monotonic()
    with Stalls() as stalls:
        state = service.wait(GRACE + LATE)
    seconds = time.monotonic() - began
    evidence.note("after SIGTERM", "the service still ran" if state["running"] else f"the service {ended(state)}")
    stalls.expect_within(
        max(seconds, GRACE + LATE) if state["running"] else seconds,
        GRACE,
        f"{GRACE:g} s after SIGTERM the service still ran",
        expected=f"its end within {GRACE:g} s",
    )


def _stopped(service: Service, relay: Relay, during: Creation) -> tuple[Exchange, Exchange]:
    """Send SIGTERM while the dependency holds `during`; return its exchange and that of the last newcomer meanwhile.

    Its connection is one that would be kept: what is idle may be closed at any time, what was received is answered
    (RFC 9112, 9.3 and 9.5).
    """
    relay.script(during.mark, Fault.hang())
    with ThreadPoolExecutor(1) as pool:
        kept_alive = during.request(Connection="keep-alive")
        pending = pool.submit(service.send, kept_alive, deadline=GRACE + HOLD)
        try:
            if not relay.waiting(during.mark, timeout=5.0):
                created(pending.result())
                raise Failure("the answer came without a call to the dependency", expected="one call for each creation")
            service.signal("TERM")
            newcomer = _newcomer(service)
        finally:
            relay.release(during.mark)
        return pending.result(), newcomer


def _newcomer(service: Service) -> Exchange:
    until = time.monotonic() + HOLD
    while True:
        exchange = service.send(Request("GET", service.ready_path), deadline=1.0)
        if time.monotonic() > until:
            return exchange
        time.sleep(POLL)


def _expect_kept(service: Service, path: str, token: str) -> None:
    exchange = service.send(Request("GET", path, (("Authorization", f"Bearer {token}"),)))
    expect(
        exchange.answered().status == OK,
        f"what was acknowledged with 201 before the stop answers {exchange.answered().status} after the restart",
        expected="200",
        exchange=exchange,
    )
