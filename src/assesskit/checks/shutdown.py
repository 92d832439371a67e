"""Stopping without loss: a SIGTERM asks a service to finish what it has, take nothing new, tell the rest, and go."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from assesskit.checks.creation import CREATED, Creation, created, made, place
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.resilience import TOLERANCE
from assesskit.checks.services import Service, ended
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import Caller, settled
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

HOLD = 1.5
"""Seconds that the dependency holds the request in flight after SIGTERM; a grace period too short is over by then. The
dependency may take as long at any time, so whoever gives up sooner does so for the signal.
"""
BRIEFLY = 0.3
"""Seconds that it is held where only its spans are asked for; and that one newcomer waits, who holds it up, too."""
GRACE = 10.0
"""Seconds from SIGTERM until the service must have ended."""
LATE = 5.0
"""Seconds over it for which the end is awaited, to tell a late one from none: more than stalls usually explain."""
GAVE_UP = (503, 504)
"""Answers to the request in flight that will do where the service's own timeout was over."""
ARRIVAL = 5.0
"""Seconds until the dependency must have been called."""
LAST_MOMENT = 2.0
"""Seconds for spans to arrive of a service that has ended."""
POLL = 0.1
OK = 200


def expect_drained(
    service: Service,
    relay: Relay,
    before: Creation,
    during: Creation,
    evidence: Evidence,
    gave_up: Container[int] = GAVE_UP,
) -> None:
    """After SIGTERM the request in flight is answered, nothing new is taken, the end comes in time, nothing is lost.

    `before` is acknowledged before the signal, `during` is in flight. The service serves again on return.
    """
    acknowledged = [made(service, before)]
    with Stalls() as stalls:
        in_flight, newcomer, state, seconds = _stopped(service, relay, during)
    _expect_answered(in_flight, gave_up)
    expect(
        newcomer.response is None or newcomer.response.status // 100 != 2,  # noqa: PLR2004
        f"over {HOLD:g} s after SIGTERM a new GET {newcomer.request.path} is still answered as if nothing had happened",
        expected="503, or no new connections at all",
        exchange=newcomer,
    )
    evidence.note("after SIGTERM", _told(state))
    stalls.expect_within(
        seconds,
        GRACE + TOLERANCE,
        f"{GRACE:g} s after SIGTERM the service still ran",
        expected=f"its end within {GRACE:g} s",
    )
    if in_flight.answered().status == CREATED:
        acknowledged.append(in_flight)
    service.start()
    service.until_ready()
    for exchange in acknowledged:
        _expect_kept(service, place(exchange), before.token)


def expect_flushed(
    service: Service,
    relay: Relay,
    collector: Collector,
    before: Sequence[Creation],
    during: Creation,
    evidence: Evidence,
) -> None:
    """Spans of requests that were answered just before SIGTERM, and of the one in flight, arrive all the same.

    The last of `before` is sent when `during` is in flight, so that no exporter sends its spans between its answer and
    the signal because it was time to; of a service that does not answer two at once it is not asked. Whether the one in
    flight is answered, and whether the service goes, is judged elsewhere. It has ended on return.
    """
    *early, newest = before
    callers = [Caller.fresh() for _ in (*early, newest, during)]
    exchanges = [
        made(service, one, traceparent=caller.traceparent) for one, caller in zip(early, callers, strict=False)
    ]
    with _held(service, relay, during.request(traceparent=callers[-1].traceparent), during.mark) as pending:
        exchanges.append(service.send(newest.request(traceparent=callers[-2].traceparent), deadline=BRIEFLY))
        service.signal("TERM")
        time.sleep(BRIEFLY)
    exchanges.append(pending.result())
    state = service.wait(GRACE)
    evidence.note("after SIGTERM", _told(state))
    if state["running"]:
        service.stop(LAST_MOMENT)
        raise Inconclusive("the service did not end on SIGTERM, so nothing can be said of what it sends before its end")
    words = ["answered just before SIGTERM"] * len(before) + ["in flight at SIGTERM"]
    for exchange, caller, when in zip(exchanges, callers, words, strict=True):
        if exchange.response is not None:
            spans = settled(collector, caller, service.name, timeout=LAST_MOMENT)
            evidence.spans(f"spans of a request {when}", spans)
            _expect_spans(spans, exchange, when)


def _stopped(service: Service, relay: Relay, during: Creation) -> tuple[Exchange, Exchange, dict[str, Any], float]:
    """Send SIGTERM while the dependency holds `during`; return its exchange, that of the last newcomer meanwhile, the
    state at the end, and the seconds from the signal until then.

    Its connection is one that would be kept: what is idle may be closed at any time, what was received is answered
    (RFC 9112, 9.3 and 9.5).
    """
    with _held(service, relay, during.request(Connection="keep-alive"), during.mark) as pending:
        if not relay.waiting(during.mark, timeout=POLL):
            created(pending.result())
            raise Failure("the answer came without a call to the dependency", expected="one call for each creation")
        service.signal("TERM")
        signalled = time.monotonic()
        newcomer = _newcomer(service)
    in_flight = pending.result()
    state = service.wait(max(GRACE + LATE - (time.monotonic() - signalled), POLL))
    seconds = time.monotonic() - signalled
    return in_flight, newcomer, state, max(seconds, GRACE + LATE) if state["running"] else seconds


@contextmanager
def _held(service: Service, relay: Relay, request: Request, mark: str) -> Iterator[Future[Exchange]]:
    """The request is in flight: the dependency holds its call until the block is left."""
    relay.script(mark, Fault.hang())
    with ThreadPoolExecutor(1) as pool, Stalls() as stalls:
        pending = pool.submit(service.send, request, deadline=2 * (GRACE + HOLD))  # as much may be a stall
        try:
            while not (relay.waiting(mark, timeout=POLL) or pending.done()) and stalls.within(ARRIVAL):
                pass
            yield pending
        finally:
            relay.release(mark)


def _newcomer(service: Service) -> Exchange:
    """The last of those that come for `HOLD` seconds, and for as much longer as this machine stands still."""
    with Stalls() as stalls:
        while True:
            asked = stalls.within(HOLD)
            exchange = service.send(Request("GET", service.ready_path), deadline=BRIEFLY)
            if not asked:
                return exchange
            time.sleep(POLL)


def _expect_answered(in_flight: Exchange, gave_up: Container[int]) -> None:
    """The request in flight has its answer, and not one that the signal was the reason of."""
    status = None if in_flight.response is None else in_flight.response.status
    expect(
        status == CREATED or status in gave_up,
        "the request in flight at SIGTERM was not finished",
        received="" if status else "the connection ended without an answer",
        expected="its normal answer",
        exchange=in_flight,
    )
    expect(
        status == CREATED or in_flight.seconds >= HOLD,
        f"the request in flight at SIGTERM was given up: it was answered {status} before {HOLD:g} s were over",
        expected="its normal answer, for which the dependency was being waited",
        exchange=in_flight,
    )


def _expect_spans(spans: Sequence[Span], exchange: Exchange, when: str) -> None:
    expect(
        bool(spans),
        f"no span arrived of a request that was {when}",
        sent=f"POST {exchange.request.path}, then SIGTERM",
        received=f"the answer {exchange.answered().status}, and no span",
        expected="what is not exported yet is sent before the process ends",
    )


def _told(state: dict[str, Any]) -> str:
    return "the service still ran" if state["running"] else f"the service {ended(state)}"


def _expect_kept(service: Service, path: str, token: str) -> None:
    exchange = service.send(Request("GET", path, (("Authorization", f"Bearer {token}"),)))
    expect(
        exchange.answered().status == OK,
        f"what was acknowledged with 201 before the stop answers {exchange.answered().status} after the restart",
        expected="200",
        exchange=exchange,
    )
