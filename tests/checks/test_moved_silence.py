"""Copies that leave something behind: each kind is found out, by what is there afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from tests.checks.test_moved_contract import MOVING
from tests.checks.test_moved_sides import Side, following, move

from assesskit.checks import moved_silence
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure
from assesskit.checks.moved_silence import expect_silent
from assesskit.checks.moving import MODE

Leaves = Callable[[Request], bool]


@dataclass
class Copying(Side):
    """A service that follows the monolith. Of a copy that `leaves` picks out, what it led to stays."""

    monolith: Side = field(default_factory=Side)
    leaves: Leaves = lambda request: False

    def send(self, request: Request, **more: object) -> Exchange:
        self.follow()
        before = copy.deepcopy(self.things)
        exchange = super().send(request, **more)
        if dict(request.headers).get(MODE, "live") != "live" and not self.leaves(request):
            self.things = before
        return exchange

    def follow(self) -> None:
        for name, thing in self.monolith.things.items():
            if self.things.get(name, {"version": 0})["version"] < thing["version"]:
                self.things[name] = dict(thing)

    def _make(self, request: Request, owner: str) -> tuple[int, Any]:
        status, made = super()._make(request, owner)
        if status == 201:  # ids are each side's own
            made["id"] = f"own-{made['id']}"
            self.things[made["id"]] = self.things.pop(made["id"].removeprefix("own-"))
        return status, made


class Behind(Copying):
    """It copies what is new, and no state that comes later; a step that a thing is not ready for is refused."""

    def follow(self) -> None:
        for name, thing in self.monolith.things.items():
            self.things.setdefault(name, {**thing, "status": "new"})

    def _answer(self, request: Request, path: list[str]) -> tuple[int, Any]:
        late = path[-1] == "end" and self.things[path[-2]]["status"] == "new"
        return (409, {"error": "not yet"}) if late else super()._answer(request, path)


def judged(leaves: Leaves, monkeypatch: pytest.MonkeyPatch, kind: type[Copying] = Copying) -> None:
    monolith = Side()
    service = kind(progress=following(), monolith=monolith, leaves=leaves)
    steered = ["monolith"]

    def through(request: Request) -> None:
        if steered[-1] == "mirror" or request.method == "GET":
            service.send(Request(request.method, request.path, ((MODE, steered[-1]),), request.body))
        monolith.send(request)

    monkeypatch.setattr(moved_silence, "SILENCE", 0.0)
    monkeypatch.setattr(moved_silence, "Client", lambda _: SimpleNamespace(send=through))
    rollouts: Any = SimpleNamespace(
        move=move(service, monolith),
        drained=lambda: "",
        sink=SimpleNamespace(clear=lambda: None, events=list),
        router=SimpleNamespace(port=1, steer=steered.append),
    )
    expect_silent(rollouts, Evidence())


def test_copies_that_leave_nothing_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    judged(lambda request: False, monkeypatch)


@pytest.mark.parametrize("step", list(MOVING.steps))
def test_a_copy_of_any_step_may_change_no_state(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with pytest.raises(Failure, match="after a copy of a step a thing is in another state than before"):
        judged(lambda request: request.path.endswith(f"/{step}"), monkeypatch)


def test_a_copy_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="after copies the service has 7 things where the monolith has 4"):
        judged(lambda request: request.method == "POST" and request.path.endswith("things"), monkeypatch)


def test_a_copy_is_answered_as_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved_silence, "OK", 204)
    with pytest.raises(Failure, match="a copy, with Rollout-Mode mirror, answered 200"):
        judged(lambda request: False, monkeypatch)


def test_a_state_that_was_never_copied_is_no_trace_of_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is wrong, and told so elsewhere; here it leaves nothing behind."""
    judged(lambda request: False, monkeypatch, Behind)


def test_a_service_that_is_behind_may_not_keep_what_a_copy_did_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="after copies the service has 7 things where the monolith has 4"):
        judged(lambda request: request.method == "POST" and request.path.endswith("things"), monkeypatch, Behind)
