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
    that a step leads to, and the fields that all data of events must have.
    """

    source: str
    made: str
    types: Mapping[str, str]
    needed: Sequence[str]


@dataclass
class Work:
    """Owners whose things are made and changed at the service, and what it acknowledged."""

    move: Move
    telling: Telling
    owners: list[str]
    acknowledged: dict[str, int] = field(default_factory=dict)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The steps that a thing takes one after the other, and what each leads to."""
        return list(self.move.moving.steps.items())[: len(self.telling.types) - 1]

    @property
    def way_out(self) -> str:
        """The step by which a thing ends before its time, and from new on."""
        return list(self.move.moving.steps)[-1]

    def lane(self, owner: str, over: threading.Event | None = None, times: int = 1) -> None:
        """Make things and take them on, until they are through or the service does not answer any more."""
        for _ in range(times):
            exchange = self.move.service.send(self.move.moving.creation(owner, marked()), deadline=WAITS)
            if exchange.response is None or (over is not None and over.is_set()):
                return
            if exchange.response.status != CREATED:
                continue
            thing = thing_of(exchange)["id"]
            self.acknowledged[thing] = 1
            for version, (step, _) in enumerate(self.steps, 2):
                exchange = self.move.service.send(self.move.moving.step(owner, thing, step), deadline=WAITS)
                if exchange.response is None:
                    return
                if exchange.response.status == OK:
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
        types = [self.telling.made, *(self.telling.types[status] for _, status in self.steps)][: thing["version"]]
        if len(types) > 1:
            types[-1] = self.telling.types.get(thing["status"], types[-1])
        return [Change(thing["id"], number, kind) for number, kind in enumerate(types, 1)]
