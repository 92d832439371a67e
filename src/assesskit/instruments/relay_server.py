"""The program of a relay, ``python -m assesskit.instruments.relay_server``, asked by `relay.Relay`."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from assesskit.instruments.faults import Fault
from assesskit.instruments.relay_book import Book, Faults, KeyRule, Script, excerpt, kept
from assesskit.instruments.serving import Listener, Refused, read_body, run

MAX_BODY = 1024 * 1024
"""Bytes of a request's body."""
TARGET_SECONDS = 60.0
ANSWER_SECONDS = 60.0
"""A client may take this long to read an answer."""
DROPS = 20
"""Pieces of a slow body."""
# RFC 9110 section 7.6.1: meant for one connection only. Content-Length is written anew, equal to what crossed.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
    }
    | {"trailer", "transfer-encoding", "upgrade"}
)
PROBLEM = '{"type": "about:blank", "title": "Disturbed on purpose", "status": %d}'


class ClosedError(ConnectionError):
    """The client's connection was closed without an answer."""


@dataclass(frozen=True)
class Answer:
    """What the target said."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


class RelayProgram:
    """Forwards calls, records them, and plays faults."""

    def __init__(self) -> None:
        self._book = Book()
        self._faults = Faults()
        self._held: dict[asyncio.Future[None], str] = {}
        self._changed = asyncio.Event()
        self._rule = KeyRule("path:1")
        self._target = ""
        self._listener: Listener  # these need the running loop: made when the relay opens
        self._http: aiohttp.ClientSession
        self.closing = AsyncExitStack()

    async def open(self, port: int, target: int, key: str) -> int:
        """Listen; return the port."""
        self._rule = KeyRule(key)
        self._target = f"http://127.0.0.1:{target}"
        session = aiohttp.ClientSession(
            # a connection of its own for every call: one kept alive may be closed under a call, and the fault were ours
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=TARGET_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        self._http = await self.closing.enter_async_context(session)
        self._listener = Listener(self._relay)
        return await self._listener.open(port)

    async def script(self, key: str, faults: list[dict[str, Any] | None], first: int, always: bool) -> None:  # noqa: FBT001
        """Play faults for one key."""
        if always and not faults:
            raise ValueError("a script without a fault cannot go on always")
        self._faults.script(key, Script(tuple(_fault(plain) for plain in faults), first, always))

    async def everything(self, fault: dict[str, Any] | None) -> None:
        """Play one fault for every call without a script."""
        self._faults.everything = _fault(fault)

    async def shut(self) -> None:
        """Refuse connections."""
        self._listener.refuse()

    async def reopen(self) -> None:
        """Take connections again."""
        await self._listener.listen()

    async def release(self, key: str | None = None) -> int:
        """Let go of what is held."""
        held = [future for future, of in self._held.items() if (key is None or of == key) and not future.done()]
        for future in held:
            future.set_result(None)
        return len(held)

    async def reset(self) -> None:
        """Take all faults away."""
        await self.reopen()
        self._faults.reset()
        await self.release()

    async def calls(self, key: str | None) -> list[dict[str, Any]]:
        """Return the records."""
        return self._book.calls(key)

    async def done(self) -> list[tuple[str, str]]:
        """Return the keys of what the target did."""
        return self._book.done()

    async def clear(self) -> None:
        """Forget the records."""
        self._book.clear()

    async def waiting(self, key: str, count: int, timeout: float) -> bool:  # noqa: ASYNC109  the grader's own limit
        """Wait until calls of a key are held."""
        try:
            async with asyncio.timeout(timeout):
                while sum(of == key for of in self._held.values()) < count:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _relay(self, request: web.BaseRequest) -> web.StreamResponse:
        number = self._book.arrive(request.method, request.raw_path, kept(request.raw_headers))
        try:
            if not request.raw_path.startswith("/"):
                raise Refused(400, "the request target must be a path")
            body = await read_body(request, MAX_BODY)
            key = self._rule.find(request.raw_path, kept(request.raw_headers), body)
            attempt, fault = self._faults.next(key)
            name = fault.kind if fault else ""
            self._book.note(number, body=excerpt(body), key=key, attempt=attempt, fault=name)
            return await self._play(request, number, body, key, fault)
        except asyncio.CancelledError:
            self._book.note(number, error="the client left")
            raise
        except Refused as refusal:
            self._book.note(number, status=refusal.status, error=refusal.reason)
            raise
        except (ConnectionError, TimeoutError) as error:
            if not isinstance(error, ClosedError):
                self._book.note(number, error=f"the client did not take the answer: {error}")
            raise asyncio.CancelledError from None  # what aiohttp makes of a lost connection, and takes in silence
        finally:
            self._book.note(number, ended=time.monotonic())

    async def _play(
        self, request: web.BaseRequest, number: int, body: bytes, key: str, fault: Fault | None
    ) -> web.StreamResponse:
        if fault and fault.kind in {"delay", "hang"}:
            await self._hold(key, fault.seconds)
        if fault and not fault.forward:
            if fault.kind == "status":
                return await self._send(request, number, _problem(fault), fault)
            raise _close(request, reset=fault.kind == "reset")
        forwarded = time.monotonic()
        try:
            answer = await self._forward(request, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            # a dead target looks dead from the other side too: an answer of ours would be a claim it never made
            self._book.note(number, error=f"target: {error or 'no answer in time'}")
            raise _close(request, reset=True) from None
        self._book.note(number, target_status=answer.status, target_seconds=time.monotonic() - forwarded)
        if fault and fault.kind == "late":
            await self._hold(key, fault.seconds)
        if fault and fault.kind == "reset":
            raise _close(request, reset=True)
        return await self._send(request, number, answer, fault)

    async def _hold(self, key: str, seconds: float | None) -> None:
        released = asyncio.get_running_loop().create_future()
        self._held[released] = key
        self._changed.set()
        self._changed = asyncio.Event()
        try:
            await asyncio.wait([released], timeout=seconds)
        finally:
            del self._held[released]

    async def _forward(self, request: web.BaseRequest, body: bytes) -> Answer:
        dropped = HOP_BY_HOP | {token.strip().lower() for token in request.headers.get("Connection", "").split(",")}
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in dropped)
        url = URL(self._target + request.raw_path, encoded=True)
        sent = body if body or request.body_exists else None
        async with self._http.request(
            request.method, url, headers=headers, data=sent, allow_redirects=False
        ) as response:
            received = await response.content.read(-1)
            kept_headers = CIMultiDict((k, v) for k, v in response.headers.items() if k.lower() not in HOP_BY_HOP)
            return Answer(response.status, kept_headers, received)

    async def _send(
        self, request: web.BaseRequest, number: int, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        kind = fault.kind if fault else ""
        body, headers = answer.body, answer.headers.copy()
        if kind == "malformed":
            body = b'{"broken": ' + body[: len(body) // 2]
        if fault and kind == "wrong_type":
            headers["Content-Type"] = fault.content_type
        response = web.StreamResponse(status=answer.status, headers=headers)
        if request.method != "HEAD" and answer.status not in {204, 304}:
            response.content_length = len(body)
        crossed = kept(tuple((name.encode(), value.encode()) for name, value in headers.items()))
        self._book.note(number, status=answer.status, answer_headers=crossed, answer_body=excerpt(body))
        pause = (fault.seconds or 0.0) / DROPS if fault and kind == "slow_body" else 0.0
        async with asyncio.timeout(ANSWER_SECONDS + pause * DROPS):
            await response.prepare(request)
            if kind == "truncate":
                await response.write(body[: len(body) // 2])
                raise _close(request, reset=False)
            for piece in _drops(body) if pause else [body]:
                await asyncio.sleep(pause)
                await response.write(piece)
            await response.write_eof()
        return response


def _fault(plain: dict[str, Any] | None) -> Fault | None:
    return None if plain is None else Fault(**plain)


def _problem(fault: Fault) -> Answer:
    headers = CIMultiDict({"Content-Type": "application/problem+json"})
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    return Answer(fault.code, headers, (PROBLEM % fault.code).encode())


def _drops(body: bytes) -> list[bytes]:
    size = max(1, -(-len(body) // DROPS))
    return [body[start : start + size] for start in range(0, len(body), size)]


def _close(request: web.BaseRequest, *, reset: bool) -> ClosedError:
    """Close the client's connection, orderly or by a reset, and return what the handler must raise."""
    transport = request.transport
    if transport is not None:
        if reset:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return ClosedError()


def _commands(relay: RelayProgram) -> dict[str, Any]:
    names = ("open", "script", "everything", "shut", "reopen", "release", "reset", "calls", "done", "clear", "waiting")
    return {name: getattr(relay, name) for name in names}


if __name__ == "__main__":
    RELAY = RelayProgram()
    run(_commands(RELAY), RELAY.closing)
