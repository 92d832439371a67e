"""The sink's program, ``python -m assesskit.instruments.event_sink``, asked by `sink.Sink`."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from aiohttp import web

from assesskit.instruments.cloud_events import STRUCTURED, CloudEvent, UnknownFormatError, read_events
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay_book import Script
from assesskit.instruments.serving import Listener, Refused, read_body, run

MAX_BODY = 512 * 1024
MAX_EVENTS = 20_000
MAX_BYTES = 48 * 1024 * 1024
MAX_REFUSED = 20
OVERHEAD = 512
"""Bytes that an event takes beside its own."""
FORWARD_SECONDS = 10.0
RETRY_SECONDS = 0.1
PLAYED = frozenset({"delay", "hang", "late", "refuse", "reset", "status"})
LONGEST_TRACE = 100
BAD_REQUEST, CONFLICT, UNSUPPORTED, FULL = 400, 409, 415, 507
SUCCESS, CLIENT_ERROR = 2, 4


class SinkProgram:
    """Takes events, keeps them, and hands them on."""

    def __init__(self) -> None:
        self.closing = AsyncExitStack()
        self._taken: list[dict[str, Any]] = []
        self._bytes = 0
        self._requests = 0
        self._refused: list[str] = []
        self._turned_away = 0
        self._script, self._played = Script((), 1, always=False), 0
        self._held: set[asyncio.Future[None]] = set()
        self._changed = asyncio.Event()
        self._inbox = ""
        self._pending: list[dict[str, Any]] = []
        self._delivered = 0
        self._inbox_refused: list[str] = []
        self._port = 0
        self._listener: Listener  # these are there once it is open
        self._http: aiohttp.ClientSession

    async def open(self, port: int, token: str, collector: int) -> int:  # noqa: ARG002  what every instrument is told
        """Listen; return the port."""
        self._http = await self.closing.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=FORWARD_SECONDS),
                trust_env=False,
            )
        )
        self._listener = Listener(self._receive)
        self._port = await self._listener.open(port)
        handing_on = asyncio.create_task(self._hand_on())
        self.closing.callback(handing_on.cancel)
        return self._port

    async def port(self) -> int:
        """Return where it listens."""
        return self._port

    async def script(self, faults: list[dict[str, Any] | None], always: bool) -> None:  # noqa: FBT001
        """Play faults for the next requests."""
        told = tuple(None if plain is None else Fault(**plain) for plain in faults)
        if unknown := {fault.kind for fault in told if fault} - PLAYED:
            raise ValueError(f"a sink cannot play {', '.join(sorted(unknown))}")
        if always and not told:
            raise ValueError("a script without a fault cannot go on always")
        self._script, self._played = Script(told, 1, always), 0

    async def release(self) -> int:
        """Let go of what is held."""
        held = [future for future in self._held if not future.done()]
        for future in held:
            future.set_result(None)
        return len(held)

    async def waiting(self, count: int, timeout: float) -> bool:  # noqa: ASYNC109  the grader's own limit
        """Wait until requests are held."""
        return await self._until(lambda: len(self._held) >= count, timeout)

    async def shut(self) -> None:
        """Refuse connections."""
        self._listener.refuse()

    async def reopen(self) -> None:
        """Take connections again."""
        await self._listener.listen()

    async def reset(self) -> None:
        """Take all faults away."""
        await self.reopen()
        self._script = Script((), 1, always=False)
        await self.release()

    async def events(self, after: int) -> list[dict[str, Any]]:
        """Return what was taken after the event of that number."""
        return self._taken[after:]

    async def count(self) -> int:
        """Return how many events were taken."""
        return len(self._taken)

    async def refused(self) -> list[str]:
        """Return why requests were refused."""
        return self._refused

    async def turned_away(self) -> int:
        """Return how many requests a fault kept from being taken."""
        return self._turned_away

    async def clear(self) -> None:
        """Forget everything."""
        self._taken, self._refused = [], []
        self._inbox_refused, self._pending = [], []
        self._bytes = self._requests = self._turned_away = self._delivered = 0

    async def forward(self, port: int | None, path: str) -> None:
        """Hand events on from now on, or no more."""
        self._inbox = "" if port is None else f"http://127.0.0.1:{port}{path}"
        self._wake()

    async def forwarded(self, timeout: float) -> dict[str, Any]:  # noqa: ASYNC109  the grader's own limit
        """Wait until everything is handed on."""
        await self._until(lambda: not self._pending, timeout)
        waiting = [taken["number"] for taken in self._pending]
        return {"waiting": waiting, "delivered": self._delivered, "refused": self._inbox_refused}

    async def _until(self, reached: Any, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not reached():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            raise Refused(405, "only POST")
        body = await read_body(request, MAX_BODY)
        try:
            mode, events = read_events(list(request.headers.items()), body)
        except ValueError as error:
            if len(self._refused) < MAX_REFUSED:
                self._refused.append(str(error))
            raise Refused(UNSUPPORTED if isinstance(error, UnknownFormatError) else BAD_REQUEST, str(error)) from None
        self._played += 1
        fault = self._script.fault(self._played)
        if fault and fault.kind in {"delay", "hang"}:
            await self._hold(fault.seconds)
        if fault and not (fault.forward or fault.kind in {"delay", "hang", "late"}):
            self._turned_away += 1
            return _broken_off(request, fault)
        taken = self._take(mode, events, len(body), request.headers.get("traceparent", ""))
        if fault and fault.kind == "late":
            await self._hold(fault.seconds)
        if fault and fault.kind in {"status", "reset"}:
            answer = _broken_off(request, fault)
        else:
            answer = web.Response(status=204)
        for each in taken:
            each["answered"] = answer.status
        return answer

    def _take(self, mode: str, events: list[CloudEvent], size: int, trace: str) -> list[dict[str, Any]]:
        size += OVERHEAD * len(events)
        if len(self._taken) + len(events) > MAX_EVENTS or self._bytes + size > MAX_BYTES:
            raise Refused(FULL, "the sink is full")
        self._bytes += size
        self._requests += 1
        taken: list[dict[str, Any]] = [
            {
                "number": number,
                "at": time.time(),
                "request": self._requests,
                "mode": mode,
                "event": dict(event.attributes),
                "data": event.data,
                "traceparent": trace[:LONGEST_TRACE],
                "answered": None,
            }
            for number, event in enumerate(events, len(self._taken) + 1)
        ]
        self._taken += taken
        self._pending += taken
        self._wake()
        return taken

    async def _hold(self, seconds: float | None) -> None:
        released = asyncio.get_running_loop().create_future()
        self._held.add(released)
        self._wake()
        try:
            await asyncio.wait([released], timeout=seconds)
        finally:
            self._held.discard(released)

    async def _hand_on(self) -> None:
        """Deliver one event after the other, in order of arrival; nothing overtakes one that the inbox fails to take.

        One that comes too early is told so (409): it waits for those before it, and others go on meanwhile.
        """
        while True:
            pending = self._pending
            stuck = False
            for taken in list(pending if self._inbox else ()):
                status, said = await self._deliver(taken)
                if pending is not self._pending:
                    break  # forgotten meanwhile
                if status == CONFLICT:
                    stuck = True
                elif status // 100 == SUCCESS or status // 100 == CLIENT_ERROR:
                    pending.remove(taken)
                    self._told_on(status, f"{taken['event']['type']} {taken['event'].get('subject', '')}: {said}")
                    self._wake()
                else:
                    stuck = True
                    break
            if not self._inbox or not self._pending:
                await self._changed.wait()
            elif stuck:
                await asyncio.sleep(RETRY_SECONDS)

    async def _deliver(self, taken: dict[str, Any]) -> tuple[int, str]:
        """Send an event to the inbox; what it answers, 0 for nothing."""
        body = json.dumps({**taken["event"], "data": taken["data"]}).encode()
        trace = taken["traceparent"] or taken["event"].get("traceparent", "")
        headers = {"Content-Type": STRUCTURED} | ({"traceparent": str(trace)} if trace else {})
        try:
            async with self._http.post(self._inbox, data=body, headers=headers) as answer:
                return answer.status, f"{answer.status} {(await answer.content.read(200)).decode(errors='replace')}"
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    def _told_on(self, status: int, refusal: str) -> None:
        if status // 100 == SUCCESS:
            self._delivered += 1
        elif len(self._inbox_refused) < MAX_REFUSED:
            self._inbox_refused.append(refusal[:300])


def _broken_off(request: web.BaseRequest, fault: Fault) -> web.Response:
    """Answer as a fault says; to refuse and to reset is to close the connection without a byte."""
    if fault.kind == "status":
        return web.Response(status=fault.code, text="disturbed on purpose\n")
    if request.transport is not None:
        if fault.kind == "reset":
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
        else:
            request.transport.close()
    raise asyncio.CancelledError  # what aiohttp makes of a lost connection, and takes in silence


if __name__ == "__main__":
    SINK = SinkProgram()
    NAMES = (
        "open port script release waiting shut reopen reset events count refused turned_away clear forward forwarded"
    )
    run({name: getattr(SINK, name) for name in NAMES.split()}, SINK.closing)
