"""What a service tells of its changes while it is killed and its sink fails: every change once, in sequence, none else.

What happened is what the service itself has afterwards; what it acknowledged has to be among that. A thing of these
checks is made, and taken on step by step, so its version says which changes it has seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from assesskit.checks import moving
from assesskit.checks.event_ledger import (
    Change,
    change_of,
    expect_attributed,
    expect_complete,
    expect_ordered,
    expect_same_ids,
    leave_ledger,
)
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.checks.moved_work import Telling, Work
from assesskit.checks.stalls import Stalls
from assesskit.checks.world import World
from assesskit.instruments.faults import Fault
from assesskit.instruments.sink import Sink, Taken, taken_but

ARRIVES = 12.0
"""Seconds after which everything has been told, once service and sink are well again."""
POLL = 0.2
WRITERS = 3
KILLS = (0.05, 0.12, 0.2, 0.31, 0.45, 0.6)
"""Seconds after which a service is killed that has begun to serve writers."""
HELD = 3.0


class Told:
    """The service, at work, and the sink that it tells."""

    def __init__(self, world: World) -> None:
        self.move = moving.of(world)
        self.telling = Telling(**world.facts["telling"])
        self.sink = Sink(world.instruments["sink"])
        self.sink.forward(None)  # an event that is lost would keep those behind it from the monolith, for later checks
        self.sink.reset()
        self.sink.clear()
        self.move.followed()

    def work(self, owners: int = WRITERS) -> Work:
        """New owners that nobody has told anything of."""
        return Work(self.move, self.telling, [self.move.owner() for _ in range(owners)])

    def events(self, work: Work, happened: set[Change]) -> list[Taken]:
        """The events of this work, once all that happened was told, or `ARRIVES` seconds later."""
        subjects = {change.subject for change in happened} | set(work.acknowledged)
        with Stalls() as stalls:
            while True:
                found = self._events_of(subjects)
                told = {change_of(event) for event in found}
                if happened <= told or not stalls.within(ARRIVES):
                    return found
                time.sleep(POLL)

    def _events_of(self, subjects: set[str]) -> list[Taken]:
        found = [event for event in self.sink.events() if event.subject in subjects]
        return [replace(event, number=number) for number, event in enumerate(found, 1)]

    def restarted(self) -> None:
        """Killed, and started again."""
        if self.move.service.status()["running"]:
            self.move.service.kill()
        self.move.service.start()
        self.move.service.until_ready()
        self.move.begin()


def expect_envelopes(told: Told, evidence: Evidence) -> list[Taken]:
    """Every change of a thing is told as a CloudEvent with the type, source and subject that were agreed on. Return
    the events. Raises Failure.
    """
    work = told.work()
    for owner in work.owners:
        work.lane(owner)
    for owner in work.owners:
        made, ended = (work.move.thing(work.move.service, owner)["id"] for _ in range(2))
        work.move.stepped(work.move.service, owner, ended, work.way_out)
        work.acknowledged |= {made: 1, ended: 2}
    happened = work.happened()
    events = told.events(work, happened)
    leave_ledger("What was told of an undisturbed service", events, evidence)
    refused = told.sink.refused()
    expect(
        not refused,
        "something was sent that is no CloudEvent",
        received="\n".join(refused[:5]),
        expected="CloudEvents 1.0, in structured or in binary mode",
        rule="CloudEvents 1.0.2, 3.1; HTTP protocol binding, 3.1 and 3.2",
    )
    expect(
        bool(events),
        f"{ARRIVES:g} s after things were made and changed nothing was told",
        expected="an event for each change, soon",
    )
    expect_attributed(events)
    wrong = [event for event in events if event.event.get("source") != told.telling.source]
    expect(
        not wrong,
        "an event comes from another source than agreed on",
        received=f"{wrong[0].event.get('source')!r}" if wrong else "",
        expected=told.telling.source,
    )
    agreed = [told.telling.made, *told.telling.types.values()]
    odd = dict.fromkeys(event.type for event in events if event.type not in agreed)
    expect(not odd, f"there is a type of event that nobody knows: {', '.join(odd)}", expected=", ".join(agreed))
    for event in events:
        data = event.data if isinstance(event.data, dict) else {}
        missing = [name for name in told.telling.needed if name not in data]
        expect(
            not missing and data["id"] == event.subject,
            f"the data of {event.type} is not the whole thing: {', '.join(missing) or 'its id is not the subject'}",
            received=", ".join(map(str, data)),
            expected=", ".join(told.telling.needed),
        )
    return events


def expect_nothing_lost(told: Told, evidence: Evidence) -> None:
    """Changes made while the sink is away, or fails, are told afterwards, also by a service that was killed."""
    work = told.work()
    for fault in (None, Fault.status(503), Fault.refuse()):
        if fault is None:
            told.sink.shut()
        else:
            told.sink.everything(fault)
        try:
            for owner in work.owners:
                work.lane(owner)
            told.restarted()
        finally:
            told.sink.reset()
    _expect_all_told(told, work, evidence, "while the sink was away or failed, and the service was killed")


def expect_taken_before_forgotten(told: Told, evidence: Evidence) -> None:
    """Killed while the sink holds an event that it has not taken, and while it holds the answer to one that it has, the
    service tells what is in its store, and nothing else.
    """
    work = told.work()
    for owner, fault in zip(work.owners, (Fault.hang(), Fault.late(), Fault.reset(forward=True)), strict=True):
        told.sink.script(fault)
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(work.lane, owner)
            told.sink.waiting(timeout=HELD if fault.kind != "reset" else POLL)
            told.move.service.kill()
            told.sink.reset()
            pending.result()
        told.restarted()
    _expect_all_told(told, work, evidence, "killed while the sink held an event, or its answer")


def expect_survives_kills(told: Told, evidence: Evidence) -> None:
    """Killed again and again while several write, the service tells each change that it has, and no other."""
    work = told.work()
    for pause in KILLS:
        over = threading.Event()
        with ThreadPoolExecutor(len(work.owners)) as pool:
            pending = [pool.submit(work.lane, owner, over, 40) for owner in work.owners]
            time.sleep(pause)
            told.move.service.kill()
            over.set()
            for each in pending:
                each.result()
        told.restarted()
    _expect_all_told(told, work, evidence, f"killed {len(KILLS)} times while {WRITERS} wrote")


def _expect_all_told(told: Told, work: Work, evidence: Evidence, when: str) -> None:
    happened = work.happened()
    if not work.acknowledged:
        raise Failure(f"{when}, nothing was made at all", expected="things are made all the same")
    events = told.events(work, happened)
    invented = [event for event in told.sink.events() if _unknown(told, event, events)]
    leave_ledger(f"What a service told, {when}", events, evidence)
    evidence.figure("Changes that were made", len(happened), "changes")
    expect_complete([*events, *invented], happened)
    told.sink.clear()


def _unknown(told: Told, event: Taken, known: Sequence[Taken]) -> bool:
    """Whether an event tells of a thing that nobody has: neither these owners' nor, at the service, anybody's."""
    owner = told.move.moving.owner_in(event.data)
    if event in known or owner is None or not event.subject:
        return False
    read = told.move.service.send(told.move.moving.reading(owner, event.subject))
    return read.response is not None and read.response.status == 404  # noqa: PLR2004


def expect_sequence(told: Told, evidence: Evidence) -> None:
    """Events of one thing arrive in the sequence of its changes, whatever the sink does with one of them; what comes
    again comes under its id and in its words. It has failed for a while each time, and then it fails now and then.
    """
    work = told.work()
    lost = Fault.reset(forward=True)
    faults: list[list[Fault | None]] = [
        [Fault.delay(0.6), None],
        [Fault.status(503), Fault.status(503), None],
        [None, Fault.refuse(), taken_but(500), lost, None],
        [lost, taken_but(500), Fault.status(500), None, Fault.delay(0.4)],
    ]
    for script in faults:
        told.sink.everything(Fault.status(503))  # so that several of a thing wait when the first one is disturbed
        _at_work(work)
        told.sink.script(*script)
        events = told.events(work, work.happened())  # before the next ones: what is sent later met none of these
    told.sink.script(*faults[-1])
    _at_work(work)
    events = told.events(work, work.happened())
    told.sink.reset()
    leave_ledger("What was told to a sink that fails now and then", events, evidence)
    expect(bool(events), "nothing was told", expected="an event for each change")
    expect_attributed(events)
    expect_ordered(events)
    expect_same_ids(events)


def _at_work(work: Work) -> None:
    for owner in work.owners:
        work.lane(owner)
