"""Whether copies of requests leave nothing behind: what a service is sent in shadow and in mirror is nobody's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from assesskit.checks.creation import CREATED
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import Client
from assesskit.checks.moved_rollout import Rollouts
from assesskit.checks.moving import MODE, OK, Move, marked, thing_of, things_of

SILENCE = 2.5
"""Seconds for which a copy must have led to no event."""


def expect_silent(rollouts: Rollouts, evidence: Evidence) -> None:
    """Copies of reads and writes leave nothing behind: no thing, no state, no key, no event. Through the router, in
    shadow and in mirror, and to the service itself.
    """
    move, told = rollouts.move, rollouts.move.moving
    move.followed()
    owner, key = move.owner(), marked()
    further_steps = [step for step in told.steps if step != told.first_step]
    known, further = (move.thing(move.monolith, owner)["id"] for _ in range(2))
    move.stepped(move.monolith, owner, further, told.first_step)
    move.caught_up()
    if missing := rollouts.drained():
        raise Failure(f"before anything was copied {missing}", expected="events that the monolith can take")
    here = things_of(move.service.send(told.reading(owner)), told.listed)
    before = _known(move, owner), _states(here)
    rollouts.sink.clear()
    copies = [
        (CREATED, told.creation(owner, key, mode="mirror")),
        (CREATED, told.creation(owner, mode="mirror")),
        *((_stepped(further, *before), told.step(owner, further, step, mode="mirror")) for step in further_steps),
        (_stepped(known, *before), told.step(owner, known, told.first_step, mode="mirror")),
        (OK, told.reading(owner, known, mode="shadow")),
        (OK, told.reading(owner, mode="shadow")),
    ]
    answers = [(status, move.service.send(copy)) for status, copy in copies]
    router = Client(rollouts.router.port)
    for mode in ("shadow", "mirror"):
        rollouts.router.steer(mode)
        for request in (
            Request("POST", told.path(owner), (), told.creation(owner).body),
            Request("GET", told.path(owner)),
        ):
            router.send(request)
    rollouts.router.steer("monolith")
    move.caught_up()
    _expect_same_list(move, owner, *before)
    for status, exchange in answers:
        if status is not None:
            _expect_as_live(exchange, status)
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


def _expect_as_live(exchange: Exchange, expected: int) -> None:
    status = exchange.answered().status
    expect(
        status == expected,
        f"a copy, with Rollout-Mode {dict(exchange.request.headers)[MODE]}, answered {status}",
        expected=f"{expected}, as it would be answered live",
        exchange=exchange,
    )


def _stepped(thing: str, known: Mapping[str, str], here: Mapping[str, str]) -> int | None:
    """What a step of a thing would be answered live. Who has missed a state is told so by other criteria: None."""
    return OK if here.get(thing) == known[thing] else None


def _known(move: Move, owner: str) -> dict[str, str]:
    """The states of an owner's things at the monolith, by their ids."""
    return _states(move.told("GET", move.moving.path(owner)).json()[move.moving.listed])


def _states(things: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["id"]: each["status"] for each in things}


def _expect_same_list(move: Move, owner: str, known_before: Mapping[str, str], here_before: Mapping[str, str]) -> None:
    """The service has what the monolith has, and what was there before is in a state that it had on either side then:
    the monolith cannot be asked for these, since it may have been told of copies.
    """
    told = move.moving
    ours = move.service.send(told.reading(owner))
    here, known = _states(things_of(ours, told.listed)), _known(move, owner)
    expect(
        here.keys() == known.keys(),
        f"after copies the service has {len(here)} things where the monolith has {len(known)}",
        received="\n".join(
            [
                *(f"only the service has {one}" for one in here if one not in known),
                *(f"only the monolith has {one}" for one in known if one not in here),
            ]
        ),
        expected="on both sides what the monolith was asked for, and none of the copies",
        exchange=ours,
    )
    changed = [one for one, state in known_before.items() if here[one] not in (state, here_before.get(one))]
    expect(
        not changed,
        "after a copy of a step a thing is in another state than before",
        received=", ".join(here[one] for one in changed),
        expected=", ".join(known_before[one] for one in changed),
        exchange=ours,
    )
