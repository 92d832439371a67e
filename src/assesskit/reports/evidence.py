"""What each kind of evidence holds, read strictly enough to be drawn; the shapes are those of `model.Evidence`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assesskit.model import Evidence
from assesskit.reports.drawn import Drawn, Ledger, Parity, Rollout, drawn

Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Headers = dict[str, Any] | list[tuple[str, Any]]


class Seen(BaseModel):
    """Base of the shapes: frozen; keys that are not drawn may be there."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Sent(Seen):
    """A request."""

    method: str
    url: str
    headers: Headers = {}
    body: Any = ""


class Received(Seen):
    """A response."""

    status: int
    headers: Headers = {}
    body: Any = ""


class Exchange(Seen):
    """A request and its response, or the error instead of one. `seconds` is how long it took."""

    sent: Sent
    received: Received | None = None
    error: str | None = None
    seconds: Number | None = None


class Call(Seen):
    """One call the relay saw. `at` and `seconds` in seconds."""

    at: Number
    method: str
    path: str
    key: str | None = None
    attempt: int | None = None
    status: int | None = None
    fault: str | None = None
    seconds: Number | None = None


class Relay(Seen):
    """The calls of one edge, oldest first."""

    calls: tuple[Call, ...]


class Span(Seen):
    """A span; `start` and `end` in seconds from the first."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str
    kind: Any = None
    service: str | None = None
    start: Number
    end: Number
    status: Any = None

    @property
    def failed(self) -> bool:
        """Whether the program that wrote it calls it an error (a name, or OTLP's code 2)."""
        return str(self.status).upper() in {"2", "ERROR", "STATUS_CODE_ERROR"}


class Spans(Seen):
    """Spans of one or more traces."""

    spans: tuple[Span, ...]


class Side(Seen):
    """Latencies of one side, in milliseconds."""

    p50: Number
    p95: Number
    p99: Number
    count: int
    samples_ms: tuple[Number, ...] = ()


class Latency(Seen):
    """A difference of latencies with its 95 % interval, against a budget; all in milliseconds."""

    budget_ms: Number
    difference_ms: Number
    low_ms: Number
    high_ms: Number
    sides: dict[str, Side]
    windows: Any = None


class Log(Seen):
    """Lines a program printed."""

    lines: tuple[str, ...]


class Figure(Seen):
    """A measured value, and its limit where there is one."""

    value: Any
    unit: str | None = ""
    limit: Any = None


class Note(Seen):
    """Something said in words."""

    text: str


_SHAPES: dict[str, type[Seen]] = {
    "exchange": Exchange,
    "relay": Relay,
    "spans": Spans,
    "latency": Latency,
    "log": Log,
    "figure": Figure,
    "note": Note,
}


@dataclass(frozen=True)
class Piece:
    """Evidence as a page shows it. `kind` is ``raw`` where the data has not its kind's shape: `seen` is then JSON. A
    log that is drawn as something else is of the kind ``rollout``, ``ledger`` or ``parity``.
    """

    kind: str
    title: str
    seen: Seen | Drawn | str


def piece(evidence: Evidence) -> Piece:
    """Read one piece of evidence; data of another shape than its kind's is kept as it was recorded."""
    try:
        seen = _SHAPES[evidence.kind].model_validate(evidence.data)
        more = drawn(seen.lines) if isinstance(seen, Log) else None
        return Piece(evidence.kind, evidence.title, seen) if more is None else _drawn(evidence.title, more)
    except ValidationError:
        return Piece("raw", evidence.title, as_json(evidence.data))


def _drawn(title: str, seen: Drawn) -> Piece:
    kinds = {Rollout: "rollout", Ledger: "ledger", Parity: "parity"}
    return Piece(kinds[type(seen)], title, seen)


def message(part: Sent | Received) -> str:
    """A request or response the way it reads on the wire: its first line, its headers, its body."""
    pairs = part.headers.items() if isinstance(part.headers, dict) else part.headers
    first = f"{part.method} {part.url}" if isinstance(part, Sent) else f"HTTP {part.status}"
    head = "\n".join((first, *(f"{name}: {value}" for name, value in pairs)))
    body = part.body if isinstance(part.body, str) else as_json(part.body)
    return f"{head}\n\n{body}" if part.body else head


def as_json(data: object) -> str:
    """Data as indented JSON, for a person."""
    return json.dumps(data, indent=2, ensure_ascii=False)
