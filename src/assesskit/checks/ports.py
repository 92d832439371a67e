"""Who listens where, as Linux tells it (proc(5): /proc/net/tcp and tcp6).

Services of a pod share one loopback, so a port that answers proves nothing about who answers; its owner's uid does.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LISTENING = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int
    uid: int


def listeners(tables: Path = Path("/proc/net")) -> tuple[Listener, ...]:
    """Every listening TCP socket of this network namespace; empty where the system has no such table."""
    return tuple(_listener(row) for row in _rows(tables) if row[3] == _LISTENING)


def touched(uid: int, tables: Path = Path("/proc/net")) -> frozenset[int]:
    """The ports that processes of a user listen on or are connected to; empty where the system has no such table."""
    own = [row for row in _rows(tables) if int(row[7]) == uid]
    return frozenset(_port(row[1] if row[3] == _LISTENING else row[2]) for row in own)


def accepts(port: int) -> bool:
    """Whether a connection to 127.0.0.1:`port` is accepted within a second."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _rows(tables: Path) -> Iterator[list[str]]:
    for table in (tables / "tcp", tables / "tcp6"):
        if table.exists():
            yield from (line.split() for line in table.read_text().splitlines()[1:])


def _listener(row: list[str]) -> Listener:
    return Listener(_address(row[1].partition(":")[0]), _port(row[1]), int(row[7]))


def _port(end: str) -> int:
    return int(end.partition(":")[2], 16)


def _address(text: str) -> str:
    """Undo the kernel's notation: 32-bit words in the machine's byte order (little-endian where we run)."""
    raw = bytes.fromhex(text)
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    if len(words) == 4:  # noqa: PLR2004  bytes of IPv4
        return str(IPv4Address(words))
    address = IPv6Address(words)
    return str(address.ipv4_mapped or address)
