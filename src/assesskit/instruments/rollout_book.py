"""What a rollout has come to: its stage, the answers of this minute, and a row for each that is over."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from assesskit.instruments.differences import Difference, covers
from assesskit.instruments.migration import Found, Played, Row, Setting
from assesskit.instruments.rollout_plan import RolloutPlan, Stage
from assesskit.instruments.rollout_window import Action, Answer, Window, decide

MOST_FOUND = 300
MOST_WAYS = 12
SPARE = 1.5
"""A rollout may take so many times its plan's minutes, and `MORE`."""
MORE = 6


class Book:
    """One rollout by a plan."""

    def __init__(self, plan: RolloutPlan, setting: Setting) -> None:
        self.plan = plan
        self.setting = setting
        self.ended: Action | None = None
        self.found: list[Found] = []
        self.ways: list[str] = []
        self.monolith_failed = 0
        self._slow: list[tuple[float, float]] = []  # from when to when
        self._late = 0
        self._at = 0
        self._minute = 1
        self._stage_minutes: list[Window] = []
        self._answers: list[Answer] = []
        self._live: list[bool] = []  # whether each live answer was bad

    @property
    def stage(self) -> Stage:
        """Where it is, or was when it ended."""
        return self.plan.stages[self._at]

    def answered(self, answer: Answer, *, live: bool, spoilt: bool, error: str = "") -> None:
        """Add what the service did with one request; `spoilt` is known to us alone, and to no plan."""
        self._answers.append(answer)
        if live:
            slow = answer.ms > self.setting.slow_ms
            self._live.append(not answer.good or slow or spoilt or answer.differs is True)
        if error and error not in self.ways and len(self.ways) < MOST_WAYS:
            self.ways.append(error)

    def too_late(self) -> None:
        """Count an answer that was given up, or that still did not know what it should when its time was up."""
        self._late += 1

    def waited_for(self, ms: float) -> None:
        """Add an answer of the service that came now, after so many ms, or is given up."""
        now = time.monotonic()
        if ms > self.setting.slow_ms:
            self._slow.append((now - (ms - self.setting.slow_ms) / 1000, now))

    def waiting_since(self) -> tuple[float, int]:
        """The seconds for which slow answers were waited for, and the late ones, since this was asked last. What was
        asked side by side counts once.
        """
        seconds = until = 0.0
        for began, ended in sorted(self._slow):
            seconds += max(ended - max(began, until), 0.0)
            until = max(until, ended)
        late, self._slow, self._late = self._late, [], 0
        return seconds, late

    def split(self, request: str, found: Sequence[Difference]) -> list[tuple[Difference, str]]:
        """Each difference with the reason that the plan declares for it, "" where it declares none."""
        meant = [one for one in self.plan.declared if not one.request or _fits(one.request, request)]
        return [(each, next((one.reason for one in meant if covers(one.place, each.place)), "")) for each in found]

    def differed(self, mode: str, request: str, found: Sequence[tuple[Difference, str]], *, played: bool) -> None:
        """Record differences."""
        for each, reason in found[: MOST_FOUND - len(self.found)]:
            told = Found(self._minute, mode, request, each.place, each.monolith, each.service, reason, played)
            self.found.append(told)

    def minute(self, faults: Sequence[Played]) -> Row:
        """End a minute and decide."""
        window = Window.of(self._answers, self.setting.slow_ms)
        self._stage_minutes.append(window)
        stage = self.stage
        action, reason = decide(self.plan, self._at, self._stage_minutes, self.setting.objective)
        last = action == "promote" and self._at + 1 == len(self.plan.stages)
        late = not last and action != "roll back" and self._minute >= SPARE * self.plan.minutes + MORE
        if late and action == "promote":
            action, reason = "hold", "time is up before the next stage"
        row = Row(
            minute=self._minute,
            mode=stage.mode,
            percent=stage.percent,
            requests=window.requests,
            live=len(self._live),
            success=_rounded(window.success_rate),
            p95=_rounded(window.latency("p95_ms")),
            compared=window.compared,
            differing=window.differing,
            burn=_rounded(window.burn(self.setting.objective)),
            bad=sum(self._live),
            action=action,
            reason=reason,
            fault=", ".join(fault.kind for fault in faults),
            ended=last or late or action == "roll back",
        )
        self._minute += 1
        self._answers, self._live = [], []
        if row.ended:
            self.ended = action
        elif action == "promote":
            self._at += 1
            self._stage_minutes = []
        return row


class Faults:
    """The faults that are played, drawn for each account by its own count of requests: whatever runs side by side, the
    same requests are hit.
    """

    def __init__(self) -> None:
        self.playing: tuple[Played, ...] = ()
        self._counts: dict[str, int] = {}
        self._seed = 0

    def begin(self, seed: int) -> None:
        """Take all faults away and count anew."""
        self.playing, self._counts, self._seed = (), {}, seed

    def next(self, account: str) -> tuple[Played, ...]:
        """The faults of this account's next request."""
        count = self._counts[account] = self._counts.get(account, 0) + 1
        return tuple(
            fault
            for at, fault in enumerate(self.playing)
            if share_of(f"{self._seed}|{at}|{fault.kind}|{account}|{count}") < fault.share
        )


def share_of(text: str) -> float:
    """A number from 0 to below 1 that only the text decides, evenly spread over texts."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:6]) / 2**48


def plain(row: Row) -> dict[str, Any]:
    """A row as JSON; a reason is a line."""
    return asdict(replace(row, reason=row.reason[:200]))


def _fits(pattern: str, request: str) -> bool:
    """Whether "GET /a/*" speaks of "GET /a/7"."""
    wanted, asked = pattern.split("/"), request.partition("?")[0].split("/")
    return len(wanted) == len(asked) and all(one in ("*", other) for one, other in zip(wanted, asked, strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
