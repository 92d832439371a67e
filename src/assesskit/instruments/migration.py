"""The router of a rollout, as a check sees it: a proxy of ours in front of monolith and service, led by a plan.

Requests of the moved context carry ``Rollout-Mode`` to the service: in ``shadow`` and ``mirror`` its answer is compared
with the monolith's and thrown away, and it must do nothing that lasts; in ``live`` the caller gets it. An account is
one side's at any time. Callers learn who answered from ``Rollout-Side``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assesskit.instruments.program import Program
from assesskit.instruments.rollout_plan import Mode, RolloutPlan
from assesskit.instruments.rollout_window import Action

KEY = "Rollout-Key"
"""Whoever is counted shows it: the submission shares the loopback with us."""
MODE = "Rollout-Mode"
SIDE = "Rollout-Side"
MINUTE_SECONDS = 120.0


@dataclass(frozen=True)
class Sides:
    """Where both are (ports), and what the router knows of their API.

    `account` says where a request's account is (see `Relay.start`). `context` are the paths that move: a path that
    begins with one of them, segment by segment, where ``*`` is any one; everything else is the monolith's for ever.
    `headers` of answers are compared; `volatile` are places that nobody compares (see `differences`).
    """

    monolith: int
    service: int
    account: str
    context: tuple[str, ...]
    headers: tuple[str, ...] = ("content-type",)
    volatile: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What a rollout is held against. `objective` is the share of good answers; one slower than `slow_ms` is bad.

    Of the service's own time at most `healthy_ms` counts: a rollout judges the plan, not this machine. An answer is
    waited for `deadline` seconds, and two that differ are compared again for `settle` seconds, since what one side
    wrote takes its time to the other.
    """

    objective: float
    slow_ms: float
    healthy_ms: float
    deadline: float = 4.0
    settle: float = 5.0
    seed: int = 1


@dataclass(frozen=True)
class Played:
    """A fault of the service that the router plays for a `share` of its answers, the same ones each time.

    ``latency`` adds `ms` to what its answer took (in the figures: nobody waits), ``error`` answers `status` in its
    place, ``value`` adds `add` to the first number at `place`, a pattern of places in its body.
    """

    kind: Literal["latency", "error", "value"]
    share: float = 1.0
    ms: float = 0.0
    status: int = 503
    place: str = ""
    add: int = 1


@dataclass(frozen=True)
class Row:
    """A minute of a rollout. Rates are None where there was nothing to tell of.

    `requests` were the service's to answer, in any mode; `live` ones were answered to callers, of which `bad` failed,
    were slow, or had a value of another. Of `compared` answers `differing` did. `burn` is of this minute alone. `fault`
    names what was played. `ended` says that the rollout is over: promoted to the end, rolled back, or out of time.
    """

    minute: int
    mode: Mode
    percent: float
    requests: int
    live: int
    success: float | None
    p95: float | None
    compared: int
    differing: int
    burn: float | None
    bad: int
    action: Action
    reason: str
    fault: str
    ended: bool


@dataclass(frozen=True)
class Found:
    """A difference between two answers. `reason` is the plan's where it is declared; `played` says it was our fault."""

    minute: int
    mode: str
    request: str
    place: str
    monolith: str
    service: str
    reason: str
    played: bool


class Router:
    """A running router. Every method raises GraderError when its own program fails."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.port: int = program.ask("port")
        self._secret = secrets.token_hex(16)

    @classmethod
    def start(cls, port: int = 0) -> Router:
        """Start one on 127.0.0.1:`port` (0: a free one), without a collector."""
        module = "assesskit.instruments.rollout_router"
        return cls(Program.opened(module, "router", port=port, token="", collector=0)[0])

    @property
    def key(self) -> tuple[str, str]:
        """The header of a request that is counted while a plan is carried out; others are refused then."""
        return KEY, self._secret

    def lead(self, sides: Sides) -> None:
        """Tell it where both sides are; everything goes to the monolith."""
        self._program.ask("lead", sides=asdict(sides))

    def steer(self, mode: Mode | Literal["monolith"], percent: float = 0.0) -> None:
        """Lead everybody so, without a plan and without figures, until told otherwise."""
        self._program.ask("steer", mode=mode, percent=percent)

    def begin(self, plan: RolloutPlan, setting: Setting) -> None:
        """Carry out a plan from its first stage; what an earlier one left is forgotten, faults are taken away."""
        self._program.ask("begin", plan=asdict(plan), setting=asdict(setting), secret=self._secret)

    def play(self, *faults: Played) -> None:
        """Play these faults from now on, and no others."""
        self._program.ask("play", faults=[asdict(fault) for fault in faults])

    def minute(self) -> Row:
        """End a minute of the plan: wait for what is under way, decide, and return what the minute came to."""
        return Row(**self._program.ask("minute", within=MINUTE_SECONDS))

    def differences(self) -> list[Found]:
        """Return the differences of this rollout so far, the first few hundred."""
        return [Found(**plain) for plain in self._program.ask("differences")]

    def failures(self) -> tuple[int, list[str]]:
        """Return how many requests the monolith failed (ours, then), and how the service failed, each way once."""
        monolith, service = self._program.ask("failures")
        return int(monolith), list(service)

    def waited(self) -> tuple[float, int]:
        """Return for how many seconds slow answers of the service were waited for, what was asked side by side once,
        and how many answers came too late, or did not know what they should until their time was up: in this rollout,
        since this was asked last.
        """
        seconds, late = self._program.ask("waited")
        return float(seconds), int(late)

    def stop(self) -> None:
        """Stop listening and end the program."""
        self._program.stop()


def plan_of(plain: dict[str, Any]) -> RolloutPlan:
    """Read back what `Router.begin` sent."""
    from assesskit.instruments.rollout_plan import Declared, Gate, Stage

    def listed(kind: Any, key: str) -> Sequence[Any]:
        return tuple(kind(**each) for each in plain[key])

    rollback = plain["rollback"]
    return RolloutPlan(
        stages=tuple(listed(Stage, "stages")),
        gate=Gate(**plain["gate"]),
        rollback=Gate(**rollback) if rollback else None,
        declared=tuple(listed(Declared, "declared")),
    )
