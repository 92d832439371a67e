"""What a process prints: kept at its newest bytes, or handed on as lines."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING

from assesskit.checks.wire import MAX_LINE
from assesskit.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 65536
SEND_SECONDS = 30.0


class Tail:
    """The newest `size` bytes of a stream, and whether older ones were dropped. Safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._lock = threading.Lock()
        self.truncated = False

    def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        with self._lock:
            self._chunks.append(chunk)
            self._held += len(chunk)
            while self._held - len(self._chunks[0]) >= self._size:
                self._held -= len(self._chunks.popleft())
                self.truncated = True

    def bytes(self) -> bytes:
        """Return what is kept, oldest first."""
        with self._lock:
            kept = b"".join(self._chunks)
            if len(kept) > self._size:
                self.truncated = True
            return kept[-self._size :] if self._size else b""


class Lines:
    """Lines of a stream, for one reader: bytes go in by `write`, the end of the stream by `end`."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes | EngineError | None] = SimpleQueue()
        self._rest = bytearray()
        self._over = False

    def write(self, chunk: bytes) -> None:
        """Add bytes; whole lines become readable. After a line over MAX_LINE everything is dropped."""
        if self._over:
            return
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            if self._too_long(part):
                return
            self._queue.put(bytes(self._rest) + part)
            self._rest.clear()
        if not self._too_long(rest):
            self._rest += rest

    def _too_long(self, part: bytes) -> bool:
        self._over = len(self._rest) + len(part) > MAX_LINE
        if self._over:
            self._rest.clear()
            self._queue.put(EngineError(f"a line of over {MAX_LINE} bytes came over the channel"))
        return self._over

    def end(self) -> None:
        """Say that nothing more comes; bytes without a newline are a last line."""
        if self._rest:
            self._queue.put(bytes(self._rest))
            self._rest.clear()
        self._queue.put(None)

    def fail(self, error: EngineError) -> None:
        """Say that nothing more comes because the engine went away."""
        self._queue.put(error)

    def read(self, timeout: float) -> Iterator[bytes]:
        """Yield lines until the end; TimeoutError when none came for `timeout` seconds."""
        while True:
            try:
                line = self._queue.get(timeout=timeout)
            except Empty:
                raise TimeoutError(f"no line came for {timeout:g} s") from None
            if isinstance(line, bytes):
                yield line
                continue
            self._queue.put(line)
            if line is None:
                return
            raise line


class PipeChannel:
    """The lines of an interactive service, over its standard input and output."""

    def __init__(self, stdin: IO[bytes]) -> None:
        self._stdin = stdin
        self._lock = threading.Lock()
        self.incoming = Lines()
        os.set_blocking(stdin.fileno(), False)

    def send(self, line: bytes) -> None:
        """Write a line; EngineError if the service is gone or has not read for `SEND_SECONDS`."""
        if b"\n" in line:
            raise ValueError("a line holds no newline")
        with self._lock:
            try:
                self._write(line + b"\n")
            except (BrokenPipeError, ValueError) as error:
                raise EngineError("the service is gone: a line could not be sent") from error

    def lines(self, timeout: float) -> Iterator[bytes]:
        """Yield the service's lines, see `Channel.lines`."""
        return self.incoming.read(timeout)

    def close(self) -> None:
        """Close the service's standard input."""
        with self._lock:
            self._stdin.close()

    def _write(self, left: bytes) -> None:
        until = time.monotonic() + SEND_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            while left:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise EngineError(f"the service has not read its input for {SEND_SECONDS:g} s")
                left = left[os.write(self._stdin.fileno(), left[:CHUNK]) :]


def drain(source: IO[bytes], write: Callable[[bytes], None], end: Callable[[], None] | None = None) -> threading.Thread:
    """Read `source` to its end on a thread of its own, so that the process that writes it never waits for us."""

    def run() -> None:
        with source:
            while chunk := os.read(source.fileno(), CHUNK):
                write(chunk)
        if end is not None:
            end()

    thread = threading.Thread(target=run, name="pod-output", daemon=True)
    thread.start()
    return thread
