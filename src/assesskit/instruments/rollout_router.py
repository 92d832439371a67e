"""The router's program, ``python -m assesskit.instruments.rollout_router``, asked by `migration.Router`.

Requests of one account are carried one after the other, in order of arrival, with the comparison of their answers:
otherwise a copy of a read would see what the next write did. Different accounts are carried side by side.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from assesskit.instruments.migration import KEY, SIDE, Played, Setting, Sides, plan_of
from assesskit.instruments.relay_book import KeyRule, kept
from assesskit.instruments.rollout_book import Book, plain
from assesskit.instruments.rollout_leading import Answered, Leader, problem
from assesskit.instruments.rollout_spans import Spans, answered
from assesskit.instruments.rollout_wire import Asked, Reply, Wire, onward
from assesskit.instruments.serving import Listener, Refused, read_body, run

MAX_BODY = 1024 * 1024
MAX_ACCOUNTS = 10_000
NO_BODY = frozenset({204, 304})


class RouterProgram:
    """Takes requests, leads them, and ends the minutes of a plan."""

    def __init__(self) -> None:
        self.closing = AsyncExitStack()
        self._port = 0
        self._secret = ""
        self._lanes: dict[str, asyncio.Lock] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._sides: Sides | None = None
        self._wire: Wire  # these are there once it is open
        self._spans: Spans
        self._rule: KeyRule  # and these once it knows the sides
        self._leader: Leader

    async def open(self, port: int, token: str, collector: int) -> int:
        """Listen, and send spans to the collector if there is one; return the port."""
        self._wire = Wire()
        self.closing.push_async_callback(self._wire.close)
        self._spans = Spans(collector, token)
        if collector:
            delivering = asyncio.create_task(self._spans.deliver())
            self.closing.callback(delivering.cancel)
        self._port = await Listener(self._receive).open(port)
        return self._port

    async def port(self) -> int:
        """Return where it listens."""
        return self._port

    async def lead(self, sides: dict[str, Any]) -> None:
        """Learn where both sides are."""
        lists = {key: tuple(sides[key]) for key in ("context", "headers", "volatile")}
        told = Sides(**(sides | lists))
        self._rule = KeyRule(told.account)
        await self._quiet()
        self._sides, self._leader = told, Leader(told, self._wire)

    async def steer(self, mode: str, percent: float) -> None:
        """Lead without a plan."""
        leader = await self._led()
        leader.begin(None)
        leader.steered = (mode, percent)

    async def begin(self, plan: dict[str, Any], setting: dict[str, Any], secret: str) -> None:
        """Begin a rollout."""
        leader = await self._led()
        leader.begin(Book(plan_of(plan), Setting(**setting)))
        self._secret = secret
        self._lanes.clear()

    async def play(self, faults: list[dict[str, Any]]) -> None:
        """Play faults from now on."""
        (await self._led()).faults.playing = tuple(Played(**fault) for fault in faults)

    async def minute(self) -> dict[str, Any]:
        """End a minute."""
        leader = await self._led()
        if leader.book is None or leader.book.ended:
            raise ValueError("no rollout is under way")
        return plain(leader.book.minute(leader.faults.playing))

    async def differences(self) -> list[dict[str, Any]]:
        """Return the differences."""
        book = (await self._led()).book
        return [vars(found) for found in book.found] if book else []

    async def failures(self) -> tuple[int, list[str]]:
        """Return how often the monolith failed, and how the service did."""
        book = (await self._led()).book
        return (book.monolith_failed, book.ways) if book else (0, [])

    async def waited(self) -> tuple[float, int]:
        """Return for how long slow answers were waited for, and how many were given up, since this was asked last."""
        book = (await self._led()).book
        return book.waiting_since() if book else (0.0, 0)

    async def _led(self) -> Leader:
        if self._sides is None:
            raise ValueError("the router was not told where the sides are")
        await self._quiet()
        return self._leader

    async def _quiet(self) -> None:
        """Wait for what is under way. What broke one of them breaks us, for all to see."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        if self._broken is not None:
            raise self._broken

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            raise Refused(400, "the request target must be a path")
        if self._sides is None:
            raise Refused(503, "the router was not told where the sides are")
        book = self._leader.book
        if book is not None and not book.ended and request.headers.get(KEY) != self._secret:
            raise Refused(403, "a rollout is under way, and only its own requests are carried")
        body = await read_body(request, MAX_BODY)
        account = ""
        if _within(self._sides.context, request.raw_path):
            account = self._rule.find(request.raw_path, kept(request.raw_headers), body)
            if account not in self._lanes and len(self._lanes) >= MAX_ACCOUNTS:
                raise Refused(429, f"more than {MAX_ACCOUNTS} accounts")
        asked = Asked(request.method, request.raw_path, onward(request.headers), body, account)
        return _response(asked, *await self._answer(asked))

    async def _answer(self, asked: Asked) -> tuple[Reply, str]:
        """Who asked waits for its answer only; a comparison goes on without it, and when it leaves, too."""
        waiting: Answered = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._carried(asked, waiting))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        either: list[asyncio.Future[Any]] = [task, waiting]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            task.result()  # raises what broke it
        return waiting.result()

    async def _carried(self, asked: Asked, waiting: Answered) -> None:
        with self._spans.around(asked.headers, f"{asked.method} router") as span:
            if asked.account:
                async with self._lanes.setdefault(asked.account, asyncio.Lock()):
                    await self._leader.carry(asked, waiting)
            else:
                await self._leader.untouched(asked, waiting)
            if not waiting.cancelled():
                reply, side = waiting.result()
                answered(span, reply.status, side)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._broken = self._broken or task.exception()


def _within(context: tuple[str, ...], path: str) -> bool:
    """Whether a path begins with one of the moved ones, segment by segment."""
    segments = path.partition("?")[0].split("/")
    moved = [each.split("/") for each in context]
    return any(
        len(segments) >= len(wanted) and all(one in ("*", other) for one, other in zip(wanted, segments, strict=False))
        for wanted in moved
    )


def _response(asked: Asked, reply: Reply, side: str) -> web.StreamResponse:
    if reply.error:
        reply = problem(reply.status, f"the {side} gave no answer")
    body = b"" if asked.method == "HEAD" or reply.status in NO_BODY else reply.body
    response = web.Response(status=reply.status, body=body, headers=reply.headers)
    response.headers[SIDE] = side
    return response


if __name__ == "__main__":
    ROUTER = RouterProgram()
    NAMES = ("open", "port", "lead", "steer", "begin", "play", "minute", "differences", "failures", "waited")
    run({name: getattr(ROUTER, name) for name in NAMES}, ROUTER.closing)
