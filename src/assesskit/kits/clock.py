"""How much of a time box is used. Pure, and honest information: nothing is locked when it runs out.

The clock of a machine may be set: what goes backwards counts as nothing, and is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from pydantic import AwareDatetime

from assesskit.model import Value


class Moment(Value):
    """Something happened: the clock was `started` or `stopped`, or a command `seen`."""

    kind: Literal["started", "stopped", "seen"]
    at: AwareDatetime


class Used(NamedTuple):
    """Seconds used, whether the clock runs, and whether the machine's clock was ever set back meanwhile."""

    seconds: float
    running: bool
    set_back: bool


def used(moments: Sequence[Moment], now: datetime, *, pause: bool) -> Used:
    """How much was used by `now`. Without `pause` the time between stop and start counts as well."""
    if not moments:
        return Used(0.0, running=False, set_back=False)
    running = _runs(moments)
    seconds, set_back, counting = 0.0, False, False
    ended = [*moments, Moment(kind="seen", at=now)]
    for before, after in pairwise(ended):
        counting = before.kind == "started" or (counting and before.kind == "seen")
        step = (after.at - before.at).total_seconds()
        set_back = set_back or step < 0
        if counting or not pause:
            seconds += max(0.0, step)
    return Used(seconds, running, set_back)


def seen(moments: Sequence[Moment], kind: Literal["started", "stopped", "seen"], now: datetime) -> tuple[Moment, ...]:
    """The moments and one more. Starting a clock that runs, or stopping one that stands, is a command that was seen."""
    running = _runs(moments)
    if (kind == "started" and running) or (kind == "stopped" and not running):
        kind = "seen"
    new = Moment(kind=kind, at=now)
    if kind == "seen" and moments and moments[-1].kind == "seen" and moments[-1].at <= now:
        return (*moments[:-1], new)  # nothing is lost: the time between the two counts alike
    return (*moments, new)


def _runs(moments: Sequence[Moment]) -> bool:
    turned = [moment.kind for moment in moments if moment.kind != "seen"]
    return bool(turned) and turned[-1] == "started"


def told(seconds: float) -> str:
    """Seconds as hours and minutes, for people."""
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004
