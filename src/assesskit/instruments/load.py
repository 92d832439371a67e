"""The load: requests at times fixed in advance, to several services in turn, each timed from its intended time.

Open loop, because a generator that waits for answers stops asking exactly while a service stalls, and so hides the
stall (coordinated omission). Only to see how much a service can do, clients ask again as soon as they are answered.

A request of the load looks like any other of the grader's, but for its connection, which is kept.

Locust runs as a command: importing it would patch the process the checks run in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from assesskit.errors import GraderError

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
FRESH = "{fresh}"
"""Stands for what no other request has: in a header for a UUID, in the body for its last twelve digits in capitals."""
REQUEST_SECONDS = 5.0
"""A request that has no whole answer after this time is an error."""


@dataclass(frozen=True)
class RequestTemplate:
    """One request of the mix; an answer of another status than `expect` is an error.

    `route` is the name its samples go by. `FRESH` in a header's value or in the body is made anew for every request.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    expect: int = 200
    route: str = ""


@dataclass(frozen=True)
class Sample:
    """One request as it went. `offset` is when it was meant to be sent, in seconds from the start of its window.

    `latency_ms` counts from then to the last byte of the answer, so it includes `lag_ms`, by how much the generator was
    late. `status` is 0 and `error` says why when there was no answer; an unexpected status is an `error` too.
    """

    side: str
    window: int
    offset: float
    lag_ms: float
    latency_ms: float
    status: int
    error: str
    size: int
    route: str = ""

    def moved(self, windows: int) -> Sample:
        """Return the sample as one of a run that goes on after `windows` windows."""
        return replace(self, window=self.window + windows)


@dataclass(frozen=True)
class Load:
    """A plan: `windows` windows of `window_seconds` a side, one side after the other, at `rate` requests a second.

    `sides` maps a side to its port on 127.0.0.1, `requests` to the requests it is sent in turn. Which side goes first
    alternates. A window waits (up to a second) until the one before it is answered, so that no side pays for the
    other's backlog. First each side is warmed up for `warmup_seconds` at the same rate, which is not recorded.

    With `clients` there are no times fixed in advance: so many clients send one request after the other, as fast as
    they are answered, until the window is over; `offset` and `latency_ms` then count from when a request was sent.
    """

    sides: Mapping[str, int]
    requests: Mapping[str, Sequence[RequestTemplate]]
    rate: float = 60.0
    window_seconds: float = 0.5
    windows: int = 12
    warmup_seconds: float = 1.0
    clients: int = 0

    @property
    def seconds(self) -> float:
        """How long load is offered in all."""
        return len(self.sides) * (self.windows * self.window_seconds + self.warmup_seconds)

    @property
    def planned(self) -> int:
        """How many samples a run returns, if all goes well; meaningless with `clients`."""
        return len(self.sides) * self.windows * self._shots(self.window_seconds)

    @property
    def warming(self) -> int:
        """How many requests warm up a side, at times fixed in advance."""
        return self._shots(self.warmup_seconds) if self.warmup_seconds and not self.clients else 0

    def run(self, timeout: float = 120.0) -> list[Sample]:
        """Offer the load and return one sample for each request sent.

        Raises GraderError when the generator fails or is not through after `timeout` seconds.
        """
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            plan, samples, log = (Path(folder) / name for name in ("plan.json", "samples.jsonl", "log"))
            plan.write_text(json.dumps(self._plan(samples)))
            with log.open("wb") as output:
                command = (sys.executable, "-P", "-m", "locust", "--locustfile", str(LOCUSTFILE), "--headless")
                quiet = ("--users", "1", "--only-summary", "--exit-code-on-error", "0", "--loglevel", "WARNING")
                environment = {"PATH": os.defpath, "HOME": folder, "ASSESSKIT_LOAD_PLAN": str(plan)}
                if "PYTHONPATH" in os.environ:
                    environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
                try:
                    done = subprocess.run(
                        (*command, *quiet),
                        cwd=folder,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        timeout=timeout,
                        check=False,
                    )
                except subprocess.TimeoutExpired:
                    raise GraderError(f"was not through after {timeout:g} s", where="load") from None
            if done.returncode != 0 or not samples.exists():
                last = log.read_text(errors="replace")[-2000:]
                raise GraderError(f"ended with status {done.returncode}\n{last}", where="load")
            return [Sample(**json.loads(line)) for line in samples.read_text().splitlines()]

    def _shots(self, seconds: float) -> int:
        return max(1, round(seconds * self.rate))

    def _plan(self, samples: Path) -> dict[str, object]:
        """Spell the plan out for the locustfile: each window a side and the offsets of its requests; -1 warms up."""
        warm = [(side, -1, self.warmup_seconds) for side in self.sides if self.warmup_seconds]
        order = list(self.sides)
        measured = [
            (side, window, self.window_seconds)
            for window in range(self.windows)
            for side in (order if window % 2 == 0 else reversed(order))
        ]
        return {
            "sides": dict(self.sides),
            "requests": {side: [asdict(request) for request in mix] for side, mix in self.requests.items()},
            "request_seconds": REQUEST_SECONDS,
            "fresh": FRESH,
            "clients": self.clients,
            "windows": [
                {
                    "side": side,
                    "window": window,
                    "seconds": seconds,
                    "offsets": [shot / self.rate for shot in range(self._shots(seconds))],
                }
                for side, window, seconds in (*warm, *measured)
            ],
            "samples": str(samples),
        }
