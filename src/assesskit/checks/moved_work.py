"""Things that are made and changed at a service while it may be killed, and what it then says has happened."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assesskit.checks.creation import CREATED
from assesskit.checks.event_ledger import Change
from assesskit.checks.expect import expect
from assesskit.checks.http import prepared
from assesskit.checks.moving import OK, Move, marked, thing_of, things_of

WAITS = 4.0
"""Seconds for an answer, of a service whose sink may hold it up."""
PAGE = 100


@dataclass(frozen=True)
class Telling:
    """The facts of an exercise about its events: their source, the type for the making of a thing and for each status
    that a step leads to, the fields that all data of events must have, and the one of them that holds the key that the
    thing was made with, and that clients do not read.
    """

    source: str
    made: str
    types: Mapping[str, str]
    needed: Sequence[str]
    key: str


@dataclass
class Work:
    """Owners whose things are made and changed at the service, what it acknowledged, and by which key. `copied` is a
    thing that the monolith made, of another owner: the service has it, and tells nobody.
    """

    move: Move
    telling: Telling
    owners: list[str]
    copied: str = ""
    acknowledged: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def ways(self) -> list[list[str]]:
        """The steps of a thing until its end: all of them but the last, which ends it before its time; this one after
        the first; and this one alone.
        """
        *steps, out = self.move.moving.steps
        return [steps, [*steps[:1], out], [out]]

    def lane(self, owner: str, over: threading.Event | None = None, times: int = 1) -> None:
        """Make things and take them on, until they are through or the service does not answer any more. Those of one
        owner go one way, and the next owner's another.
        """
        way = self.ways[self.owners.index(owner) % len(self.ways)]
        for _ in range(times):
            key = marked()
            exchange = self.move.service.send(self.move.moving.creation(owner, key), deadline=WAITS)
            if exchange.response is None or (over is not None and over.is_set()):
                return
            if exchange.response.status != CREATED:
                continue
            thing = thing_of(exchange)["id"]
            self.acknowledged[thing], self.keys[thing] = 1, key
            for version, step in enumerate(way, 2):
                exchange = self.move.service.send(self.move.moving.step(owner, thing, step), deadline=WAITS)
                if exchange.response is None:
                    return
                if exchange.response.status != OK:
                    break
                self.acknowledged[thing] = version

    def happened(self) -> set[Change]:
        """The changes that the service has made, by its own word. Raises Failure when an acknowledged one is lost."""
        things = {thing["id"]: thing for owner in self.owners for thing in self._listed(owner)}
        lost = {
            thing
            for thing, version in self.acknowledged.items()
            if things.get(thing, {"version": 0})["version"] < version
        }
        expect(
            not lost,
            "what was acknowledged is not there any more as it was acknowledged",
            received="things that are gone, or in an older state",
            expected="what was answered with 201 or 200 is kept, whatever happens then",
        )
        return {change for thing in things.values() for change in self.changes(thing)}

    def _listed(self, owner: str) -> Iterator[Mapping[str, Any]]:
        """All things of an owner at the service, page by page."""
        for page in itertools.count(1):
            path = f"{self.move.moving.path(owner)}?limit={PAGE}&page={page}"
            things = things_of(self.move.service.send(prepared("GET", path)), self.move.moving.listed)
            yield from things
            if len(things) < PAGE:
                return

    def changes(self, thing: Mapping[str, Any]) -> Iterable[Change]:
        """The changes of a thing: it went step by step, and the last one led to the status that it has."""
        types = [self.telling.made, *(self.telling.types[status] for status in self.move.moving.steps.values())]
        types = types[: thing["version"]]
        if len(types) > 1:
            types[-1] = self.telling.types.get(thing["status"], types[-1])
        return [Change(thing["id"], number, kind) for number, kind in enumerate(types, 1)]
