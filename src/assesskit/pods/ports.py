"""Loopback ports that are free now."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

from assesskit.errors import EngineError

PORTS = range(20000, 32000)
"""Below what Linux and macOS give to outgoing connections, so that none of those can take a port of ours."""


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """Choose a port for each name: distinct, and nobody listens on it on any address.

    Nothing holds a port from here to the start of the service it is for; another program of this machine can take it.
    """
    chosen: dict[str, int] = {}
    wanted = list(names)
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if not wanted:
            return chosen
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            chosen[wanted.pop(0)] = port
    raise EngineError("no free ports are left on this machine")
