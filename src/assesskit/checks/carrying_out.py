"""A rollout plan carried out by real requests: minute by minute through the router, to its end.

A minute of the plan is a number of requests, sent as fast as they are answered; what happens at its end is decided by
the router. The plan is judged, so faults are played by us, and the service's own time counts up to what is healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch

from assesskit.checks.drawn import leave_differences, lines
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.http import Client
from assesskit.checks.stalls import Stalls
from assesskit.checks.submitted import Submitted
from assesskit.instruments.migration import SIDE, Found, Played, Router, Row, Setting
from assesskit.instruments.rollout_plan import MODES, Mode, PlanError, RolloutPlan, read_rollout

Step = Request | Callable[[Sequence[Exchange]], Request | None]
"""A request, or one that depends on what was answered so far in its lane; None leaves it out."""
Lanes = Sequence[Sequence[Step]]
"""Steps of one account each, which are sent in order; different accounts side by side."""
Traffic = Callable[[int], Lanes]
"""The requests of a minute, counted from 1."""
Waiting = Callable[[], str]
"""Waits until something is so; "" when it is, and else what is not, in words for a candidate."""

ABREAST = 8
ANSWER_SECONDS = 30.0
"""The router answers within its own limits; whatever takes longer is this machine."""
KEPT = 400
"""Writes of a rollout that are looked for afterwards."""
SUCCESS = 2


@dataclass(frozen=True)
class Scenario:
    """What becomes of the service while it is rolled out: `faults` from minute `after` of the first stage of mode
    `begins` on, or of a later one where the plan has none.
    """

    what: str
    healthy: bool
    faults: tuple[Played, ...] = ()
    begins: Mode = "canary"
    after: int = 0


@dataclass(frozen=True)
class Besides:
    """What is called while a plan is carried out: `handover` before accounts change sides, when no request is under
    way, `drained` after a rollback, and `waited` after each minute, with the seconds for which slow answers were waited
    for.
    """

    handover: Waiting
    drained: Waiting
    waited: Callable[[float], None]


@dataclass(frozen=True)
class Run:
    """How a rollout went: its minutes, the differences found, and the writes that the service acknowledged to callers.
    `ways` are the ways in which the service gave no answer.
    """

    scenario: Scenario
    setting: Setting
    rows: tuple[Row, ...]
    differences: tuple[Found, ...]
    kept: tuple[Exchange, ...]
    ways: tuple[str, ...]

    @property
    def end(self) -> str:
        """The last decision: promote, roll back, or hold, when it was still under way long after the plan's time."""
        return self.rows[-1].action

    @property
    def bad(self) -> int:
        """Callers that the service served ill."""
        return sum(row.bad for row in self.rows)

    @property
    def live(self) -> int:
        """Callers that the service answered."""
        return sum(row.live for row in self.rows)


def plan_of(submitted: Submitted, path: str, never: Sequence[str] = ()) -> RolloutPlan:
    """Return the plan that was handed in. `never` are places that nobody may declare to differ, as shell patterns of a
    place, or of its last segment. Raises Failure when there is none that can be carried out.
    """
    try:
        plan = read_rollout(submitted.text(path))
        for number, one in enumerate(plan.declared, 1):
            last = one.place.rpartition("/")[2]
            if any(fnmatch(one.place.lower(), each) or fnmatch(last, each) for each in never):
                raise PlanError(f"declared[{number}].place: {one.place} may not differ: clients depend on it")
    except PlanError as error:
        raise Failure(
            f"{path} cannot be carried out: {error}", expected="the format that the brief describes"
        ) from None
    return plan


def carry_out(
    router: Router,
    plan: RolloutPlan,
    setting: Setting,
    traffic: Traffic,
    scenario: Scenario,
    besides: Besides,
) -> Run:
    """Carry a plan out to its end.

    Raises Failure when the service keeps a rollout from going on, Inconclusive when the monolith failed, which is ours,
    and when answers came too late while this machine stood still.
    """
    router.begin(plan, setting)
    rows: list[Row] = []
    kept: list[Exchange] = []
    begin = _beginning(plan, scenario)
    at, since = 0, {0: 0}
    while not (rows and rows[-1].ended):
        if begin in since and len(rows) - since[begin] >= scenario.after:
            router.play(*scenario.faults)
        with Stalls() as stalls:
            kept += _kept(sent(router, traffic(len(rows) + 1)))
            rows.append(router.minute())
        besides.waited(_slow(router, len(rows), setting, stalls))
        if rows[-1].action == "promote" and not rows[-1].ended:
            at += 1
            since[at] = len(rows)
            if plan.stages[at].percent > plan.stages[at - 1].percent:
                _expect("before its accounts changed sides", besides.handover, rows)
    if rows[-1].action != "promote":
        _expect("after the rollback", besides.drained, rows)
    monolith, ways = router.failures()
    if monolith:
        raise Inconclusive(f"the monolith, which is ours, failed {monolith} requests of a rollout")
    return Run(scenario, setting, tuple(rows), tuple(router.differences()), tuple(kept[:KEPT]), tuple(ways))


def sent(router: Router, lanes: Lanes) -> list[Exchange]:
    """Send lanes through the router and return what came back, lane by lane. Raises Inconclusive where nothing did."""
    client = Client(router.port)

    def lane(steps: Sequence[Step]) -> list[Exchange]:
        seen: list[Exchange] = []
        for step in steps:
            request = step if isinstance(step, Request) else step(seen)
            if request is not None:
                counted = replace(request, headers=(*request.headers, router.key))
                exchange = client.send(counted, deadline=ANSWER_SECONDS)
                if exchange.response is None:
                    raise Inconclusive(f"the router, which is ours, gave no answer: {exchange.error}")
                seen.append(exchange)
        return seen

    with ThreadPoolExecutor(ABREAST) as pool:
        return [exchange for seen in pool.map(lane, lanes) for exchange in seen]


def by_service(exchange: Exchange) -> bool:
    """Whether the service answered it."""
    return exchange.response is not None and exchange.response.headers.get(SIDE) == "service"


def _beginning(plan: RolloutPlan, scenario: Scenario) -> int:
    """The first stage that is as far as the faults wait for."""
    wanted = MODES.index(scenario.begins)
    return next(number for number, stage in enumerate(plan.stages) if MODES.index(stage.mode) >= wanted)


def _slow(router: Router, minute: int, setting: Setting, stalls: Stalls) -> float:
    """The seconds for which slow answers were waited for in a minute. Raises Inconclusive when some came too late, no
    more than are under way at once, while this machine stood still.
    """
    seconds, late = router.waited()
    if 0 < late <= ABREAST and stalls.explained >= setting.deadline:
        raise Inconclusive(
            f"minute {minute} of a rollout: {late} answers came late, or did not know yet what they should, but this "
            f"machine stood still for {stalls.seconds:.1f} s meanwhile"
        )
    return seconds


def _kept(exchanges: Sequence[Exchange]) -> list[Exchange]:
    return [
        one
        for one in exchanges
        if by_service(one)
        and one.request.method not in {"GET", "HEAD"}
        and one.response is not None
        and one.response.status // 100 == SUCCESS
    ]


def _expect(when: str, waiting: Waiting, rows: Sequence[Row]) -> None:
    if missing := waiting():
        raise Failure(
            f"minute {rows[-1].minute} of a rollout, {when}: {missing}",
            expected="both sides know what the other did before callers change sides",
        )


def leave(run: Run, evidence: Evidence, budget: int | None = None) -> None:
    """Leave the minutes of a rollout as evidence, and where answers differed."""
    head = {
        "drawn": "rollout/1",
        "what": run.scenario.what,
        "healthy": run.scenario.healthy,
        "objective": run.setting.objective,
        "budget": budget,
        "end": run.end,
    }
    evidence.log(f"The rollout of {run.scenario.what}", lines(head, [asdict(row) for row in run.rows]))
    if run.differences:
        leave_differences(run.differences, f"Differences in the rollout of {run.scenario.what}", evidence)
