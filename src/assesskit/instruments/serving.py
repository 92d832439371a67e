"""What the programs behind the instruments share: a bounded HTTP listener, and the questions on standard input."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Command = Callable[..., Awaitable[object]]

BODY_SECONDS = 15.0
"""Seconds a client may take to send a body."""
MAX_HELD = 48 * 1024 * 1024
"""Bytes of bodies that all requests together may have us hold."""
MAX_LOGGED = 50
"""Log records: a client that provokes errors must not fill the grader's log, which would be the grader's end."""
MAX_QUESTION = 16 * 1024 * 1024
"""Bytes of one line on standard input."""


class Refused(Exception):  # noqa: N818  an answer, not an error of ours
    """A request that is answered with a client error; nothing of it is kept."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class Listener:
    """An HTTP/1.1 server on 127.0.0.1 that hostile clients cannot exhaust.

    Headers are capped by aiohttp (8 KiB each, 128 of them), bodies by `read_body`. Connections are capped by the number
    of files the process may open: at the cap, the connection that has been without a request for longest makes room, so
    clients that drip their headers only push each other out, and an idle kept-alive connection is never closed early.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._quiet: dict[RequestHandler, None] = {}  # connections without a running request, oldest first
        self._busy: set[RequestHandler] = set()
        self._limit = min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
        self._server = web.Server(
            self._handle, handler_cancellation=True, auto_decompress=False, access_log=None, lingering_time=2
        )
        self._socket: socket.socket  # when the port is known
        self._accepting: asyncio.Server | None = None

    async def open(self, port: int) -> int:
        """Listen, and return the port (a free one for 0). Raises ValueError if that is impossible."""
        try:
            self._socket = _bound(port)
            await self.listen()
        except OSError as error:
            raise ValueError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
        bound: int = self._socket.getsockname()[1]
        return bound

    async def listen(self) -> None:
        """Take connections, for the first time or again; nothing happens to one that does."""
        if self._accepting is None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger
            loop = asyncio.get_running_loop()
            self._accepting = await loop.create_server(self._connect, sock=self._socket.dup(), backlog=256)

    def refuse(self) -> None:
        """Refuse connections and end those there are, as if nobody listened; the port stays taken.

        On Linux a socket that is shut down listens no more, keeps its port, and may listen again. Without SO_REUSEADDR
        meanwhile nobody else can have the port.
        """
        if self._accepting is not None:
            self._accepting.close()
            self._accepting = None
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            for connection in self._server.connections:
                connection.force_close()

    def _connect(self) -> asyncio.Protocol:
        live = set(self._server.connections)
        self._quiet = {connection: None for connection in self._quiet if connection in live}
        if len(self._quiet) + len(self._busy) >= self._limit:
            if not self._quiet:
                return _Unwelcome()
            oldest = next(iter(self._quiet))
            del self._quiet[oldest]
            oldest.force_close()
        connection = self._server()
        self._quiet[connection] = None
        return connection

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._quiet.pop(connection, None)
        self._busy.add(connection)
        try:
            return await self._handler(request)
        except Refused as refusal:
            answer = web.Response(status=refusal.status, text=refusal.reason + "\n")
            answer.force_close()  # the rest of its body is not worth reading
            return answer
        finally:
            _held.pop(id(request), None)
            self._busy.discard(connection)
            self._quiet[connection] = None


def _bound(port: int) -> socket.socket:
    """A socket that holds a port. It is bound by its number, since the system takes one of its own choice back."""
    if not port:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    return held


class _Unwelcome(asyncio.Protocol):
    """A connection over the cap: closed as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


_held: dict[int, int] = {}
"""Bytes of body by running request: what a `Listener` took in and has not answered yet."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Return the body as it came, still encoded, of a request that a `Listener` runs.

    Raises Refused over `limit` bytes (413), when it drips (408), and when all bodies together are too many (503).
    """
    if (request.content_length or 0) > limit:
        raise Refused(413, f"the body is longer than {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise Refused(413, f"the body is longer than {limit} bytes")
                _held[id(request)] = len(body)
                if sum(_held.values()) > MAX_HELD:
                    raise Refused(503, f"more than {MAX_HELD} bytes in all requests that run now")
    except TimeoutError:
        raise Refused(408, f"the body was not complete within {BODY_SECONDS:g} s") from None
    except web.RequestPayloadError as error:
        raise Refused(400, f"the body cannot be read: {error}") from None
    return bytes(body)


def run(commands: Mapping[str, Command], closing: AsyncExitStack) -> None:
    """Answer the questions on standard input until it ends, then close what is to be closed.

    A command that raises ValueError refuses its question; any other exception ends the program, for all to see.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, whose end is ours
    to_stderr = logging.StreamHandler()
    records = itertools.count(1)
    to_stderr.addFilter(lambda _: next(records) <= MAX_LOGGED)
    logging.basicConfig(handlers=[to_stderr], level=logging.WARNING)
    asyncio.run(_answer_all(commands, closing))


async def _answer_all(commands: Mapping[str, Command], closing: AsyncExitStack) -> None:
    questions = asyncio.StreamReader(limit=MAX_QUESTION)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    async with closing, asyncio.TaskGroup() as group:
        running: set[asyncio.Task[None]] = set()
        async for line in questions:
            task = group.create_task(_answer(commands, json.loads(line)))
            running.add(task)
            task.add_done_callback(running.discard)
        for task in running:
            task.cancel()


async def _answer(commands: Mapping[str, Command], question: dict[str, Any]) -> None:
    number, action = question.pop("id"), question.pop("action")
    try:
        answer: dict[str, object] = {"id": number, "ok": True, "result": await commands[action](**question)}
    except ValueError as error:
        answer = {"id": number, "ok": False, "error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
