"""What a service tells of its changes, held against what it has: the wrong tellers first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.checks.test_moved_contract import MOVING
from tests.checks.test_moved_sides import TELLING, Side, following, move

from assesskit.checks import moved_events
from assesskit.checks.event_ledger import Change
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.moved_events import Told
from assesskit.checks.moved_work import Work
from assesskit.instruments.sink import Taken

Event = dict[str, Any]
KINDS = {"new": TELLING.made, **TELLING.types}


@dataclass
class Teller(Side):
    """A service that tells a sink of each change; what `spoilt` makes of an event is sent, None is not."""

    spoilt: Callable[[Event], Event | None] = lambda event: event
    mode: str = "structured"
    told: list[Taken] = field(default_factory=list)

    def changed(self, name: str) -> None:
        data = dict(self.things[name])
        event = self.spoilt(
            {
                "id": f"{name}-{data['version']}",
                "source": TELLING.source,
                "type": KINDS[data["status"]],
                "subject": name,
                "sequence": str(data["version"]),
                "time": "2026-01-02T03:04:05Z",
                "data": data,
            }
        )
        if event is not None:
            number = len(self.told) + 1
            self.told.append(Taken(number, 1.0, number, self.mode, event, event.pop("data"), "", 204))

    def events(self) -> list[Taken]:
        return self.told

    def refused(self) -> list[str]:
        return []

    def clear(self) -> None:
        self.told.clear()


def told_by(teller: Teller) -> Any:
    told: Any = object.__new__(Told)
    teller.progress, teller.fixed = following(), True
    told.move, told.telling, told.sink = move(teller), TELLING, teller
    return told


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved_events, "ARRIVES", 0.1)
    monkeypatch.setattr(moved_events, "POLL", 0.02)


def test_things_of_three_owners_end_in_three_ways() -> None:
    side = Side()
    work = Work(move(side), TELLING, ["K-1", "K-2", "K-3"])
    assert work.ways == [["confirm"], ["confirm", "end"], ["end"]]
    for owner in work.owners:
        work.lane(owner)
    first, second, third = side.things
    made, confirmed, ended = TELLING.made, *TELLING.types.values()
    assert work.happened() == {
        *(Change(first, number, kind) for number, kind in enumerate((made, confirmed), 1)),
        *(Change(second, number, kind) for number, kind in enumerate((made, confirmed, ended), 1)),
        *(Change(third, number, kind) for number, kind in enumerate((made, ended), 1)),
    }


def test_a_step_that_is_refused_is_not_acknowledged_by_the_one_after_it() -> None:
    class Refusing(Side):
        def _answer(self, request: Any, path: list[str]) -> tuple[int, Any]:
            return (503, {}) if path[-1] == "confirm" else super()._answer(request, path)

    work = Work(move(Refusing()), TELLING, ["K-1", "K-2"])
    work.lane("K-2")
    assert list(work.acknowledged.values()) == [1]
    assert work.happened()


def test_every_change_of_an_undisturbed_service_is_told() -> None:
    events = moved_events.expect_envelopes(told_by(Teller()), Evidence())
    assert len(events) == 8
    assert {event.type for event in events} == set(KINDS.values())


def without(name: str) -> Callable[[Event], Event]:
    return lambda event: {key: value for key, value in event.items() if key != name}


def with_data(**changes: Any) -> Callable[[Event], Event]:
    return lambda event: {**event, "data": {**event["data"], **changes}}


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (
            lambda event: None if event["type"] == TELLING.types["ended"] else event,
            "2 of 8 changes never came: the first is thing.ended.v1",
        ),
        (without("time"), "8 events have no time"),
        (with_data(key=None), "the key in the data of thing.made.v1 is not the key that the thing was made with"),
        (
            lambda event: with_data(key=None)(event) if event["sequence"] != "1" else event,
            "the key in the data of thing.confirmed.v1 is not the key",
        ),
        (with_data(status="new"), "is not the thing as clients read it: another /status"),
        (with_data(more=None), "is not the thing as clients read it: another /more"),
    ],
)
def test_an_event_that_is_not_as_agreed_is_told(spoilt: Callable[[Event], Event | None], says: str) -> None:
    with pytest.raises(Failure, match=says):
        moved_events.expect_envelopes(told_by(Teller(spoilt=spoilt)), Evidence())


def test_a_read_of_another_thing_says_nothing_of_events() -> None:
    """Who answers every read with the first thing tells of all of them as they are."""

    class First(Teller):
        def shown(self, name: str) -> dict[str, Any]:
            return super().shown(next(iter(self.things)))

    moved_events.expect_envelopes(told_by(First()), Evidence())


def test_events_come_one_a_request() -> None:
    with pytest.raises(Failure, match="8 events were sent in batches"):
        moved_events.expect_envelopes(told_by(Teller(mode="batched")), Evidence())


def all_told(teller: Teller, *owners: str) -> None:
    told = told_by(teller)
    copied = teller._make(MOVING.creation("K-9"), "K-9")[1]["id"]
    work = Work(told.move, TELLING, list(owners), copied)
    for owner in owners:
        work.lane(owner)
    moved_events._expect_all_told(told, work, Evidence(), "while nothing happened")


def test_what_was_only_copied_is_told_to_nobody() -> None:
    def is_own(event: Event) -> Event | None:
        return None if event["data"]["owner"] == "K-9" else event

    all_told(Teller(spoilt=is_own), "K-1")
    with pytest.raises(Failure, match=r"of the changes told, 1 never happened: the first is thing\.made"):
        all_told(Teller(), "K-1")


def test_what_ended_before_its_time_is_told_too() -> None:
    def forgets(event: Event) -> Event | None:
        return None if event["type"] == TELLING.types["ended"] or event["data"]["owner"] == "K-9" else event

    with pytest.raises(Failure, match="2 of 7 changes never came"):
        all_told(Teller(spoilt=forgets), "K-1", "K-2", "K-3")
