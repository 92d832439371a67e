"""What a service tells of its changes while it is killed and its sink fails: every change once, in sequence, none else.

What happened is what the service itself has afterwards; what it acknowledged has to be among that. A thing of these
checks is made, and taken on step by step, so its version says which changes it has seen.
"""

from __future__ import annotations

import json
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
    sequence_of,
)
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.checks.moved_work import Telling, Work
from assesskit.checks.moving import thing_of
from assesskit.checks.stalls import Stalls
from assesskit.checks.world import World
from assesskit.instruments.differences import Differ, Seen
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
        """New owners that nobody has told anything of, and a thing that the service has only copied."""
        copied = self.move.thing(self.move.monolith, self.move.owner())["id"]
        self.move.caught_up()
        return Work(self.move, self.telling, [self.move.owner() for _ in range(owners)], copied)

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
    """Every change of a thing is told as a CloudEvent with the attributes that were agreed on, one a request, and with
    the thing as its data, also where that was made without a key. Return the events. Raises Failure.
    """
    work = told.work()
    _at_work(work)
    text = {told.move.moving.text: "Checked"}
    work.acknowledged[told.move.thing(told.move.service, work.owners[0], **text)["id"]] = 1
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
    batched = sum(event.mode == "batched" for event in events)
    expect(not batched, f"{batched} events were sent in batches", expected="one event a request, structured or binary")
    timeless = [event.type for event in events if "time" not in event.event]
    expect(not timeless, f"{len(timeless)} events have no time", expected="the attribute time, as RFC 3339 has it")
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
    expect_complete(events, happened)
    _expect_as_read(told, work, events)
    return events


def _expect_as_read(told: Told, work: Work, events: Sequence[Taken]) -> None:
    """The data of events has the key that a thing was made with, and that of the newest event is the thing as it is
    read now.
    """
    name = told.telling.key
    for event in events:
        expect(
            event.data[name] == work.keys.get(event.subject),
            f"the {name} in the data of {event.type} is not the key that the thing was made with",
            received=json.dumps(event.data[name])[:200],
            expected=json.dumps(work.keys.get(event.subject)),
        )
    newest = {event.subject: event for event in sorted(events, key=lambda event: sequence_of(event) or 0)}
    for subject, event in newest.items():
        read = told.move.service.send(told.move.moving.reading(str(told.move.moving.owner_in(event.data)), subject))
        if (found := thing_of(read))["id"] != subject:
            continue  # what reads answer is for contract.parity to judge
        thing = {**found, name: event.data[name]}
        sides = (Seen(200, {}, json.dumps(each).encode()) for each in (thing, event.data))
        otherwise = dict.fromkeys(each.place for each in Differ(()).differences(*sides))
        expect(
            not otherwise,
            f"the data of {event.type} is not the thing as clients read it: another {', '.join(otherwise)}",
            expected=f"what a GET of the thing answers, and {name}",
        )


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
    """Killed again and again while several write, the service tells each change that it has, and no other. It has made
    some before: on a machine that stands still it may make none in so short a time.
    """
    work = told.work()
    _at_work(work)
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
    known = {event.subject for event in events}
    invented = [
        event
        for event in told.sink.events()
        if event.subject not in known and (event.subject == work.copied or _unknown(told, event))
    ]
    leave_ledger(f"What a service told, {when}", events, evidence)
    evidence.figure("Changes that were made", len(happened), "changes")
    expect_complete([*events, *invented], happened)
    told.sink.clear()


def _unknown(told: Told, event: Taken) -> bool:
    """Whether an event tells of a thing that the service does not have."""
    owner = told.move.moving.owner_in(event.data)
    if owner is None or not event.subject:
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
