"""A submission's own plan, carried out between the monolith and the submission: what is sent, and what lies between.

Callers are so many owners, chosen by name so that any share of them is what its percentage says, and so that each
minute has its part of them. Each makes a thing, reads it, takes it a step on, and reads the list. What the service
wrote reaches the monolith by the events, through the sink.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assesskit.checks import moving, safe_plans
from assesskit.checks.carrying_out import Besides, Lanes, Run, Scenario, Step, carry_out, leave
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.moving import MODE, Move, marked, thing_of
from assesskit.checks.safe_plans import Terms
from assesskit.checks.stalls import Stalls
from assesskit.checks.world import StageError, World
from assesskit.instruments.differences import Differ, Seen
from assesskit.instruments.migration import Played, Router, Setting, Sides
from assesskit.instruments.relay_book import KeyRule
from assesskit.instruments.rollout_book import share_of
from assesskit.instruments.rollout_plan import RolloutPlan, read_rollout
from assesskit.instruments.sink import Sink

TAKEN_BACK = """
[[stages]]
mode = "canary"
percent = 40
minutes = 6

[[stages]]
mode = "primary"
minutes = 1

[gate]
window = 1
min_requests = 1
success_rate = 0.9

[rollback]
window = 1
min_requests = 8
success_rate = 0.5
"""
"""A plan of ours, to see what is left after a rollback: that is the service's doing, whatever the submitted plan is."""
FAILS_LATE = Scenario(
    "a service that fails after it has served some", healthy=False, faults=(Played("error"),), after=3
)
PARTIES, EACH_MINUTE = 48, 12
"""Owners in all, and those that come in a minute, four requests each."""
STRIDE = 13
"""Between two that come one after the other, in the sequence of their shares; prime to `PARTIES`."""
DRAINED = 10.0
"""Seconds in which everything that the service wrote has reached the monolith."""
QUIET, POLL = 1.0, 0.1
CREATED = 201


@dataclass(frozen=True)
class Wording:
    """The facts of an exercise about rollouts: what `Setting` and `Terms` hold."""

    objective: float
    slow_ms: float
    healthy_ms: float
    budget: int
    late: int
    slower_ms: float
    place: str

    @property
    def setting(self) -> Setting:
        """What a rollout is held against."""
        return Setting(self.objective, self.slow_ms, self.healthy_ms)

    @property
    def terms(self) -> Terms:
        """What the brief promises."""
        return Terms(self.budget, self.late, self.slower_ms, self.place)


class Rollouts:
    """The router between both sides of a move, and the sink that tells the monolith what the service did."""

    def __init__(self, world: World) -> None:
        self.move: Move = moving.of(world)
        self.wording = Wording(**world.facts["rollout"])
        self.router = Router(world.instruments["router"])
        self.sink = Sink(world.instruments["sink"])
        self._undisturbed: Run | None = None
        self._waited = world.wait
        told = self.move.moving
        self.router.lead(
            Sides(
                monolith=self.move.monolith.port,
                service=self.move.service.port,
                account=told.owner_key,
                context=(told.context,),
                headers=tuple(told.headers),
                volatile=tuple(told.left_out),
            )
        )
        self.sink.forward(None)
        self.sink.reset()
        self._told_lately()  # what is told before this is not handed on, and would be missed by what follows it
        self.sink.clear()
        self.sink.forward(self.move.monolith.port, told.inbox)

    @cached_property
    def parties(self) -> list[str]:
        """The owners, in the sequence in which they come; the same ones each time."""
        names: dict[int, str] = {}
        for number in itertools.count(1000):
            name = f"R-{number}"
            names.setdefault(int(share_of(f"account|{name}") * PARTIES), name)
            if len(names) == PARTIES:
                break
        for name in names.values():
            if self.move.told("GET", f"{self.move.moving.owners}/{name}").status != 200:  # noqa: PLR2004
                self.move.owner(**{self.move.moving.owned_by: name})
        return [names[at * STRIDE % PARTIES] for at in range(PARTIES)]

    def undisturbed(self, plan: RolloutPlan) -> Run:
        """The submitted plan with the service as it is; carried out once, whoever asks."""
        if self._undisturbed is None:
            self._undisturbed = self.run(plan, safe_plans.healthy(self.wording.terms)[0])
        return self._undisturbed

    def run(self, plan: RolloutPlan, scenario: Scenario) -> Run:
        """Carry the plan out, beginning with both sides knowing all of the other's. Raises Failure, Inconclusive."""
        self.move.followed()
        if missing := self.drained() or self.handover():
            raise Failure(f"before a rollout {missing}", expected="both sides know what the other did")
        try:
            return carry_out(
                self.router,
                plan,
                self.wording.setting,
                self.traffic,
                scenario,
                Besides(self.handover, self.drained, self._waited),
            )
        finally:
            self.router.steer("monolith")

    def traffic(self, minute: int) -> Lanes:
        """The requests of a minute."""
        first = minute * EACH_MINUTE % PARTIES
        return [self._lane(owner) for owner in self.parties[first : first + EACH_MINUTE]]

    def _lane(self, owner: str) -> Sequence[Step]:
        told = self.move.moving

        def about(*more: str, method: str = "GET") -> Callable[[Sequence[Exchange]], Request | None]:
            def step(seen: Sequence[Exchange]) -> Request | None:
                made = seen[0].answered()
                if made.status != CREATED:
                    return None
                thing = made.json()
                return Request(method, told.path(owner, str(isinstance(thing, dict) and thing.get("id")), *more))

            return step

        made = told.creation(owner, marked("caller"))
        return [
            Request(made.method, made.path, tuple(one for one in made.headers if one[0] != MODE), made.body),
            about(),
            about(told.first_step, method="POST"),
            Request("GET", f"{told.path(owner)}?limit=5"),
        ]

    def handover(self) -> str:
        """Wait until the service has followed the feed to its end."""
        try:
            self.move.caught_up(DRAINED)
        except Failure as failure:
            return f"{failure.summary}: it says {failure.received}, and was expected to say {failure.expected}"
        return ""

    def drained(self) -> str:
        """Wait until the sink has been quiet for a while and the monolith has what it took of our callers."""
        with Stalls() as stalls:
            while True:
                lately = self._told_lately()
                told = self.sink.forwarded(0.0)
                if told.refused:
                    return f"the monolith refused what the service told: {told.refused[-1]}"
                waiting = self._ours(told.waiting)
                if not waiting and not lately:
                    return ""
                if not stalls.within(DRAINED):
                    return f"{waiting} events wait for the monolith, which has not got what came before them"

    def _ours(self, numbers: Sequence[int]) -> int:
        """How many of these events are about our callers. One of an earlier check may have been told so late that those
        before it were forgotten: it waits for ever, and that is nobody's fault.
        """
        if not numbers:
            return 0
        callers, moving = set(self.parties), self.move.moving
        return sum(each.number in numbers and moving.owner_in(each.data) in callers for each in self.sink.events())

    def _told_lately(self) -> bool:
        """Whether anything is told within `QUIET` seconds from now, and as much longer as this machine stands still."""
        before = self.sink.count()
        with Stalls() as stalls:
            while stalls.within(QUIET):
                time.sleep(POLL)
        return self.sink.count() != before


def expect_consistent(rollouts: Rollouts, evidence: Evidence) -> None:
    """What the service acknowledged while it was live is in the monolith after a rollback, as it was answered."""
    run = rollouts.run(read_rollout(TAKEN_BACK), FAILS_LATE)
    leave(run, evidence)
    owners = KeyRule(rollouts.move.moving.owner_key)
    newest: dict[str, dict[str, Any]] = {}
    for exchange in run.kept:
        told = thing_of(exchange)
        path = rollouts.move.moving.path(owners.find(exchange.request.path, (), b""), told["id"])
        if told["version"] >= newest.get(path, told)["version"]:
            newest[path] = told
    if run.end != "roll back":
        raise StageError(f"a rollout that had to be taken back ended with {run.end}")
    expect(
        bool(newest),
        "in a canary of 40 % the service made nothing for any caller",
        received="\n".join(run.ways) or f"{run.live} answers, and none of them a 2xx to a write",
        expected="what the monolith would have made",
    )
    with Stalls() as stalls:
        while (wrong := _otherwise(rollouts.move, newest)) and stalls.within(DRAINED):
            time.sleep(POLL)
    evidence.figure("Things that the service made or changed before the rollback", len(newest), "things")
    expect(
        not wrong,
        "after the rollback the monolith does not have what the service had acknowledged",
        sent=f"GET of each thing at the monolith, {DRAINED:g} s after the rollback at the latest",
        received="\n".join(list(wrong)[:10]),
        expected="everything that callers were told, in its newest state",
    )


def _otherwise(move: Move, things: Mapping[str, Mapping[str, Any]]) -> dict[str, None]:
    """In which ways the monolith has things, by their paths, otherwise than callers were told."""
    wrong: dict[str, None] = {}
    for path, told in things.items():
        answer = move.told("GET", path)
        found = Differ(()).differences(Seen(200, {}, json.dumps(told).encode()), Seen(answer.status, {}, answer.body))
        wrong |= dict.fromkeys("it is not there" if one.place == "status" else f"another {one.place}" for one in found)
    return wrong
