"""Whether copies of requests leave nothing behind: what a service is sent in shadow and in mirror is nobody's."""

from __future__ import annotations

import time

from assesskit.checks.creation import CREATED
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import Client
from assesskit.checks.moved_rollout import Rollouts
from assesskit.checks.moving import Move, marked, thing_of, things_of

SILENCE = 2.5
"""Seconds for which a copy must have led to no event."""


def expect_silent(rollouts: Rollouts, evidence: Evidence) -> None:
    """Copies of reads and writes leave nothing behind: no thing, no state, no key, no event. Through the router, in
    shadow and in mirror, and to the service itself.
    """
    move, told = rollouts.move, rollouts.move.moving
    move.followed()
    if missing := rollouts.drained():
        raise Failure(f"before anything was copied {missing}", expected="events that the monolith can take")
    owner, key = move.owner(), marked()
    known = move.thing(move.monolith, owner)["id"]
    move.caught_up()
    rollouts.sink.clear()
    copies = [
        told.creation(owner, key, mode="mirror"),
        told.creation(owner, mode="mirror"),
        told.step(owner, known, told.first_step, mode="mirror"),
        told.reading(owner, known, mode="shadow"),
        told.reading(owner, mode="shadow"),
    ]
    exchanges = [move.service.send(copy) for copy in copies]
    _expect_as_live(exchanges[0])
    router = Client(rollouts.router.port)
    for mode in ("shadow", "mirror"):
        rollouts.router.steer(mode)
        for request in (Request("POST", told.path(owner), (), copies[1].body), Request("GET", told.path(owner))):
            router.send(request)
    rollouts.router.steer("monolith")
    move.caught_up()
    _expect_same_list(move, owner)
    live = move.service.send(told.creation(owner, key))
    expect(
        live.answered().status == CREATED,
        f"a key that a copy came with was taken: used for the first time, it answered {live.answered().status}",
        expected="201: a copy leaves no key behind",
        exchange=live,
    )
    made = thing_of(live)["id"]
    time.sleep(SILENCE)
    events = [  # one of an earlier check may come late
        event
        for event in rollouts.sink.events()
        if event.subject != made and told.owner_in(event.data) in {None, "", owner}
    ]
    evidence.note("events after copies", "\n".join(f"{one.type} of {one.subject}" for one in events) or "none")
    expect(
        not events,
        f"copies led to {len(events)} events",
        sent="copies of reads and writes, with Rollout-Mode shadow and mirror",
        received="\n".join(f"{one.type} of {one.subject}" for one in events[:6]),
        expected="no event: nobody was served by them",
    )


def _expect_as_live(exchange: Exchange) -> None:
    status = exchange.answered().status
    expect(
        status == CREATED,
        f"a copy of a write, with Rollout-Mode mirror, answered {status}",
        expected="201, as it would be answered live",
        exchange=exchange,
    )


def _expect_same_list(move: Move, owner: str) -> None:
    request = move.moving.reading(owner)
    ours, theirs = move.service.send(request), move.told("GET", request.path)
    listed, there = things_of(ours, move.moving.listed), theirs.json()[move.moving.listed]
    here, known = [each["id"] for each in listed], [each["id"] for each in there]
    expect(
        here == known,
        f"after copies the service has {len(here)} things where the monolith has {len(known)}",
        received="\n".join(
            [
                *(f"only the service has {one}" for one in here if one not in known),
                *(f"only the monolith has {one}" for one in known if one not in here),
            ]
        )
        or "the same things in another sequence",
        expected="on both sides what the monolith was asked for, and none of the copies",
        exchange=ours,
    )
    expect(
        [each["status"] for each in listed] == [each["status"] for each in there],
        "after a copy of a step a thing is in another state than at the monolith",
        received=f"{[each['status'] for each in listed]}",
        expected=f"{[each['status'] for each in there]}",
        exchange=ours,
    )
