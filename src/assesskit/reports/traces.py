"""A page of recorded traces: waterfalls, by service and by error, for whoever looks for what went wrong.

It is rendered like every other page of ours: no script, nothing loaded, and what a recording says is shown as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlencode

from assesskit.instruments.collector import Span
from assesskit.reports import charts, evidence
from assesskit.reports.pages import environment

OF_A_PAGE = 20
"""Traces that one page draws."""
MOST_MS = 3_600_000
REFRESH_SECONDS = 4
"""How often a live page loads itself anew."""


@dataclass(frozen=True)
class Asked:
    """What is looked for: traces with a span of `service`, with one that says ERROR, that take `longer` ms, by id."""

    service: str = ""
    errors: bool = False
    longer: int = 0
    trace: str = ""
    page: int = 1
    still: bool = False
    """Of a page that is live: that it should not load itself anew."""

    @classmethod
    def of(cls, query: Mapping[str, Sequence[str]]) -> Self:
        """Read a query's parameters; what makes no sense asks for nothing."""
        first = {name: values[0] for name, values in query.items() if values}
        longer, page = (first.get(name, "") for name in ("longer", "page"))
        return cls(
            service=first.get("service", ""),
            errors=first.get("errors") == "1",
            longer=min(int(longer), MOST_MS) if longer.isdecimal() and len(longer) < 9 else 0,  # noqa: PLR2004
            trace=first.get("trace", "").strip().lower(),
            still=first.get("still") == "1",
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,  # noqa: PLR2004
        )

    def at(self, **changes: Any) -> str:
        """The query that asks for the same, but for some of it."""
        asked = replace(self, **{"page": 1, **changes})
        told = {name: int(value) if isinstance(value, bool) else value for name, value in vars(asked).items()}
        return urlencode({name: value for name, value in told.items() if value})


@dataclass(frozen=True)
class Live:
    """Of a system that runs: the time now, in unix seconds; how many requests of ours there were and were answered
    well; spans that had no room; programs that do not run, and why."""

    now: float
    asked: int
    well: int
    lost: int = 0
    ended: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """The spans of one trace, of which none is missing here."""

    id: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        """When its first span begins, in unix seconds."""
        return min(span.start for span in self.spans)

    @property
    def ms(self) -> float:
        """From its first start to its last end."""
        return (max(span.end for span in self.spans) - self.start) * 1000

    @property
    def errors(self) -> int:
        """Spans that say ERROR."""
        return sum(span.status == "ERROR" for span in self.spans)

    @property
    def services(self) -> list[str]:
        """Whose spans are in it."""
        return sorted({span.service for span in self.spans})

    @property
    def root(self) -> str:
        """What it begins with."""
        first = min(self.spans, key=lambda span: span.start)
        return f"{first.service}: {first.name}"

    def fits(self, asked: Asked) -> bool:
        """Whether it is what is looked for."""
        return (
            (not asked.service or asked.service in self.services)
            and (not asked.errors or self.errors > 0)
            and self.ms >= asked.longer
            and asked.trace in self.id
        )

    def drawn(self, *, narrow: bool = False) -> object:
        """Its waterfall, or one for a narrow screen."""
        return charts.waterfall([_shown(span, self.start) for span in self.spans], narrow=narrow)


def traces(spans: Iterable[Span]) -> list[Trace]:
    """The traces of a recording, the earliest first."""
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span.trace_id, []).append(span)
    return sorted((Trace(name, tuple(own)) for name, own in found.items()), key=lambda one: one.start)


def page(recorded: Sequence[Trace], asked: Asked, title: str, live: Live | None = None) -> str:
    """The page that shows what is asked for; of a system that is live the latest first, and anew every few seconds."""
    fitting = [one for one in (reversed(recorded) if live else recorded) if one.fits(asked)]
    pages = max(1, -(-len(fitting) // OF_A_PAGE))
    number = min(asked.page, pages)
    return (
        environment()
        .get_template("traces.html.j2")
        .render(
            title=title,
            asked=asked,
            number=number,
            pages=pages,
            count=len(fitting),
            total=len(recorded),
            services=sorted({service for one in recorded for service in one.services}),
            shown=fitting[(number - 1) * OF_A_PAGE : number * OF_A_PAGE],
            began=recorded[0].start if recorded else 0.0,
            live=live,
            refresh=REFRESH_SECONDS,
        )
    )


def _shown(span: Span, start: float) -> evidence.Span:
    """A span as charts draw it: times from the trace's start."""
    return evidence.Span.model_validate(
        {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_id or None,
            "name": span.name,
            "kind": span.kind,
            "service": span.service,
            "start": span.start - start,
            "end": span.end - start,
            "status": span.status,
        }
    )
