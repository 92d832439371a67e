"""What locust runs for `load.Load`: one user that plays its plan. Never imported by anything of ours."""

from __future__ import annotations

import itertools
import json
import os
import resource
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from geventhttpclient.client import HTTPClient
from geventhttpclient.header import Headers
from geventhttpclient.response import HTTPParseError
from locust import User, task

PLAN = json.loads(Path(os.environ["ASSESSKIT_LOAD_PLAN"]).read_text())
MAX_BODY = 1024 * 1024
"""Bytes of an answer; a longer one is an error."""
CONNECTIONS = 64
"""Of one side, kept alive."""
DRAIN_SECONDS = 1.0
WITH_BODY = ("POST", "PUT", "PATCH")
MAX_MEMORY = 1024 * 1024 * 1024
"""Bytes of address space: an answer without end ends this program, not the machine."""
resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


class Plain(HTTPClient):
    """Adds no header of its own accord."""

    DEFAULT_HEADERS = Headers()


class Player(User):
    """Plays the plan once: every request in a greenlet of its own, at its time, whatever became of the others.

    With clients in the plan, each of them is a greenlet instead.
    """

    @task
    def play(self) -> None:
        """Play the plan and end the run; locust would begin a task that failed again."""
        self.samples: list[dict[str, Any]] = []
        try:
            self.offer()
            lines = (json.dumps(sample) + "\n" for sample in self.samples if sample["window"] >= 0)
            Path(PLAN["samples"]).write_text("".join(lines))
        finally:
            gevent.spawn(self.environment.runner.quit)  # it ends this greenlet too, and with it an error not yet told

    def offer(self) -> None:
        """Send every request of the plan."""
        self.clients = {
            side: Plain(
                "127.0.0.1",
                port,
                concurrency=CONNECTIONS,
                disable_ipv6=True,
                connection_timeout=PLAN["request_seconds"],
                network_timeout=PLAN["request_seconds"],
            )
            for side, port in PLAN["sides"].items()
        }
        mixes = {side: itertools.cycle(PLAN["requests"][side]) for side in PLAN["sides"]}
        running = []
        for window in PLAN["windows"]:
            begin = self.rush if PLAN["clients"] else self.march
            shots = list(begin(window, mixes[window["side"]]))
            gevent.joinall(shots, timeout=DRAIN_SECONDS)
            running += shots
        gevent.joinall(running)

    def march(self, window: dict[str, Any], mix: Iterator[dict[str, Any]]) -> Iterator[gevent.Greenlet]:
        """Send the requests of a window, each at its time."""
        start = time.perf_counter() + 0.02
        for offset in window["offsets"]:
            _sleep_until(start + offset)
            yield gevent.spawn(self.shoot, window, offset, start + offset, next(mix))

    def rush(self, window: dict[str, Any], mix: Iterator[dict[str, Any]]) -> Iterator[gevent.Greenlet]:
        """Let clients send for as long as the window lasts."""
        start = time.perf_counter()

        def ask() -> None:
            while (now := time.perf_counter()) < start + window["seconds"]:
                self.shoot(window, now - start, now, next(mix))

        yield from [gevent.spawn(ask) for _ in range(PLAN["clients"])]
        _sleep_until(start + window["seconds"])

    def shoot(self, window: dict[str, Any], offset: float, intended: float, request: dict[str, Any]) -> None:
        """Send one request and record how it went."""
        lag = time.perf_counter() - intended
        status, size, error = 0, 0, ""
        try:
            with gevent.Timeout(PLAN["request_seconds"]):
                status, size = self.fetch(window["side"], request)
        except gevent.Timeout:
            error = f"no whole answer within {PLAN['request_seconds']:g} s"
        except (OSError, HTTPParseError, ValueError) as problem:
            error = f"{type(problem).__name__}: {problem}"[:200]
        latency = time.perf_counter() - intended
        if not error and status != request["expect"]:
            error = f"status {status} instead of {request['expect']}"
        self.samples.append(
            {
                "side": window["side"],
                "window": window["window"],
                "offset": offset,
                "lag_ms": lag * 1000,
                "latency_ms": latency * 1000,
                "status": status,
                "error": error,
                "size": size,
                "route": request["route"],
            }
        )
        self.environment.events.request.fire(
            request_type=request["method"],
            name=window["side"],
            response_time=latency * 1000,
            response_length=size,
            exception=RuntimeError(error) if error else None,
            context={},
        )

    def fetch(self, side: str, request: dict[str, Any]) -> tuple[int, int]:
        """Return status and size of an answer, read to its end."""
        fresh = str(uuid.uuid4())
        body = request["body"].replace(PLAN["fresh"], fresh[-12:].upper()).encode()
        response = self.clients[side].request(
            request["method"], request["path"], body=body, headers=self.headers(side, request, body, fresh)
        )
        try:
            size = len(response.read(MAX_BODY))
            if not response.message_complete:
                raise ValueError(f"the body is longer than {MAX_BODY} bytes, or cut short")
            return response.status_code, size
        finally:
            if not response.message_complete:
                response.release()

    def headers(self, side: str, request: dict[str, Any], body: bytes, fresh: str) -> dict[str, str]:
        """Return the headers in the order of the grader's own client, so that load looks like any other request."""
        own = {"Host": f"127.0.0.1:{PLAN['sides'][side]}", "Accept-Encoding": "identity"}
        if body or request["method"] in WITH_BODY:
            own["Content-Length"] = str(len(body))
        return own | {name: value.replace(PLAN["fresh"], fresh) for name, value in request["headers"].items()}


def _sleep_until(moment: float) -> None:
    gevent.get_hub().loop.update_now()  # else a timer counts from when the loop last woke
    gevent.sleep(max(0.0, moment - time.perf_counter()))
