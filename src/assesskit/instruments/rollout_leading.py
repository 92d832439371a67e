"""How one request is led: to the monolith, to the service, or to both, whose answers are then compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from multidict import CIMultiDict

from assesskit.instruments.differences import Differ, Difference, changed
from assesskit.instruments.migration import MODE, Played, Setting, Sides
from assesskit.instruments.rollout_book import Book, Faults, share_of
from assesskit.instruments.rollout_window import Answer
from assesskit.instruments.rollout_wire import Asked, Reply, Wire

MONOLITH_SECONDS = 15.0
"""Ours, and trusted to answer; whatever takes longer is a fault of this machine."""
UNLED_SECONDS = 30.0
"""For an answer while no plan is carried out: other checks have limits of their own."""
PATIENCE = 40.0
"""Seconds that a rollout waits in all for a service that does not answer."""
IN_VAIN = 12
"""Answers that stayed different however long they were given: from then on they are given hardly any time."""
HARDLY = 0.3
"""Seconds."""
IMPATIENT = 0.25
"""Seconds for an answer after that."""
PAUSES = (0.02, 0.05, 0.1, 0.2)
LONGEST_PAUSE = 0.3
UNLED = Setting(objective=0.99, slow_ms=1000, healthy_ms=1000, settle=0.0)

Answered = asyncio.Future[tuple[Reply, str]]
"""A caller's answer, and the side that gave it."""


class Leader:
    """Leads requests as a rollout's stage says, or as it was steered."""

    def __init__(self, sides: Sides, wire: Wire) -> None:
        self.book: Book | None = None
        self.faults = Faults()
        self.steered = ("monolith", 0.0)
        self._sides = sides
        self._wire = wire
        self._patience = PATIENCE
        self._in_vain = 0

    def begin(self, book: Book | None) -> None:
        """Begin a rollout, or do without."""
        self.book = book
        self.faults.begin(self._setting.seed)
        self._patience = PATIENCE
        self._in_vain = 0

    async def carry(self, asked: Asked, answered: Answered) -> None:
        """Carry one request of an account; its caller is answered as soon as somebody did."""
        mode, percent = self._mode()
        if mode != "monolith" and share_of(f"account|{asked.account}") * 100 < percent:
            await self._live(asked, answered)
        elif asked.reads and mode != "monolith":
            await self._shadowed(asked, answered, counted=mode != "canary")
        elif mode == "mirror":
            await self._mirrored(asked, answered)
        else:
            await self.untouched(asked, answered)

    async def untouched(self, asked: Asked, answered: Answered) -> None:
        """The monolith answers, and nobody else learns of it."""
        tell(answered, await self._monolith(asked), "monolith")

    async def _live(self, asked: Asked, answered: Answered) -> None:
        """The service answers; a read is compared with what the monolith says once it knows."""
        faults = self.faults.next(asked.account)
        true = await self._service(asked, "live", faults)
        shown = _spoilt(true, faults)
        tell(answered, shown, "service")
        differs = None
        if asked.reads and shown.good:
            said = await self._settled(asked, true, partial(self._monolith, asked))
            differs = self._compared(asked, "live", said, shown, faults)
        self._note(shown, faults, differs=differs, live=True, spoilt=shown.body != true.body)

    async def _shadowed(self, asked: Asked, answered: Answered, *, counted: bool) -> None:
        """The monolith answers; a copy goes to the service, again while it may not know yet what it will."""
        said = await self._monolith(asked)
        tell(answered, said, "monolith")
        faults = self.faults.next(asked.account)
        true = await self._service(asked, "shadow", faults)
        shown = _spoilt(true, faults)
        differs = None
        if shown.good:
            true = await self._settled(asked, said, partial(self._service, asked, "shadow", faults), true)
            differs = self._compared(asked, "shadow", said, _spoilt(true, faults), faults)
        elif said.good and any(fault.kind == "error" for fault in faults):
            # asked for nothing but to wait: a copy of the account's next write must find what the monolith did
            await self._settled(asked, said, partial(self._service, asked, "shadow", ()))
        self._note(shown, faults, differs=differs, counted=counted)

    async def _mirrored(self, asked: Asked, answered: Answered) -> None:
        """A copy of a write goes to the service before the monolith does it, so that both begin with the same."""
        faults = self.faults.next(asked.account)
        shown = _spoilt(await self._service(asked, "mirror", faults), faults)
        said = await self._monolith(asked)
        tell(answered, said, "monolith")
        differs = self._compared(asked, "mirror", said, shown, faults) if shown.good else None
        self._note(shown, faults, differs=differs)

    async def _service(self, asked: Asked, mode: str, faults: Sequence[Played]) -> Reply:
        """Ask the service, unless it is made to fail."""
        for fault in faults:
            if fault.kind == "error":
                return problem(fault.status, "the service was made to fail")
        deadline = UNLED_SECONDS
        if self.book is not None:
            deadline = self._setting.deadline if self._patience > 0 else IMPATIENT
        reply = await self._wire.ask(self._sides.service, asked, deadline, {MODE: mode})
        if reply.error:
            self._patience -= reply.ms / 1000
        if self.book is not None:
            self.book.waited_for(reply.ms)
            if reply.late:
                self.book.too_late()
        return reply

    async def _monolith(self, asked: Asked) -> Reply:
        reply = await self._wire.ask(self._sides.monolith, asked, MONOLITH_SECONDS)
        if not reply.good and self.book is not None:
            self.book.monolith_failed += 1
        return reply

    @property
    def _setting(self) -> Setting:
        return self.book.setting if self.book else UNLED

    def _mode(self) -> tuple[str, float]:
        """How requests are led now, and which percentage of the accounts is the service's."""
        if self.book is None:
            mode, percent = self.steered
            return mode, 100.0 if mode == "primary" else percent
        if self.book.ended is None:
            return self.book.stage.mode, self.book.stage.percent
        return ("primary", 100.0) if self.book.ended == "promote" else ("monolith", 0.0)

    async def _settled(
        self, asked: Asked, other: Reply, late: Callable[[], Awaitable[Reply]], first: Reply | None = None
    ) -> Reply:
        """What the side says that may be late, asked again until it says what the other does, or time is up."""
        settle = self._setting.settle
        until = time.monotonic() + (settle if self._in_vain < IN_VAIN else min(settle, HARDLY))
        pauses = iter(PAUSES)
        reply = first or await late()
        while other.good and reply.good and self._undeclared(asked, other, reply):
            pause = next(pauses, LONGEST_PAUSE)
            if time.monotonic() + pause > until:
                if self.book is not None and self._in_vain < IN_VAIN:
                    self.book.too_late()
                self._in_vain += 1
                return reply
            await asyncio.sleep(pause)
            reply = await late()
        return reply

    def _undeclared(self, asked: Asked, one: Reply, other: Reply) -> bool:
        """Whether there are differences that nobody declared."""
        found = self._differences(one, other)
        return self.book is not None and any(not reason for _, reason in self.book.split(asked.name, found))

    def _differences(self, said: Reply, shown: Reply) -> tuple[Difference, ...]:
        return Differ(self._sides.headers, self._sides.volatile).differences(said.seen, shown.seen)

    def _compared(self, asked: Asked, mode: str, said: Reply, shown: Reply, faults: Sequence[Played]) -> bool | None:
        """Whether what is shown differs where nobody declared it; recorded while a plan is carried out."""
        if self.book is None or self.book.ended or not said.good or not shown.good:
            return None
        split = self.book.split(asked.name, self._differences(said, shown))
        played = any(fault.kind == "value" for fault in faults)
        self.book.differed(mode, asked.name, split, played=played)
        return any(not reason for _, reason in split)

    def _note(
        self,
        shown: Reply,
        faults: Sequence[Played],
        *,
        differs: bool | None,
        live: bool = False,
        counted: bool = True,
        spoilt: bool = False,
    ) -> None:
        if self.book is not None and self.book.ended is None:
            ms = min(shown.ms, self._setting.healthy_ms) + sum(one.ms for one in faults if one.kind == "latency")
            answer = Answer(shown.good, ms, differs, counted=counted)
            self.book.answered(answer, live=live, spoilt=spoilt, error=shown.error)


def tell(answered: Answered, reply: Reply, side: str) -> None:
    """Answer a caller, unless it has left."""
    if not answered.done():
        answered.set_result((reply, side))


def problem(status: int, title: str) -> Reply:
    """An answer of ours (RFC 9457)."""
    body = f'{{"type": "about:blank", "title": "{title}", "status": {status}}}'.encode()
    return Reply(status, CIMultiDict({"Content-Type": "application/problem+json"}), body, 1.0)


def _spoilt(true: Reply, faults: Sequence[Played]) -> Reply:
    """An answer with the values changed that are to be wrong."""
    shown = true
    for fault in faults:
        if fault.kind == "value" and shown.good:
            spoilt = changed(shown.body, fault.place, fault.add)
            shown = shown if spoilt is None else replace(shown, body=spoilt)
    return shown
