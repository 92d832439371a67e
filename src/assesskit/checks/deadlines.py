"""Whether work ends when nobody waits for it any more: calls that begin after the deadline are counted at a relay."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import expect
from assesskit.checks.journey import Journey, Trip
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

REQUESTS = 4
TOLERANCE = 0.7
"""Seconds granted over a deadline for a slow machine."""
LATE = 0.8
"""Seconds after the deadline at which the slow program answers: by then nobody waits."""
AFTERWARDS = 1.5
"""Seconds after that for calls to come which should not."""


def expect_ends(
    service: Service, slow: Relay, next_one: Relay, journey: Journey, seconds: float, evidence: Evidence, *, said: bool
) -> None:
    """A program in the middle answers too late: 504 in time, and the call that would have come next is not made.

    `slow` is in front of that program, `next_one` in front of who is called after it; `seconds` is the deadline, which
    the request itself names if `said`.
    """
    trips = [journey.fresh() for _ in range(REQUESTS)]
    for trip in trips:
        slow.script(trip.items[0], Fault.delay(seconds + LATE), always=True)

    def ask(trip: Trip) -> Exchange:
        headers = {journey.timeout: str(int(seconds * 1000))} if said else {}
        return service.send(trip.request(headers), deadline=seconds + LATE + AFTERWARDS + 4.0)

    with Stalls() as stalls, ThreadPoolExecutor(REQUESTS) as pool:
        exchanges = list(pool.map(ask, trips))
    time.sleep(max(0.0, LATE + AFTERWARDS))
    marks = {trip.mark for trip in trips}
    late = [call for call in next_one.calls() if call.key in marks]
    name = next_one.name.removeprefix("relay ")
    evidence.relay(f"calls to {name} after the deadline", late)
    told = f"{journey.timeout}: {seconds * 1000:g}" if said else f"no {journey.timeout}, so {seconds:g} s"
    sent = f"{REQUESTS} requests with {told}, while {slow.name.removeprefix('relay ')} needs longer than that"
    for exchange in exchanges:
        status = exchange.response.status if exchange.response else None
        expect(
            status in {None, 503, 504},
            f"a request whose time was over was answered {status}",
            sent=sent,
            received=str(status),
            expected="504",
            rule="RFC 9110, 15.6.5",
            exchange=exchange,
        )
        stalls.expect_within(
            exchange.seconds,
            seconds + TOLERANCE,
            f"a request with a deadline of {seconds:g} s was not answered in time",
            expected=f"504 within {seconds:g} s",
            exchange=exchange,
        )
    expect(
        not late,
        f"{name} was called for requests whose callers had given up",
        sent=sent,
        received=f"{len({call.key for call in late})} of {REQUESTS} requests went on after their deadline",
        expected="no work for a caller that is gone: what is left of the time travels with the request",
    )
