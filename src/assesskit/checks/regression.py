"""Whether a repaired system still does for its callers what it did before: sums, payments, messages, refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import expect
from assesskit.checks.journey import OK, Journey, Trip, answered, asked, served
from assesskit.checks.services import Control, Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.relay import Call, Relay

ITEMS = (17, 42)
"""Numbers of known things."""
COUNTS = (2, 7)
"""How many of the same thing are asked for, one request after the other."""

LEAVING = 2.0
"""Seconds after an answer until its message is left."""


@dataclass(frozen=True)
class Ledgers:
    """Where it shows what a request came to; ``[grader.facts.ledgers]``.

    `total` is the field of an answer with the sum, `amount` the one of a call to `payments`; `database` answers
    `prices` (SQL with the name of a thing as its parameter) with one price a row; `queue` is sent a message at
    `messages`. `most` of a thing costs more than `payments` charges.
    """

    payments: str
    amount: str
    total: str
    database: str
    prices: str
    queue: str
    messages: str
    most: int


def expect_as_before(
    service: Service,
    control: Control,
    relays: Mapping[str, Relay],
    journey: Journey,
    ledgers: Ledgers,
    evidence: Evidence,
) -> None:
    """Good requests get the right sum, one payment and one message; bad ones their status, and no payment."""
    served(service, journey.fresh)  # the first request to a program that has just started may take its time
    item, other = (journey.names.format(number) for number in ITEMS)
    price = _prices(control.service(ledgers.database), ledgers, (item, other))
    for count in COUNTS:
        trips = partial(journey.fresh, items=[item, other], count=count)
        _expect_served(service, trips, relays, ledgers, count * (price[item] + price[other]), evidence)
    unknown = journey.fresh(items=[journey.names.format(journey.known + 1)])
    dear = journey.fresh(items=[item, other], count=ledgers.most)
    refused = {404: unknown.request(), 402: dear.request(), 400: _without_lines(journey)}
    for status, request in refused.items():
        exchange = answered(partial(service.send, request))
        got = exchange.answered().status
        expect(got == status, f"a request was answered {got}", expected=str(status), exchange=exchange)
    expect(
        not relays[ledgers.payments].calls(unknown.mark),
        "a request for an unknown thing led to a payment",
        expected="404, and no payment",
    )


def _prices(database: Service, ledgers: Ledgers, items: tuple[str, ...]) -> dict[str, int]:
    """What one of each thing costs, by our own database."""
    prices = {}
    for item in items:
        body = json.dumps({"sql": ledgers.prices, "params": [item]}).encode()
        answer = database.client.send(Request("POST", "/query", (("Content-Type", "application/json"),), body))
        rows = json.loads(answer.response.body)["rows"] if answer.response else []
        prices[item] = sum(row[0] for row in rows)
    return prices


def _expect_served(
    service: Service,
    fresh: Callable[[], Trip],
    relays: Mapping[str, Relay],
    ledgers: Ledgers,
    total: int,
    evidence: Evidence,
) -> None:
    trip, exchange = asked(service, fresh)
    expect(exchange.answered().status == OK, "a good request was not served", expected="200", exchange=exchange)
    told = exchange.answered().json()
    said = told.get(ledgers.total) if isinstance(told, dict) else None
    expect(said == total, f"a sum is {said}", expected=f"{total}", exchange=exchange)
    payments = [call for call in relays[ledgers.payments].calls(trip.mark) if call.done]
    evidence.relay("payments of one request", payments)
    charged = {call.header("Idempotency-Key") or str(call.number): call.body for call in reversed(payments)}
    amounts = [json.loads(body).get(ledgers.amount) for body in charged.values()]
    expect(amounts == [total], f"payments of {amounts} were made", expected=f"one, of {total}", exchange=exchange)
    messages = _messages(relays[ledgers.queue], trip, ledgers)
    expect(len(messages) == 1, f"{len(messages)} messages were left", expected="one", exchange=exchange)


def _messages(queue: Relay, trip: Trip, ledgers: Ledgers) -> list[Call]:
    """What was left for one request; whoever leaves it after the answer has a moment for that."""
    with Stalls() as stalls:
        while True:
            found = [call for call in queue.calls(trip.mark) if call.path == ledgers.messages and call.done]
            if found or not stalls.within(LEAVING):
                return found
            time.sleep(0.1)


def _without_lines(journey: Journey) -> Request:
    trip = journey.fresh()
    body = json.dumps({journey.mark: trip.mark, journey.lines: []}).encode()
    return Request("POST", journey.path, (("Content-Type", "application/json"),), body)
