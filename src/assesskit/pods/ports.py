"""Loopback ports for pods whose services share the machine's network."""

from __future__ import annotations

import os
import random
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from assesskit.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

PORTS = range(20000, 32000)
"""Below what Linux and macOS give to outgoing connections, so that none of those can take a port of ours."""


@dataclass(frozen=True)
class Ports:
    """Ports by name, promised to nobody else of ours on this machine until `release`.

    Nothing listens on them from here to the start of the service they are for: a foreign program could take one.
    """

    by_name: Mapping[str, int]
    locks: tuple[FileLock, ...]

    def release(self) -> None:
        """Give the promise back; twice is fine."""
        for lock in self.locks:
            lock.release()


def reserve_ports(names: tuple[str, ...]) -> Ports:
    """Choose a port for each name: distinct, and nobody listens on it on any address. Raises EngineError."""
    folder = Path(tempfile.gettempdir(), f"assesskit-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    numbers: list[int] = []
    locks: list[FileLock] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if len(numbers) == len(names):
            return Ports(dict(zip(names, numbers, strict=True)), tuple(locks))
        lock = FileLock(folder / str(port), timeout=0, thread_local=False)
        with suppress(OSError, Timeout), socket.socket() as probe:
            probe.bind(("", port))
            lock.acquire()
            numbers.append(port)
            locks.append(lock)
    raise EngineError("no free ports are left on this machine")
