"""What a system that is watched is asked, and how its spans are told."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from tests.checks.served import RESOURCE

from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.http import Client
from assesskit.checks.journey import Journey
from assesskit.checks.traffic import TOGETHER, TOGETHER_EVERY, TROUBLE_EVERY, journeys, things
from assesskit.checks.watched import LINE, batches
from assesskit.instruments.relay import Fault, Relay

JOURNEY = Journey("/trips", "trip", "legs", "leg", "count", "L-{}", 100, "X-Timeout-Ms", ("first", "last"))


class Played(Relay):
    """A relay that only writes down what it is told to play."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.all: list[Fault | None] = []

    def script(self, key: str, *faults: Fault | None, attempt: int = 1, always: bool = False) -> None:
        assert (faults, attempt, always) == ((Fault.status(503),), 1, False)
        self.keys.append(key)

    def everything(self, fault: Fault | None) -> None:
        self.all.append(fault)


class Heard(Client):
    """A client that only writes down what it sends."""

    def __init__(self) -> None:
        super().__init__(9)
        self.sent: list[Request] = []

    def send(self, request: Request, **_: Any) -> Exchange:
        self.sent.append(request)
        return Exchange(request, None, "refused", 0.0)


def test_trips_are_few_and_sometimes_come_together_or_find_trouble() -> None:
    """One to three lines each, no trace of ours; some at once for the same things; one in twelve fails once."""
    client, last = Heard(), Played()
    turns = islice(journeys(client, JOURNEY, {"first": Played(), "last": last}), TROUBLE_EVERY)
    asked = [len(turn()) for turn in turns]
    assert asked == [1] * (TOGETHER_EVERY - 1) + [TOGETHER] + [1] * (TROUBLE_EVERY - TOGETHER_EVERY)
    bodies = [json.loads(request.body) for request in client.sent]
    assert {len(body["legs"]) for body in bodies} == {1, 2, 3}
    assert len({body["trip"] for body in bodies}) == len(bodies)
    together = bodies[TOGETHER_EVERY - 1 : TOGETHER_EVERY - 1 + TOGETHER]
    assert len({json.dumps(body["legs"]) for body in together}) == 1
    assert last.keys == [bodies[-1]["trip"]]
    assert {name for request in client.sent for name, _ in request.headers} == {"Content-Type"}


def test_things_are_made_read_and_listed(serve, tokens) -> None:
    """On a right service every answer is a good one; the dependency fails for one turn in twelve, and no longer."""
    relay = Played()
    for turn in islice(things(serve(), RESOURCE, tokens, relay), TROUBLE_EVERY):
        made, *read = turn()
        assert made.response is not None
        assert made.response.status == 201
        assert [one.response.status for one in read if one.response] == [200, 200]
    assert [fault for fault in relay.all if fault] == [Fault.status(503)]
    assert relay.all[-1] is None


def test_a_turn_whose_thing_is_not_made_lists_all_the_same(tokens) -> None:
    """A service that does not answer is asked on."""
    turn = next(things(Heard(), RESOURCE, tokens, Played()))
    assert [exchange.request.method for exchange in turn()] == ["POST", "GET"]


def test_spans_come_in_lines_that_a_reader_takes() -> None:
    """None is lost, none is told twice; nothing to tell is a line as well."""
    spans = [{"name": f"{number}", "text": "x" * 100_000} for number in range(40)]
    told = list(batches(spans))
    assert [span for batch in told for span in batch] == spans
    assert len(told) > 1
    assert all(len(json.dumps(batch)) < 2 * LINE for batch in told)
    assert list(batches([])) == [[]]
