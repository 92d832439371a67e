from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

import pytest

from assesskit.checks.http import Client, prepared
from assesskit.errors import GraderError
from assesskit.instruments.load import FRESH, Load, RequestTemplate, Sample

pytestmark = pytest.mark.alone


class Service(ThreadingHTTPServer):
    """Answers after `seconds`; while `stalled` is cleared, not at all. `connections` counts those it took."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.serving = threading.Event()
        self.serving.set()
        self.connections = 0
        self.arrived: list[tuple[float, str]] = []
        self.posted: list[tuple[list[tuple[str, str]], bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def stall(self, after: float, seconds: float) -> None:
        """Answer nothing for `seconds`, beginning `after` seconds from the first request."""
        while not self.arrived:
            time.sleep(0.005)
        time.sleep(after)
        self.serving.clear()
        time.sleep(seconds)
        self.serving.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service
    wbufsize = -1  # head and body in one packet

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.arrived.append((time.monotonic(), self.path))
        self.server.serving.wait(10)
        time.sleep(self.server.seconds)
        body = b"x" * (2_000_000 if self.path == "/huge" else 2)
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers.items(), body))
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(seconds: float) -> Iterator[Service]:
    service = Service(seconds)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()


@dataclass(frozen=True)
class Run:
    """A load that was offered, what it returned, and who got it."""

    plan: Load
    services: dict[str, Service]
    samples: list[Sample]

    def latencies(self, side: str) -> list[float]:
        return [sample.latency_ms for sample in self.samples if sample.side == side]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with serving(0.02) as slower, serving(0.0) as faster:
        services = {"submission": slower, "reference": faster}
        ports = {name: service.server_port for name, service in services.items()}
        mix = [RequestTemplate("GET", "/a"), RequestTemplate("GET", "/b")]
        plan = Load(ports, dict.fromkeys(ports, mix), windows=4, window_seconds=0.25, warmup_seconds=0.2)
        yield Run(plan, services, plan.run())


def test_both_sides_get_the_same_load(run):
    """Every planned request is sent and recorded, the mix in turn, on connections that are kept alive."""
    assert len(run.samples) == run.plan.planned == 120
    assert {(sample.status, sample.error) for sample in run.samples} == {(200, "")}
    assert {sample.window for sample in run.samples} == {0, 1, 2, 3}
    assert sorted({sample.offset for sample in run.samples}) == [shot / 60 for shot in range(15)]
    for service in run.services.values():
        paths = [path for _, path in service.arrived]
        assert abs(paths.count("/a") - paths.count("/b")) <= 1
        assert service.connections < 50


def test_the_side_that_goes_first_alternates(run):
    """Neither side always follows the other."""
    merged = sorted((at, name) for name, service in run.services.items() for at, _ in service.arrived)
    order = [name for index, (_, name) in enumerate(merged) if index == 0 or merged[index - 1][1] != name]
    warmed, measured = order[:2], order[2:]
    assert warmed == ["submission", "reference"]
    assert measured == ["submission", "reference", "submission", "reference", "submission"]


def test_a_slower_side_is_seen_as_slower(run):
    """20 ms of waiting show as about 20 ms of latency."""
    assert median(run.latencies("submission")) - median(run.latencies("reference")) > 15


def test_a_stall_is_charged_to_every_request_that_was_due():
    """Requests go on at their times, and their latency counts from then: nothing hides in a client that waits."""
    with serving(0.0) as service:
        stall = threading.Thread(target=service.stall, args=(0.5, 1.0))
        stall.start()
        mix = {"reference": [RequestTemplate("GET", "/x")]}
        samples = Load({"reference": service.server_port}, mix, windows=1, window_seconds=1.5, warmup_seconds=0).run()
        stall.join()
    slow = sorted(sample.latency_ms for sample in samples if sample.latency_ms > 100)
    assert len(samples) == 90
    assert len(slow) >= 40
    assert slow[-1] > 800


def test_errors_are_recorded_as_what_they_were():
    """An unexpected status, a body over the cap, a refused connection: samples with a reason."""
    with serving(0.0) as service:
        port = service.server_port
        sides = {"missing": port, "huge": port, "dead": 1}
        mixes = {side: [RequestTemplate("GET", f"/{side}")] for side in sides}
        samples = Load(sides, mixes, windows=1, window_seconds=0.05, warmup_seconds=0).run()
    errors = {sample.side: (sample.status, sample.error) for sample in samples}
    assert errors["missing"] == (404, "status 404 instead of 200")
    assert "longer than 1048576 bytes" in errors["huge"][1]
    assert errors["dead"][0] == 0
    assert "ConnectionRefusedError" in errors["dead"][1]


def test_a_request_looks_like_any_other_of_the_graders():
    """The same headers in the same order, but for the connection, which is kept; what is fresh differs each time."""
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json", "Idempotency-Key": FRESH}
    with serving(0.0) as service:
        mix = {"submission": [RequestTemplate("POST", "/x", headers, f'{{"sku": "TEA-{FRESH}"}}', route="POST /x")]}
        sides = {"submission": service.server_port}
        samples = Load(sides, mix, windows=1, window_seconds=0.05, warmup_seconds=0).run()
        other = prepared("POST", "/x", headers={**headers, "Idempotency-Key": "k"}, body=b'{"sku": "TEA-0123456789AB"}')
        Client(service.server_port).send(other)
    *load, (usual, body) = service.posted
    assert {sample.route for sample in samples} == {"POST /x"}
    assert {tuple(name for name, _ in sent) for sent, _ in load} == {
        tuple(name for name, _ in usual if name != "Connection")
    }
    assert {len(sent) for _, sent in load} == {len(body)}
    assert len({dict(sent)["Idempotency-Key"] for sent, _ in load}) == len({sent for _, sent in load}) == 3


def test_clients_ask_again_as_soon_as_they_are_answered():
    """So a side that answers in 20 ms serves four clients at most 200 times a second, hardly less."""
    with serving(0.02) as service:
        mix = {"submission": [RequestTemplate("GET", "/x")]}
        load = Load(
            {"submission": service.server_port}, mix, windows=2, window_seconds=0.5, warmup_seconds=0, clients=4
        )
        samples = load.run()
    assert load.seconds == 1.0
    assert 100 <= len(samples) <= 200 + 4
    assert {sample.window for sample in samples} == {0, 1}
    assert all(0 <= sample.offset < 0.5 for sample in samples)


def test_a_generator_that_fails_is_a_fault_of_ours():
    """It is told with the last lines it printed."""
    with pytest.raises(GraderError, match="KeyError: 'reference'"):
        Load({"reference": 1}, {}).run()


def test_a_generator_that_is_not_through_in_time_is_a_fault_of_ours():
    """There is a limit to every run."""
    with pytest.raises(GraderError, match="load: was not through after"):
        Load({"reference": 1}, {"reference": []}).run(timeout=0.1)
