"""Logs that are more than lines: a JSON line each, whose first says how they are drawn.

Evidence has no kind of its own for the minutes of a rollout, a ledger of events, or where answers differ; so checks
leave them as logs, which any reader can still read. They are read strictly: what is not exactly so stays a log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Count = Annotated[int, Field(ge=0, le=10**9)]
Number = Annotated[float, Field(ge=0, le=1e9)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(max_length=1000)]


class Row(BaseModel):
    """Base of the lines: frozen, and nothing beside what is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Minute(Row):
    """A minute of a rollout, as `instruments.migration.Row` has it."""

    minute: Count
    mode: Literal["shadow", "mirror", "canary", "primary"]
    percent: Annotated[float, Field(ge=0, le=100)]
    requests: Count
    live: Count
    success: Share | None
    p95: Number | None
    compared: Count
    differing: Count
    burn: Number | None
    bad: Count
    action: Literal["promote", "hold", "roll back"]
    reason: Text
    fault: Text
    ended: bool

    @property
    def stage(self) -> str:
        """The stage in words."""
        return f"canary {self.percent:g} %" if self.mode == "canary" else self.mode


class RolloutHead(Row):
    """What was rolled out, and how many requests of callers it might serve ill."""

    drawn: Literal["rollout/1"]
    what: Text
    healthy: bool
    objective: Share
    budget: Count | None
    end: Literal["promote", "hold", "roll back"]


class LedgerHead(Row):
    """How many events there were; the rows are the last of them."""

    drawn: Literal["ledger/1"]
    count: Count


class Entry(Row):
    """An event that the sink took; `at` in seconds from the first, `again` says that its id came before."""

    number: Count
    at: Number
    type: Text
    subject: Text
    sequence: int | None
    id: Text
    mode: Text
    answered: Count | None
    again: bool
    note: Text


class ParityHead(Row):
    """How many differences there were; the rows tell each place once."""

    drawn: Literal["parity/1"]
    count: Count


class Place(Row):
    """A place where answers differed `count` times, with the first pair of values and the plan's reason, if any."""

    request: Text
    place: Text
    monolith: Text
    service: Text
    count: Count
    reason: Text
    played: bool

    @property
    def why(self) -> str:
        """Whether that was meant, in words."""
        if self.reason:
            return f"declared: {self.reason}"
        return "made wrong on purpose, by the check" if self.played else "not declared"


class Rollout(Row):
    """A rollout minute by minute."""

    head: RolloutHead
    rows: Annotated[tuple[Minute, ...], Field(min_length=1)]

    @property
    def telling(self) -> tuple[Minute, ...]:
        """The minutes that tell something: every decision but to hold, the last, and each reason to hold, once a stage,
        but that its time is not over.
        """
        told: set[tuple[str, str]] = set()
        kept: list[Minute] = []
        for row in self.rows:
            kind = (row.stage, re.sub(r"[0-9.]+", "", row.reason))
            news = kind not in told and row.reason != "the stage is not over"
            if row.action != "hold" or row is self.rows[-1] or news:
                kept.append(row)
            told.add(kind)
        return tuple(kept)

    @property
    def bad(self) -> int:
        """Requests served ill."""
        return sum(row.bad for row in self.rows)

    @property
    def live(self) -> int:
        """Callers that the service answered."""
        return sum(row.live for row in self.rows)


class Ledger(Row):
    """Events in order of arrival."""

    head: LedgerHead
    rows: tuple[Entry, ...]

    @property
    def again(self) -> int:
        """Of these, how many had come before."""
        return sum(row.again for row in self.rows)


class Parity(Row):
    """Where answers differed."""

    head: ParityHead
    rows: tuple[Place, ...]


Drawn = Rollout | Ledger | Parity
KINDS: dict[str, type[Drawn]] = {"rollout/1": Rollout, "ledger/1": Ledger, "parity/1": Parity}
_LINE: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def drawn(lines: Sequence[str]) -> Drawn | None:
    """What the lines of a log say, where they are such; None for every other log."""
    if not lines or not lines[0].startswith('{"drawn":'):
        return None
    try:
        head, *rows = [_LINE.validate_json(line) for line in lines]
        kind = KINDS.get(str(head["drawn"]))
        # in JSON there are no tuples, which strict models want
        return kind.model_validate({"head": head, "rows": tuple(rows)}) if kind else None
    except ValidationError:
        return None
