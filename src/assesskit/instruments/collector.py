"""The collector: receives the pod's spans over OTLP/HTTP. What it holds is what programs *say* they did.

A program is known by its ingest token, in the header ``x-ingest-token``; the ``service.name`` it claims is kept beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assesskit.instruments.program import Program

__all__ = ["Collector", "Span"]


@dataclass(frozen=True)
class Span:
    """One span as it was received. Ids are lower-case hex; `parent_id` is "" for a root; times are unix seconds.

    `service` is the ``service.name`` it claims, `source` the service whose ingest token it came with. `kind` and
    `status` are words of OTLP: ``SERVER`` and ``ERROR``, say, or ``UNSPECIFIED`` and ``UNSET``. `links` are pairs
    of trace and span id, `events` hold {name, time, attributes}. Attributes, and those of its `resource`, are plain
    JSON values, capped in number and size.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    source: str
    start: float
    end: float
    status: str
    status_message: str
    attributes: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    links: tuple[tuple[str, str], ...]
    flags: int
    scope: str
    resource: Mapping[str, Any] = field(default_factory=dict)


class Collector:
    """A running collector. Every method raises GraderError when its own program fails."""

    def __init__(self, program: Program, port: int) -> None:
        self._program = program
        self.port = port

    @classmethod
    def start(cls, port: int, tokens: Mapping[str, str]) -> Collector:
        """Start it on 127.0.0.1:`port` (0: a free one); it listens on return. `tokens` is ingest token -> service."""
        module = "assesskit.instruments.collector_server"
        return cls(*Program.opened(module, "collector", port=port, tokens=dict(tokens)))

    def spans(self, trace_id: str | None = None, *, settle: float = 0.8, timeout: float = 5.0) -> list[Span]:
        """Return the spans of one trace, or all, once they are complete.

        That is when at least one has come and, from now on, no more came for `settle` seconds; or after `timeout`.
        """
        found = self._program.ask("spans", within=timeout + 30, trace_id=trace_id, settle=settle, timeout=timeout)
        return [_span(plain) for plain in found]

    def refused(self) -> int:
        """Return how many requests came without a valid ingest token."""
        count: int = self._program.ask("refused")
        return count

    def crowded_out(self) -> Mapping[str, int]:
        """Return how many spans found no room, by the service whose ingest token they came with."""
        count: Mapping[str, int] = self._program.ask("crowded_out")
        return count

    def stop(self) -> None:
        """Stop listening and end the program."""
        self._program.stop()


def _span(plain: dict[str, Any]) -> Span:
    links = tuple((trace, span) for trace, span in plain["links"])
    return Span(**{**plain, "links": links, "events": tuple(plain["events"])})
