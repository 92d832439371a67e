"""Who comes in a rollout, and what both sides know of each other's afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.checks.rolled import TERMS
from tests.checks.test_moved_contract import MOVING, answered

from assesskit.checks import moved_rollout, safe_plans
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure
from assesskit.checks.moved_rollout import EACH_MINUTE, PARTIES, Rollouts, expect_consistent
from assesskit.instruments.rollout_book import share_of
from assesskit.instruments.sink import Forwarding


@pytest.fixture(scope="module")
def parties() -> list[str]:
    made: list[str] = []
    moving = SimpleNamespace(owners="/owners", owned_by="owner")
    move = SimpleNamespace(
        moving=moving, told=lambda *_: SimpleNamespace(status=404), owner=lambda **named: made.append(named["owner"])
    )
    rollouts: Any = object.__new__(Rollouts)
    rollouts.move = move
    found = list(rollouts.parties)
    assert sorted(made) == sorted(found)
    return found


@pytest.mark.parametrize("percent", [5, 10, 25, 40, 50, 75])
def test_a_share_of_the_owners_is_what_its_percentage_says(parties, percent):
    chosen = [owner for owner in parties if share_of(f"account|{owner}") * 100 < percent]
    assert abs(len(chosen) - PARTIES * percent / 100) <= 1


def test_every_minute_has_owners_of_its_own_and_some_of_each_share(parties):
    minutes = [parties[at : at + EACH_MINUTE] for at in range(0, PARTIES, EACH_MINUTE)]
    assert len({owner for minute in minutes for owner in minute}) == PARTIES
    for minute in minutes:
        assert 1 <= sum(share_of(f"account|{owner}") < 0.1 for owner in minute) <= 2


class Rolled:
    """A rollout that was taken back; the monolith has what the service made from its `late`-th question on."""

    def __init__(self, made: Any, late: int) -> None:
        self._made, self._late = made, late
        self.move = SimpleNamespace(moving=MOVING, told=self._told)

    def run(self, *_: object) -> Any:
        kept = (answered(Request("POST", "/owners/R-1/things"), 201, self._made),)
        setting, scenario = SimpleNamespace(objective=0.99), SimpleNamespace(what="one", healthy=False)
        return SimpleNamespace(
            kept=kept, end="roll back", rows=(), differences=(), ways=(), live=1, setting=setting, scenario=scenario
        )

    def _told(self, method: str, path: str) -> Any:
        assert (method, path) == ("GET", f"/owners/R-1/things/{self._made['id']}")
        self._late -= 1
        found = answered(Request(method, path), *((200, self._made) if self._late <= 0 else (404, {})))
        return found.answered()


MADE = {"id": "a", "owner": "R-1", "status": "new", "version": 1, "total": 3}


def test_what_reaches_the_monolith_a_little_later_is_there(monkeypatch):
    """On a machine that stands still for a second the last events are told after the sink was quiet for one."""
    expect_consistent(Rolled(MADE, late=4), Evidence())  # type: ignore[arg-type]
    monkeypatch.setattr(moved_rollout, "DRAINED", 0.3)
    with pytest.raises(Failure, match="does not have what the service had acknowledged"):
        expect_consistent(Rolled(MADE, late=10**6), Evidence())  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [[], {}, {**MADE, "id": 7}, {**MADE, "version": "1"}, {**MADE, "version": True}])
def test_what_is_no_thing_is_the_services_failure(made):
    """And no fault of ours, which would cost it nothing."""
    with pytest.raises(Failure, match="the answer is no thing"):
        expect_consistent(Rolled(made, late=0), Evidence())  # type: ignore[arg-type]


@pytest.mark.parametrize(("owner", "waiting"), [("K-1", ""), (["R"], ""), ("R-1", "1 events wait for the monolith")])
def test_events_of_earlier_checks_hold_up_no_rollout(monkeypatch, owner, waiting):
    """Told after those before them were forgotten, they wait for ever."""
    monkeypatch.setattr(moved_rollout, "DRAINED", 0.2)
    monkeypatch.setattr(moved_rollout, "QUIET", 0.1)
    rollouts: Any = object.__new__(Rollouts)
    rollouts.parties, rollouts.move = ["R-1"], SimpleNamespace(moving=MOVING)
    event = SimpleNamespace(number=4, data={MOVING.owned_by: owner})
    rollouts.sink = SimpleNamespace(
        events=lambda: [event], count=lambda: 4, forwarded=lambda _: Forwarding((4,), 3, ())
    )
    assert rollouts.drained()[: len(waiting) or None] == waiting


def test_the_undisturbed_rollout_is_carried_out_once_for_all_who_ask(monkeypatch):
    ran = []
    rollouts: Any = object.__new__(Rollouts)
    rollouts._undisturbed, rollouts.wording = None, SimpleNamespace(terms=TERMS)

    def run(plan: str, scenario: Any) -> str:
        ran.append(scenario)
        return f"a run of {plan}"

    monkeypatch.setattr(rollouts, "run", run, raising=False)
    assert [rollouts.undisturbed("a plan") for _ in range(2)] == ["a run of a plan"] * 2
    assert ran == [safe_plans.healthy(TERMS)[0]]
    assert not ran[0].faults
