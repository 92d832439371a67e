"""Records last night's incident of debug-trace: runs the faulty system with traffic, and keeps what it told of it.

    python -m scripts.record_traces     write fixtures/traces/debug-trace anew

The system is the starter's, as plain processes with our relays between them. What happens is the same each time, order
by order: a quiet time, payments that fail every call, a release of checkout in the middle of it, and a recovery. Ids
and times are those of the run. Of a span's tags only those of an allow-list are kept, since hosts, ports and paths of
this machine are nobody's business.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from assesskit.content.digests import digest_files, files_below
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.faults import Fault
from assesskit.instruments.jaeger_json import document
from assesskit.instruments.program import Program
from assesskit.instruments.relay import Relay
from scripts.faults import EXERCISE, lay_out

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "fixtures" / "traces" / "debug-trace"
HANDED_OUT = EXERCISE / "recording"
"""Where the exercise keeps its copy, which candidates and graders get."""
PARTS = {"gateway": "", "checkout": "json:/order", "pricing": "path:2", "inventory": "path:2", "worker": ""}
SERVICES = {"payments": "json:/order", "queue": "json:/order", "database": "json:/params/0"}
KEPT = frozenset(
    {
        "attempt",
        "db.query.text",
        "db.system.name",
        "error",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "hamper",
        "lines",
        "order",
        "peer.service",
        "timeout_ms",
    }
)
SEED = 20
SERVER_ERROR = 500
QUIET, OUTAGE, AFTER = 14, 16, 8
STATEMENT = 0.06
"""Seconds that a statement takes: the database is across the network."""


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


def incident(system: System) -> None:
    """What happened last night. Faults are played by the order, so it comes out the same each time."""
    dice = random.Random(SEED)
    gateway = f"http://127.0.0.1:{system.ports['gateway']}/checkouts"
    system.relays["database"].everything(Fault.delay(STATEMENT))
    hampers = [f"HAM-{dice.randrange(5000):06}" for _ in range(200)]

    def ask(number: int, lines: list[str]) -> None:
        body = {"order": f"N-{number:06}", "lines": [{"hamper": hamper, "quantity": 1} for hamper in lines]}
        requests.post(gateway, json=body, timeout=10)

    for number in range(QUIET):
        ask(number, [hampers[number]])
    for number in range(QUIET, QUIET + OUTAGE):
        system.relays["payments"].script(f"N-{number:06}", Fault.status(503), always=True)
    with ThreadPoolExecutor(8) as pool:  # customers come together, and for the same hampers
        for first in range(QUIET, QUIET + OUTAGE, 8):
            together = [
                pool.submit(ask, first + place, [hampers[first], hampers[first + 100 + place % 2]])
                for place in range(8)
            ]
            for one in together:
                one.result()
    time.sleep(3)
    for number in range(QUIET + OUTAGE, QUIET + OUTAGE + 3):
        ask(number, [hampers[number]])
    system.release("checkout")
    for number in range(QUIET + OUTAGE + 3, QUIET + OUTAGE + AFTER):
        ask(number, [hampers[number]])
    time.sleep(4)


def kept(span: Span) -> Span:
    """A span without what is not on the allow-list."""
    attributes = {key: value for key, value in span.attributes.items() if key in KEPT}
    events = tuple({**event, "attributes": {}} for event in span.events)
    return replace(span, attributes=attributes, events=events, status_message="")


def rests_on() -> str:
    """SHA-256 of what a recording is made of: the faulty system, our services in it, and what happens to them."""
    played = ast.dump(ast.parse(inspect.getsource(incident) + inspect.getsource(kept)))
    told = [SEED, QUIET, OUTAGE, AFTER, STATEMENT, sorted(KEPT), played]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "system"
        lay_out(folder)
        files = {f"system/{name}": path for name, path in files_below(folder).items() if name.endswith(".py")}
        files |= {f"services/{name}": path for name, path in files_below(EXERCISE / "services").items()}
        script = Path(temporary) / "incident"
        script.write_text(json.dumps(told), encoding="utf-8")
        return digest_files({**files, "incident": script})


@contextmanager
def running() -> Iterator[tuple[System, Path]]:
    """The faulty system, and the folder with its logs."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder, logs = Path(temporary) / "system", Path(temporary) / "logs"
        logs.mkdir()
        lay_out(folder)
        yield System(folder, logs, stack), logs


def figures(system: System) -> dict[str, Any]:
    """What relays counted, minute figures as a dashboard would have them: calls, failures, and the most at once."""
    told = {}
    for name, relay in system.relays.items():
        calls = relay.calls()
        spans = [(call.began, 1) for call in calls] + [(call.ended or call.began, -1) for call in calls]
        peak = now = 0
        for _, step in sorted(spans):
            now += step
            peak = max(peak, now)
        failed = sum(call.status is None or call.status >= SERVER_ERROR for call in calls)
        told[name] = {"calls": len(calls), "failed": failed, "most_at_once": peak}
    return told


def write(spans: list[Span], lines: Mapping[str, list[str]], metrics: Mapping[str, Any]) -> None:
    """Write the recording, and the exercise's copy of it."""
    order = sorted(spans, key=lambda span: (span.start, span.span_id))
    files = {
        "traces.json": json.dumps(document([kept(span) for span in order]), indent=None, separators=(",", ":")),
        "metrics.json": json.dumps(metrics, indent=1),
        **{f"logs/{name}.jsonl": "".join(own) for name, own in lines.items()},
    }
    about = {"seed": SEED, "rests_on": rests_on(), "spans": len(spans)}
    for place in (RECORDING, HANDED_OUT):
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
    (RECORDING / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def partial(logs: Path) -> dict[str, list[str]]:
    """The lines of every program, less one in seven: the shipper lost some, too."""
    told = {}
    for name in PARTS:
        lines = [line for line in (logs / f"{name}.log").read_text().splitlines(keepends=True) if line.startswith("{")]
        told[name] = [line for line in lines if hashlib.sha256(line.encode()).digest()[0] % 7]
    return told


def main() -> None:
    """Run the incident and keep it."""
    with running() as (system, logs):
        incident(system)
        metrics = figures(system)
        for name in PARTS:
            system.running[name].send_signal(signal.SIGTERM)
        for name in PARTS:
            system.running[name].wait(15)
        spans = system.collector.spans(settle=1.5, timeout=10)
        write(spans, partial(logs), metrics)
    print(f"{len(spans)} spans of {len({span.trace_id for span in spans})} traces")


if __name__ == "__main__":
    main()
