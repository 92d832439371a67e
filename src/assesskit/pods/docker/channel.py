"""Lines to and from a container over its attached standard input and output."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from assesskit.errors import EngineError
from assesskit.pods.docker.engine import faults
from assesskit.pods.streams import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

    from assesskit.pods.port import Exit

HEADER = 8
CHUNK = 65536
BUDGET = 512 * 1024 * 1024
"""Bytes a service may send over its channel in all; what comes after them is dropped, and reading ends in an error."""


class AttachChannel:
    """The channel of one start of a container.

    A thread reads until the stream ends, whatever its reader does: an engine whose attached client stops reading stalls
    for everybody (moby issue 41827). `ended` says how the program ended; it raises EngineError when the engine is gone.
    """

    def __init__(self, api: docker.APIClient, container: str, ended: Callable[[], Exit | None]) -> None:
        self._ended = ended
        self._incoming = Lines()
        self._lock = threading.Lock()
        self._over_budget = False
        with faults("attaching to the service"):
            self._stream: Any = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
        # Plain and TLS connections come wrapped differently; the SDK unwraps them the same way.
        self._socket: socket.socket = getattr(self._stream, "_sock", self._stream)
        self._thread = threading.Thread(target=self._drain, name="pod-channel", daemon=True)
        self._thread.start()

    def send(self, line: bytes) -> None:
        """Write a line; EngineError if the service is gone or does not read."""
        if b"\n" in line:
            raise ValueError("a line holds no newline")
        if self._ended() is not None:
            raise EngineError("the service is gone: a line could not be sent")
        with self._lock, faults("sending a line to the service"):
            self._socket.sendall(line + b"\n")

    def lines(self, timeout: float) -> Iterator[bytes]:
        """Yield the service's lines, see `Channel.lines`."""
        yield from self._incoming.read(timeout)
        if self._over_budget:
            raise EngineError(f"over {BUDGET} bytes came over the channel")
        self._ended()

    def close(self) -> None:
        """End the stream and its thread."""
        with suppress(OSError):  # the other side may have closed it already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._stream._response.close()  # noqa: SLF001  the SDK hands out only the stream, and hides what owns it there
        self._stream.close()

    def _drain(self) -> None:
        left = BUDGET
        while header := self._exactly(HEADER):
            size = int.from_bytes(header[4:], "big")
            while size and (chunk := self._receive(min(size, CHUNK))):
                size -= len(chunk)
                left -= len(chunk)
                if left >= 0:
                    self._incoming.write(chunk)
        self._over_budget = left < 0
        self._incoming.end()

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            chunk = self._receive(size - len(got))
            if not chunk:
                return b""
            got += chunk
        return got

    def _receive(self, size: int) -> bytes:
        """Return what has come, empty when the stream is over or broken: `ended` tells which."""
        while True:
            try:
                return self._socket.recv(size)
            except TimeoutError:
                continue
            except OSError:
                return b""
