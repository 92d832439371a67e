"""The services of the pod as a check sees them: speak to one over HTTP, and stop, pause, signal or restart it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from assesskit.checks import ports
from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.http import BODY_CAP, Client
from assesskit.checks.stalls import Stalls
from assesskit.instruments.load import Load, Sample

POLL = 0.05
PROBE_DEADLINE, SHORTEST_PROBE = 3.0, 0.25
"""Seconds for one probe: what is asked in the last moment says why, too."""
LOCK_SECONDS = 45.0
"""How long to wait until no other pod is under load."""
SHOWN = 5
"""Listeners of a service that a reason names."""


class Service:
    """One service. Every method that asks the harness raises ControlRefusedError when it cannot do that: our fault."""

    def __init__(
        self, name: str, facts: Mapping[str, Any], harness: Harness, record: Callable[[Exchange], None] | None = None
    ) -> None:
        self.name = name
        self.port: int = facts["port"]
        self.uid: int | None = facts.get("uid")
        self.ready_path: str = facts.get("ready_path") or ""
        self.ready_within: float = facts.get("ready_within") or 30.0
        self.cpus: float | None = facts.get("cpus")
        self.memory_bytes: int | None = facts.get("memory_bytes")
        self.client = Client(self.port, record=record)
        self.paused = False
        self._harness = harness

    def request(self, method: str, path: str, **options: Any) -> Response:
        """See Client.request."""
        return self.client.request(method, path, **options)

    def send(self, request: Request, *, deadline: float = 10.0, most: int = BODY_CAP) -> Exchange:
        """See Client.send."""
        return self.client.send(request, deadline=deadline, most=most)

    def start(self) -> None:
        """Start it, or start it again after it ended."""
        self.uid = self._ask("start").get("uid", self.uid)
        self.paused = False

    def stop(self, grace: float) -> dict[str, Any]:
        """TERM, then KILL after `grace` seconds; {"status": 0, "oom": false}."""
        return self._ask("stop", grace=grace)

    def kill(self) -> dict[str, Any]:
        """Kill it as a power cut would, and wait until it is gone."""
        self.signal("KILL")
        return self.wait(10.0)

    def signal(self, name: str) -> None:
        """Send TERM, KILL, INT, HUP, USR1, USR2 or QUIT to its first process."""
        self._ask("signal", signal=name)

    def pause(self) -> None:
        """Stop it in its tracks: sockets stay open, nothing answers."""
        self._ask("pause")
        self.paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._ask("resume")
        self.paused = False

    def status(self) -> dict[str, Any]:
        """{"running": true} or {"running": false, "status": 137, "oom": false}."""
        return self._ask("status")

    def wait(self, timeout: float) -> dict[str, Any]:
        """The status once it has ended, or after `timeout` seconds."""
        return self._ask("wait", timeout=timeout)

    def usage(self) -> dict[str, Any]:
        """{"cpu_seconds": 1.5, "memory_bytes": 1234, "private_bytes": 1000, "oom": false}; None where unknown."""
        return self._ask("usage")

    def logs(self, limit: int = 262_144) -> dict[str, Any]:
        """{"stdout": "…", "stderr": "…"}, the newest `limit` bytes of each."""
        return self._ask("logs", limit=limit)

    def until_ready(self, seconds: float | None = None) -> float:
        """Wait until its readiness path answers 2xx (without one: until it listens); return how long that took.

        Raises Failure when it ends first or `seconds` (`ready_within` if not given) pass; the summary says why. For as
        long as this machine stood still meanwhile, it is waited for longer.
        """
        within = seconds or self.ready_within
        began = time.monotonic()
        answer = ""
        with Stalls() as stalls:
            while (left := began + within + min(stalls.explained, within) - time.monotonic()) > 0:
                answer = self._probe(min(PROBE_DEADLINE, max(SHORTEST_PROBE, left)))
                if not answer:
                    return time.monotonic() - began
                state = self.status()
                if not state["running"]:
                    raise Failure(f"the {self.name} {ended(state)} before it was ready", expected="a service that runs")
                time.sleep(POLL)
        raise Failure(
            f"the {self.name} was not ready within {within:g} s: {answer}",
            sent=f"GET {self.ready_path}",
            received=answer,
            expected="200",
        )

    def _probe(self, deadline: float) -> str:
        """Why it is not ready; empty when it is."""
        if not self.ready_path:
            return "" if ports.accepts(self.port) else self._unreached()
        probe = Client(self.port).send(Request("GET", self.ready_path), deadline=deadline)
        if probe.response is None:
            return f"GET {self.ready_path}: {probe.error}{self._unreached()}"
        if probe.response.status // 100 == 2:  # noqa: PLR2004  the success class
            return ""
        return f"GET {self.ready_path} answered {probe.response.status}"

    def _unreached(self) -> str:
        """Where it listens instead of its own port, when it does and we can tell."""
        own = [one for one in ports.listeners() if self.uid is not None and one.uid == self.uid]
        reachable = [one for one in own if one.port == self.port and one.address in ("127.0.0.1", "0.0.0.0", "::")]  # noqa: S104
        if reachable:
            return ""
        where = ", ".join(f"{one.address}:{one.port}" for one in own[:SHOWN])
        listening = f"; it listens on {where} instead" if where else ""
        return f"; nothing listens on 127.0.0.1:{self.port}, the PORT it was given{listening}"

    def _ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        return self._harness.ask(action, self.name, **arguments)


class Control:
    """All services by name, and the host's one lock for load."""

    def __init__(self, services: Mapping[str, Service], harness: Harness) -> None:
        self._services = dict(services)
        self._harness = harness

    def service(self, name: str) -> Service:
        """The service of that name."""
        return self._services[name]

    def beside(self, name: str) -> tuple[Service, ...]:
        """Every service but that one."""
        return tuple(service for other, service in self._services.items() if other != name)

    def quiet(self, timeout: float) -> bool:
        """Take the lock that keeps other pods' load off this machine; False when it is not free in time."""
        return bool(self._harness.ask("quiet", timeout=timeout).get("quiet"))

    def loud(self) -> None:
        """Give the lock back."""
        self._harness.ask("loud")

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Hold the lock. Raises Inconclusive when other pods do not leave it for LOCK_SECONDS."""
        if not self.quiet(LOCK_SECONDS):
            raise Inconclusive(f"other assessments kept this machine busy for {LOCK_SECONDS:g} s")
        try:
            yield
        finally:
            self.loud()

    def offer(self, load: Load) -> list[Sample]:
        """Offer a load, see `Load.run`, and tell for how long that was: a grading has little room for it."""
        self._harness.tell("load", seconds=round(load.seconds, 3))
        return load.run()

    def tell_levels(self, levels: Mapping[str, Any]) -> None:
        """Tell how the services did under load so far; what is told last counts."""
        self._harness.tell("levels", levels=levels)


def ended(state: Mapping[str, Any]) -> str:
    """How a service ended, in words."""
    status = state.get("status", 0)
    if state.get("oom"):
        return f"was killed for its memory (status {status})"
    if status > 128:  # noqa: PLR2004  128 + n: signal n
        return f"was ended by signal {status - 128} (status {status})"
    return f"ended with status {status}"
