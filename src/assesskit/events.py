"""What happens during a run, as values. The engine emits them and never prints; the command line shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from assesskit.model import Observation, Verdict


@dataclass(frozen=True)
class PhaseStarted:
    """A phase of the run begins: ``images``, ``build``, ``pod``, ``start``, ``checks``, ``close``."""

    run: str
    phase: str
    text: str


@dataclass(frozen=True)
class PhaseEnded:
    """A phase is over after `seconds`; `ok` is false when it ended the run."""

    run: str
    phase: str
    seconds: float
    ok: bool = True


@dataclass(frozen=True)
class LineSeen:
    """A line of progress inside a phase, such as a build step's output; cleaned of control characters."""

    run: str
    phase: str
    text: str


@dataclass(frozen=True)
class ChecksPlanned:
    """Which checks will run: criterion id -> check ids."""

    run: str
    checks: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckStarted:
    """A check of a criterion begins."""

    run: str
    criterion: str
    check: str


@dataclass(frozen=True)
class CheckEnded:
    """A check is over; its observation says how."""

    run: str
    observation: Observation


@dataclass(frozen=True)
class CriterionJudged:
    """A criterion has its verdict."""

    run: str
    criterion: str
    verdict: Verdict
    reason: str


Event = PhaseStarted | PhaseEnded | LineSeen | ChecksPlanned | CheckStarted | CheckEnded | CriterionJudged
OnEvent = Callable[[Event], None]
