"""The kinds of load that both sides are compared under, and what was seen of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assesskit.checks.latency import REFERENCE, SUBMISSION
from assesskit.instruments.load import RequestTemplate, Sample

SIDES = (SUBMISSION, REFERENCE)
DEPENDENCY_SECONDS = 0.06
"""By how much every call to the dependency is held up while load is offered."""


@dataclass(frozen=True)
class Kind:
    """A kind of load: `rate` requests a second in windows of `seconds`, or as many as `clients` get answered.

    `told` is what was sent, in words. `waiting_ms` is how much of every answer both sides spend waiting for the
    dependency; `most` windows a side are offered at most.
    """

    told: str
    rate: float = 0.0
    seconds: float = 0.4
    clients: int = 0
    waiting_ms: float = 0.0
    most: int = 12


READS = Kind("60 reads a second, evenly spaced, on kept-alive connections", rate=60.0)
WRITES = Kind(
    "30 writes a second, evenly spaced, on kept-alive connections, while the dependency takes 60 ms to answer",
    rate=30.0,
    waiting_ms=1000 * DEPENDENCY_SECONDS,
)
RUSH = Kind(
    "16 clients that ask again as soon as they are answered, three reads to a write, while the dependency takes 60 ms",
    clients=16,
)


@dataclass(frozen=True)
class Mix:
    """The requests one side is sent in turn, and what the marks of the things made by them begin with. `newest` looks
    at a page of the newest things there are, and returns their marks; None where no page shows the newest, which is
    judged elsewhere.
    """

    reads: Sequence[RequestTemplate]
    writes: Sequence[RequestTemplate]
    mark: str
    newest: Callable[[], Sequence[str] | None]

    def of(self, kind: Kind) -> Sequence[RequestTemplate]:
        """The requests of a kind; of both, three reads to a write."""
        if kind is READS:
            return self.reads
        if kind is WRITES:
            return self.writes
        return [one for at, read in enumerate(self.reads) for one in ((read,) if at % 3 else (read, *self.writes))]


@dataclass
class Measured:
    """What was seen of one kind of load so far, a side: `samples`; `sent`, how many requests, those that warmed it up
    included; `seconds` of load; `cpu`, processor seconds used meanwhile, and `memory`, the most bytes ever used (both
    None where the runtime cannot tell).
    """

    samples: list[Sample] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    seconds: float = 0.0
    cpu: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(SIDES, 0.0))
    memory: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(SIDES))

    @property
    def windows(self) -> int:
        """How many windows a side."""
        return max((sample.window for sample in self.samples), default=-1) + 1

    @property
    def work_ms(self) -> float | None:
        """By how much a request of the submission uses more processor time than one of the reference's."""
        ours, theirs = (cost_ms([self], side) for side in SIDES)
        return None if ours is None or theirs is None else ours - theirs

    def share(self, side: str, cpus: float | None) -> float | None:
        """How much of its processor a side has used over its own windows; more if it was busy beside them, too."""
        used = self.cpu[side]
        return None if used is None or not cpus or not self.seconds else used / self.seconds / cpus

    def add(
        self,
        samples: Sequence[Sample],
        warming: int,
        seconds: float,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Add what some more windows have shown; `before` and `after` are what each side had used."""
        first = self.windows
        self.samples += [sample.moved(first) for sample in samples]
        self.seconds += seconds
        for side in SIDES:
            self.sent[side] += warming + sum(sample.side == side for sample in samples)
            start, end, used = before[side]["cpu_seconds"], after[side]["cpu_seconds"], self.cpu[side]
            self.cpu[side] = None if start is None or end is None or used is None else used + end - start
            self.memory[side] = after[side]["memory_bytes"]


def cost_ms(seen: Sequence[Measured], side: str) -> float | None:
    """Return the processor milliseconds of a request of a side, None where the runtime cannot tell or none was sent."""
    cpu = [one.cpu[side] for one in seen]
    sent = sum(one.sent[side] for one in seen)
    return 1000 * sum(one for one in cpu if one is not None) / sent if sent and None not in cpu else None
