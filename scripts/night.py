"""A night of debug-trace: its programs as plain processes with our relays between them, and what happens to them.

What happens is the same each time, order by order; ids and times are those of the run.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from assesskit.instruments.collector import Collector
from assesskit.instruments.faults import Fault
from assesskit.instruments.program import Program
from assesskit.instruments.relay import Relay
from scripts.faults import EXERCISE

PARTS = {"gateway": "", "checkout": "json:/order", "pricing": "path:2", "inventory": "path:2", "worker": ""}
SERVICES = {"payments": "json:/order", "queue": "json:/order", "database": "json:/params/0"}
SEED = 20
STATEMENT, POPULAR = 0.05, 0.15
"""Seconds that it takes to look for what belongs to a hamper, and to one that many want: the database is far away."""
HURRY, SLOW = 0.6, 1.0
"""Seconds that a customer in a hurry waits, and that the inventory then takes."""
AT_ONCE, TIMES = 4, 2
"""Customers who come together, so that all of what they want has room in a pool of the right size; and how often."""


class System:
    """The programs of a system and the relays between them."""

    def __init__(self, folder: Path, logs: Path, stack: ExitStack) -> None:
        self._folder, self._logs, self._stack = folder, logs, stack
        names = [*PARTS, *SERVICES]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        edges = {name: key for name, key in {**PARTS, **SERVICES}.items() if key}
        self.relays = {name: Relay.start(name, 0, self.ports[name], key) for name, key in edges.items()}
        for relay in self.relays.values():
            stack.callback(relay.stop)
        self.collector = Collector.start(0, {name: name for name in PARTS})
        stack.callback(self.collector.stop)
        agent = Program("assesskit.instruments.jaeger_agent", "agent")
        stack.callback(agent.stop)
        self._agent = agent.ask("open", port=0, token="pricing", collector=self.collector.port)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(self.stop)
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        """Start one program, and wait until it is ready."""
        folder = EXERCISE / "services" / name if name in SERVICES else self._folder / name
        with (self._logs / f"{name}.log").open("ab") as out:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "app:create_app()"],
                cwd=folder,
                env=self._environment(name),
                stdout=out,
                stderr=subprocess.DEVNULL,
            )
        path = "/healthz" if name in SERVICES else "/readyz"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                if requests.get(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise SystemExit(f"{name} does not start")

    def release(self, name: str) -> None:
        """Stop one program as a release does, and start it again."""
        self.running[name].send_signal(signal.SIGTERM)
        self.running[name].wait(15)
        self.start(name)

    def stop(self) -> None:
        """End all programs."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            process.wait(15)

    def _environment(self, name: str) -> dict[str, str]:
        urls = {f"{one.upper()}_URL": f"http://127.0.0.1:{relay.port}" for one, relay in self.relays.items()}
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PORT": str(self.ports[name]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.collector.port}",
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-ingest-token={name}",
            "JAEGER_AGENT_PORT": str(self._agent),
            **urls,
        }


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Night:
    """What happens. Faults are played by the order or the hamper, so it comes out the same each time."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._dice = random.Random(SEED)
        self._number = 0
        self._unused = iter(self._dice.sample(range(5000), 200))

    def run(self) -> None:
        """A quiet time, payments that fail every call, and two releases while it gets better."""
        self._quiet()
        for _ in range(TIMES):
            self._together()
        time.sleep(3)
        for released in ("checkout", "pricing"):
            self._ask([self._hamper()])
            self._side_by_side([[self._hamper()] for _ in range(3)])
            self._system.release(released)
        for _ in range(2):
            self._ask([self._hamper()])
        time.sleep(4)

    def _quiet(self) -> None:
        """Single orders: plain ones, wide ones, those of customers who sample their own traces, or are in a hurry."""
        for _ in range(2):
            self._ask([self._hamper()])
        for _ in range(2):
            self._ask([self._hamper() for _ in range(3)])
        for _ in range(3):
            ids = f"{self._dice.getrandbits(128):032x}-{self._dice.getrandbits(64):016x}"
            self._ask([self._hamper(), self._hamper()], {"traceparent": f"00-{ids}-00"})
        for _ in range(3):
            hamper = self._hamper()
            self._system.relays["inventory"].script(hamper, Fault.delay(SLOW), always=True)
            self._ask([hamper], {"X-Timeout-Ms": str(int(HURRY * 1000))})
            time.sleep(SLOW)  # until nobody works on it any more

    def _together(self) -> None:
        """Customers come together, and for the same hamper; payments fail every call of theirs."""
        shared = self._hamper(POPULAR)
        self._side_by_side([[shared, self._hamper()] for _ in range(AT_ONCE)], paid=False)

    def _hamper(self, seconds: float = STATEMENT) -> str:
        """One that nobody has asked for."""
        name = f"HAM-{next(self._unused):06}"
        self._system.relays["database"].script(name, Fault.delay(seconds), always=True)
        return name

    def _order(self) -> str:
        self._number += 1
        return f"N-{self._number:06}"

    def _side_by_side(self, wanted: list[list[str]], *, paid: bool = True) -> None:
        orders = [self._order() for _ in wanted]
        for order in () if paid else orders:
            self._system.relays["payments"].script(order, Fault.status(503), always=True)
        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(self._send, orders, wanted, [{}] * len(wanted)))

    def _ask(self, hampers: list[str], headers: dict[str, str] | None = None) -> None:
        self._send(self._order(), hampers, headers or {})

    def _send(self, order: str, hampers: list[str], headers: dict[str, str]) -> None:
        body = {"order": order, "lines": [{"hamper": hamper, "quantity": 1} for hamper in hampers]}
        gateway = f"http://127.0.0.1:{self._system.ports['gateway']}/checkouts"
        requests.post(gateway, json=body, headers=headers, timeout=10)
