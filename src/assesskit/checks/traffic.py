"""Gentle traffic for a system that somebody watches: what its callers ask on a quiet day, and a little trouble.

What is asked says the exercise, in its facts: a `journey`, or a `resource`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client
from assesskit.checks.journey import Journey
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens
from assesskit.instruments.relay import Fault, Relay

DEADLINE = 8.0
TROUBLE_EVERY = 12
"""One request in so many finds the last edge failing its first call."""
TOGETHER_EVERY, TOGETHER = 10, 4
"""One in so many comes with some others at once, for the same thing."""

Turn = Callable[[], list[Exchange]]
"""Asks once, or a few times at once; returns what came of it."""


def journeys(client: Client, journey: Journey, relays: Mapping[str, Relay]) -> Iterator[Turn]:
    """Trips of one to three lines through a system of several programs, without a trace of ours: theirs begins."""
    for number in itertools.count(1):
        trips = [journey.fresh(1 + number % 3)]
        if number % TOGETHER_EVERY == 0:
            trips = [journey.fresh(items=trips[0].items) for _ in range(TOGETHER)]
        if number % TROUBLE_EVERY == 0:
            relays[journey.edges[-1]].script(trips[0].mark, Fault.status(503))
        wanted = [Request("POST", trip.path, (("Content-Type", "application/json"),), trip.body) for trip in trips]
        yield lambda wanted=wanted: _at_once(client, wanted)  # type: ignore[misc]


def things(client: Client, resource: Resource, tokens: Tokens, relay: Relay) -> Iterator[Turn]:
    """Things are made, read and listed; a token lasts longer than a turn does."""
    for number in itertools.count(1):
        bearer = tokens.bearer()

        def turn(bearer: Mapping[str, str] = bearer, number: int = number) -> list[Exchange]:
            if number % TROUBLE_EVERY == 0:
                relay.everything(Fault.status(503))
            made = resource.made(client, bearer)
            relay.everything(None)
            read = [resource.path]
            try:
                item = resource.made_id(made.answered())
            except Failure:
                item = None
            if item is not None:
                read.append(resource.item_path(item))
            return [made, *_at_once(client, [Request("GET", path, tuple(bearer.items())) for path in read])]

        yield turn


def _at_once(client: Client, wanted: list[Request]) -> list[Exchange]:
    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(lambda request: client.send(request, deadline=DEADLINE), wanted))
