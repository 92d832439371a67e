"""A request that travels through a system of several programs: made fresh, with a trace of our own.

What it is called and holds says the exercise, in ``[grader.facts.journey]``::

    path = "/checkouts"      where it is posted
    mark = "order"           the field with its business key, by which relays know its calls
    lines = "lines"          the field with a list of what it asks for
    item = "kit"             in a line: the name of a thing
    count = "quantity"       in a line: how many of it
    names = "KIT-{:06}"      how a thing of a number is called
    known = 5000             numbers from 0 on that are known
    timeout = "X-Timeout-Ms" the header that says how many milliseconds the caller waits
    edges = ["checkout", …]  relays that see every call a request leads to, in its sequence
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import Caller
from assesskit.instruments.relay import Relay

NUMBERS = itertools.count(secrets.randbelow(1_000_000))
"""Of things, for all journeys of a session: what one check asked for is in a cache when the next one asks."""
DEADLINE = 8.0
TRIES = 3
OK = 200
BAD_MOMENT = frozenset({503, 504})
"""What a system answers that ran out of time, as a right one may on a busy machine."""


@dataclass(frozen=True)
class Trip:
    """One request: its business key, the things it asks for, and the trace it belongs to."""

    path: str
    mark: str
    items: tuple[str, ...]
    body: bytes
    caller: Caller = field(default_factory=Caller.fresh)

    def request(self, headers: Mapping[str, str] | None = None, *, sampled: bool = True) -> Request:
        """The request with our trace, and further headers."""
        traceparent = self.caller.traceparent[:-1] + str(int(sampled))
        more = tuple((headers or {}).items())
        fields = (("Content-Type", "application/json"), ("traceparent", traceparent), *more)
        return Request("POST", self.path, fields, self.body)


@dataclass(frozen=True)
class Journey:
    """Makes trips; see the module for what its fields mean."""

    path: str
    mark: str
    lines: str
    item: str
    count: str
    names: str
    known: int
    timeout: str
    edges: Sequence[str]

    def named(self) -> str:
        """A thing that is known, and that no trip asked for lately."""
        return self.names.format(next(NUMBERS) % self.known)

    def fresh(self, lines: int = 1, *, items: Sequence[str] = (), count: int = 1) -> Trip:
        """A trip with a new mark, for `items`, or for as many fresh ones as `lines` says, `count` of each."""
        asked = tuple(items) or tuple(self.named() for _ in range(lines))
        mark = f"T-{secrets.token_hex(6).upper()}"
        body = {self.mark: mark, self.lines: [{self.item: one, self.count: count} for one in asked]}
        return Trip(self.path, mark, asked, json.dumps(body).encode())


def sent(
    service: Service, trips: Sequence[Trip], at_once: int, request: Callable[[Trip], Request] | None = None
) -> list[Exchange]:
    """Send trips, so many at a time; return their exchanges in the same sequence."""
    make = request or Trip.request
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda trip: service.send(make(trip), deadline=DEADLINE), trips))


def answered(ask: Callable[[], Exchange]) -> Exchange:
    """What comes of a request, which is made again after a bad moment, `TRIES` times in all.

    Raises Inconclusive where they were all bad, and this machine stood still meanwhile.
    """
    with Stalls() as stalls:
        for _ in range(TRIES):
            exchange = ask()
            if not _unlucky([exchange]):
                break
    excuse([exchange], stalls)
    return exchange


def asked(service: Service, fresh: Callable[[], Trip], relays: Iterable[Relay] = ()) -> tuple[Trip, Exchange]:
    """Send a fresh trip, and another after a bad moment; return the last one, and what came of it.

    What `relays` have on record is then of this trip alone.
    """
    trips: list[Trip] = []

    def ask() -> Exchange:
        for relay in relays:
            relay.clear()
        trips.append(fresh())
        return service.send(trips[-1].request())

    exchange = answered(ask)
    return trips[-1], exchange


def served(service: Service, fresh: Callable[[], Trip], relays: Iterable[Relay] = ()) -> Trip:
    """As `asked`, for a trip that is answered with 200. Raises Failure when none of `TRIES` is."""
    trip, exchange = asked(service, fresh, relays)
    exchange.answered()
    expect(not failed([exchange]), "a request was not served", expected="200", exchange=exchange)
    return trip


def mostly_served(exchanges: Sequence[Exchange], stalls: Stalls) -> None:
    """Most of many requests at once are answered with 200; which one runs into its deadline is up to the machine."""
    bad = failed(exchanges)
    if len(bad) > len(exchanges) / 2:
        excuse(bad, stalls)
        told = f"of {len(exchanges)} requests, several at a time, most were not served"
        raise Failure(told, expected="200", exchange=bad[0])


def excuse(bad: Sequence[Exchange], stalls: Stalls) -> None:
    """Raise Inconclusive where requests ran out of time, all of these, while this machine stood still."""
    if _unlucky(bad):
        stalls.excuse("requests ran out of time")


def _unlucky(exchanges: Sequence[Exchange]) -> bool:
    return all(one.response is None or one.response.status in BAD_MOMENT for one in exchanges)


def failed(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Those that were not answered with 200."""
    return [one for one in exchanges if one.response is None or one.response.status != OK]
