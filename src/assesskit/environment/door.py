"""The way into a pod that has none: services in it are reached on ports of this machine's loopback.

A pod's network is loopback and nothing else, and stays so: nothing is published, and no service can reach out. A small
program of ours in the pod carries connections over its standard input and output (see `tunnel`), as the grader speaks
with the harness. So it works on every engine that runs pods: a remote one, and Docker Desktop's.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from assesskit.content import Exercise
from assesskit.environment.tunnel import carrying
from assesskit.environment.tunnel.carrying import CHUNK, Tunnel
from assesskit.errors import EngineError
from assesskit.pods import Channel, Image, Limits, Pod, Program, Service, ServiceSpec

NAME = "door"
SILENCE = 3600.0
"""Seconds without a line after which reading begins anew; nothing depends on it."""
AT_ONCE = 1.0
"""Seconds: a far end that lives no longer would be followed by one like it, for ever."""
LIMITS = Limits(memory_mb=128, log_mb=8)
"""What it carries also goes through the engine's log, and its end comes with the log's budget: then another begins."""


def program(exercise: Exercise) -> Program:
    """The far end, built like our services."""
    wheels = exercise.folder / exercise.spec.submission.wheels
    return Program(NAME, Path(carrying.__file__).parent, wheels=wheels, dockerfile="door.dockerfile")


class Door:
    """Listens here for each of `wanted`, port by name, of a pod. A context manager: open within it.

    `ports` are those of 127.0.0.1 by the same names. When the far end ends, which it does after half a gigabyte, a new
    one takes over; connections of that moment are lost. `broken` says why there is none any more.
    """

    def __init__(self, pod: Pod, image: Image, wanted: Mapping[str, int]) -> None:
        self.ports: dict[str, int] = {}
        self.broken = ""
        self._pod, self._image, self._wanted = pod, image, dict(wanted)
        self._numbers = itertools.count(1)
        self._closing = False
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._open.wait()
        if self.broken:
            raise EngineError(self.broken, where=NAME)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, before or after the pod."""
        self._closing = True
        self._pod.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._lead())
        except (EngineError, OSError) as error:
            self.broken = str(error)
        finally:
            self._open.set()

    async def _lead(self) -> None:
        """Listen, and lead to one far end after the other until the pod is closed."""
        async with AsyncExitStack() as stack:
            ends: list[Tunnel] = []
            for name, port in self._wanted.items():
                server = await asyncio.start_server(_carrier(ends, port), "127.0.0.1", limit=CHUNK)
                await stack.enter_async_context(server)
                self.ports[name] = server.sockets[0].getsockname()[1]
            while not self._closing:
                far = await asyncio.to_thread(self._far_end)
                began = time.monotonic()
                await self._through(far.channel, ends)
                if not self._closing and time.monotonic() - began < AT_ONCE:
                    last = far.output().stderr.decode(errors="replace").strip().splitlines()
                    raise EngineError(
                        f"its far end ended at once: {last[-1] if last else 'it said nothing'}", where=NAME
                    )

    def _far_end(self) -> Service:
        env = {"PORTS": ",".join(map(str, self._wanted.values()))}
        name = f"{NAME}-{next(self._numbers)}"
        spec = ServiceSpec(name, "dependency", self._image, env=env, limits=LIMITS, interactive=True)
        return self._pod.start(spec)

    async def _through(self, channel: Channel, ends: list[Tunnel]) -> None:
        """Carry connections through one far end until it ends. Raises EngineError for one that never began."""

        async def send(line: bytes) -> None:
            await asyncio.to_thread(channel.send, line)

        end = Tunnel(send)
        speaking = asyncio.ensure_future(end.speak())
        loop = asyncio.get_running_loop()

        def heard(line: bytes) -> None:
            ends[:] = [end]
            self._open.set()
            end.hear(line)

        try:
            await asyncio.to_thread(_read, channel, lambda line: loop.call_soon_threadsafe(heard, line))
        except EngineError:
            if not self._closing:
                raise
        finally:
            ends.clear()
            end.close()
            speaking.cancel()


def _carrier(ends: list[Tunnel], port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if ends:
            ends[0].carry(port, reader, writer)
        else:
            writer.close()

    return accepted


def _read(channel: Channel, heard: Callable[[bytes], object]) -> None:
    while True:
        try:
            for line in channel.lines(SILENCE):
                heard(line)
        except TimeoutError:
            continue
        return
