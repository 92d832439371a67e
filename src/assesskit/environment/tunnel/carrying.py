"""Connections carried over lines of text: what a pod lets through is the standard input and output of one program.

Both ends speak the same. A line is a JSON list of words, each about one connection, by its `id`::

    {"id", "to"}      a new connection, to this port of 127.0.0.1
    {"id", "data"}    bytes of it, in base64
    {"id", "took"}    so many of your bytes were passed on: as many more may come
    {"id", "end"}     nothing more comes from here
    {"id", "lost"}    it is over on both sides

The far end's first line is an empty list. At most `WINDOW` bytes of a connection are under way in each direction, so
one that nobody reads holds up no other.

Of the standard library alone: run as a program, it is the far end, on an image without any package. `PORTS` are then
the ports that it leads to, with commas between.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

WINDOW = 256 * 1024
CHUNK = 64 * 1024
LONGEST = 16 * 1024 * 1024
"""Bytes of a line."""

Send = Callable[[bytes], Awaitable[None]]


class Tunnel:
    """One end. `send` carries a line to the other end; whoever reads that one's lines gives them to `hear`.

    `open_to` are the ports that the other end may ask for: none, where only this end asks.
    """

    def __init__(self, send: Send, open_to: frozenset[int] = frozenset()) -> None:
        self._send = send
        self._open_to = open_to
        self._carried: dict[int, _Carried] = {}
        self._words: list[dict[str, Any]] = []
        self._said = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0

    def carry(self, to: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection that was accepted here to a port there, from now on."""
        self._last += 1
        self._say({"id": self._last, "to": to})
        self._begin(_Carried(self._last, reader, writer, self._say))

    def hear(self, line: bytes) -> None:
        """Take a line of the other end."""
        for word in json.loads(line):
            if "to" in word:
                waiting = self._carried[word["id"]] = _Carried(word["id"], None, None, self._say)
                self._keep(self._connect(waiting, word["to"]))  # its first bytes may be in this very line
            elif (carried := self._carried.get(word["id"])) is not None:
                carried.hear(word)

    async def speak(self) -> None:
        """Send what there is to say, until the other end is gone: whatever `send` raises then."""
        while True:
            await self._said.wait()
            self._said.clear()
            words, self._words = self._words, []
            await self._send(json.dumps(words).encode())

    def close(self) -> None:
        """The other end is gone: every connection is lost."""
        for carried in self._carried.values():
            carried.lose()

    def _say(self, word: dict[str, Any]) -> None:
        self._words.append(word)
        self._said.set()

    async def _connect(self, waiting: _Carried, port: int) -> None:
        try:
            if port not in self._open_to:
                raise ConnectionRefusedError
            waiting.reader, waiting.writer = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
        except OSError:
            del self._carried[waiting.number]
            self._say({"id": waiting.number, "lost": True})
        else:
            self._begin(waiting)

    def _begin(self, carried: _Carried) -> None:
        self._carried[carried.number] = carried
        self._keep(self._to_the_end(carried))

    async def _to_the_end(self, carried: _Carried) -> None:
        try:
            await carried.run()
        finally:
            self._carried.pop(carried.number, None)

    def _keep(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # a task that nobody holds may be collected
        task.add_done_callback(self._tasks.discard)


class _Carried:
    """A connection at one end of the tunnel."""

    def __init__(
        self,
        number: int,
        reader: asyncio.StreamReader | None,
        writer: asyncio.StreamWriter | None,
        say: Callable[[dict[str, Any]], None],
    ) -> None:
        self.number = number
        self.reader, self.writer = reader, writer
        self._say = say
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = WINDOW
        self._more = asyncio.Event()
        self._lost = asyncio.Event()

    def hear(self, word: dict[str, Any]) -> None:
        """Take a word about it."""
        if "data" in word:
            self._came.put_nowait(base64.b64decode(word["data"]))
        elif "end" in word:
            self._came.put_nowait(b"")
        elif "took" in word:
            self._room += word["took"]
            self._more.set()
        else:
            self.lose()

    def lose(self) -> None:
        """It is over at the other end."""
        self._lost.set()

    async def run(self) -> None:
        """Carry both directions until both have ended, or until it is lost at either end."""
        assert self.writer is not None
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch())
                await asyncio.wait([group.create_task(self._out()), group.create_task(self._in())])
                watching.cancel()
        except* OSError:
            if not self._lost.is_set():
                self._say({"id": self.number, "lost": True})
            self.writer.transport.abort()
        finally:
            self.writer.close()

    async def _watch(self) -> None:
        await self._lost.wait()
        raise ConnectionResetError

    async def _out(self) -> None:
        assert self.reader is not None
        while data := await self.reader.read(CHUNK):
            while self._room < len(data):
                self._more.clear()
                await self._more.wait()
            self._room -= len(data)
            self._say({"id": self.number, "data": base64.b64encode(data).decode()})
        self._say({"id": self.number, "end": True})

    async def _in(self) -> None:
        assert self.writer is not None
        while data := await self._came.get():
            self.writer.write(data)
            await self.writer.drain()
            self._say({"id": self.number, "took": len(data)})
        if self.writer.can_write_eof():
            self.writer.write_eof()


async def far_end(ports: frozenset[int]) -> None:
    """Carry what comes by standard input to these ports, until it ends."""
    incoming = asyncio.StreamReader(limit=LONGEST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(incoming), sys.stdin)

    async def send(line: bytes) -> None:
        await asyncio.to_thread(_write, line)

    tunnel = Tunnel(send, ports)
    await send(b"[]")
    speaking = asyncio.ensure_future(tunnel.speak())
    async for line in incoming:
        tunnel.hear(line)
    speaking.cancel()


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(far_end(frozenset(map(int, os.environ["PORTS"].split(",")))))
