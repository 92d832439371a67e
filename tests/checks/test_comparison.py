from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from assesskit.checks import comparison, measured
from assesskit.checks.comparison import FIRST_WINDOWS, MORE_WINDOWS, REST_WINDOWS, WARM_SECONDS, Comparison
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.measured import READS, RUSH, SIDES, WRITES, Mix
from assesskit.checks.services import Control, Service
from assesskit.instruments.load import FRESH, Load, RequestTemplate
from assesskit.instruments.relay import Relay
from assesskit.model import ServiceLevels

HEADERS = {"Content-Type": "application/json"}


class Answering(Harness):
    """A harness that does what it is asked, in name only, and remembers what that was and what it was told."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(), io.BytesIO())
        usage = {"cpu_seconds": None, "memory_bytes": None}
        self.answers: dict[str, dict[str, Any]] = {"quiet": {"quiet": True}, "usage": usage, **answers}
        self.asked: list[str] = []
        self.told: list[dict[str, Any]] = []

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        self.asked.append(f"{action} {service}".strip())
        return self.answers.get(action, {})

    def tell(self, kind: str, **fields: Any) -> None:
        self.told.append({"type": kind, **fields})


class Side(ThreadingHTTPServer):
    """Answers everything; what is posted is asked of the relay at `dependency` first, unless there is none, or it is
    `hasty`: then while it answers.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, dependency: int | None, *, hasty: bool = False) -> None:
        self.dependency = dependency
        self.hasty = hasty
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Side

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hasty:
            threading.Thread(target=self._ask, args=(body,)).start()
        elif self.server.dependency is not None:
            self._ask(body)
        self._answer(201)

    def _ask(self, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.server.dependency)) as link:
            link.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            while link.recv(4096):
                pass

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(dependency: int | None, *, hasty: bool = False) -> Iterator[int]:
    side = Side(dependency, hasty=hasty)
    thread = threading.Thread(target=side.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield side.server_port
    side.shutdown()
    thread.join()
    side.server_close()


def mix(service: Service, mark: str) -> Mix:
    del service
    write = RequestTemplate("POST", "/x", HEADERS, json.dumps({"sku": f"T-{mark}{FRESH}"}), expect=201, route="POST /x")
    return Mix([RequestTemplate("GET", "/x", route="GET /x")] * 3, [write], f"T-{mark}", lambda: [f"T-{mark}0"])


def services(harness: Harness, submission: int = 1, reference: int = 1) -> Control:
    facts = {"submission": submission, "reference": reference}
    return Control(
        {
            name: Service(name, {"port": port, "ready_path": "/readyz", "ready_within": 0.3}, harness)
            for name, port in facts.items()
        },
        harness,
    )


@pytest.fixture
def relays() -> Iterator[dict[str, Relay]]:
    """A relay for each side, in front of a service that answers."""
    with serving(None) as target:
        started = {side: Relay.start(side, 0, target, "json:/sku") for side in ("submission", "reference")}
        yield started
        for relay in started.values():
            relay.stop()


@pytest.fixture
def compared(relays: dict[str, Relay], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Compares two services that are alike, but that the submission may be `forgetful` of its dependency, or `hasty`;
    with few windows.
    """
    monkeypatch.setattr(comparison, "WARM_SECONDS", 0.05)
    monkeypatch.setattr(comparison, "SETTLES", 0.0)
    monkeypatch.setattr(measured, "DEPENDENCY_SECONDS", 0.01)
    harness = Answering()

    def build(submission: str = "submission", mix: Any = mix) -> tuple[Comparison, Answering]:
        control = services(harness, sides[submission], sides["reference"])
        return Comparison(control, relays, mix, 0.999), harness

    with (
        serving(relays["submission"].port) as submission,
        serving(relays["reference"].port) as reference,
        serving(None) as forgetful,
        serving(relays["submission"].port, hasty=True) as hasty,
    ):
        sides = {"submission": submission, "reference": reference, "forgetful": forgetful, "hasty": hasty}
        yield build


def test_without_the_lock_there_is_no_load(compared):
    """Other pods under load make a comparison worthless: we cannot tell."""
    subject, harness = compared()
    harness.answers["quiet"] = {"quiet": False}
    with pytest.raises(Inconclusive, match="kept this machine busy"):
        subject.latency(READS, 1000.0)
    assert not [told for told in harness.told if told["type"] == "load"]


def test_each_kind_of_load_is_measured_once_and_told(compared):
    """Both latencies and the cost rest on the same windows; their length and what was seen are told the harness."""
    subject, harness = compared()
    verdicts = [subject.latency(kind, 1000.0) for kind in (READS, WRITES, READS, WRITES)]
    assert [one.verdict for one in verdicts] == ["met"] * 4
    assert verdicts[0] is verdicts[2]
    assert [told["seconds"] for told in harness.told if told["type"] == "load"] == [0.85, 6.5, 0.85, 6.5]
    levels = ServiceLevels.model_validate(harness.told[-1]["levels"])
    assert {name: sorted(side.routes) for name, side in levels.sides.items()} == {
        side: ["GET /x", "POST /x"] for side in ("submission", "reference")
    }
    assert levels.sides["submission"].availability == 1
    assert subject.cost(3.0, 2.0).verdict == "inconclusive"


def test_the_submission_stands_still_while_the_reference_is_seen_alone_and_goes_on_after_it(compared):
    """The lock is given back and the reference stopped, too."""
    subject, harness = compared()
    subject.latency(READS, 1000.0)
    subject.close()
    kept = [asked for asked in harness.asked if not asked.startswith(("usage", "status"))]
    assert kept == [
        "start reference",
        "quiet",
        "pause submission",
        "resume submission",
        "loud",
        "stop reference",
    ]


def test_what_is_acknowledged_under_load_was_really_done(compared):
    """Whoever leaves the dependency out to be fast has failed, with the count."""
    subject, _ = compared("forgetful")
    with pytest.raises(Failure, match=r"under load 96 things were made, .* asked for only 0 of them"):
        subject.latency(WRITES, 1000.0)


def test_pages_that_never_show_the_newest_are_judged_elsewhere(compared):
    """One mistake is not counted twice."""
    subject, _ = compared(mix=lambda *given: replace(mix(*given), newest=lambda: None))
    assert subject.latency(WRITES, 1000.0).verdict == "met"


@pytest.mark.parametrize("newest", [[], ["an older one"] * 20])
def test_what_is_acknowledged_under_load_is_there_afterwards(compared, newest):
    """Whoever leaves its own store out to be fast has failed as well."""
    subject, _ = compared(mix=lambda *given: replace(mix(*given), newest=lambda: newest))
    with pytest.raises(Failure, match="under load 96 things were made, and are not among the newest afterwards"):
        subject.latency(WRITES, 1000.0)


@pytest.mark.parametrize(
    "measure", [lambda subject: subject.latency(WRITES, 1000.0), lambda subject: subject.throughput(0.01)]
)
def test_what_is_acknowledged_under_load_was_waited_for(compared, measure):
    """Whoever confirms first and asks its dependency afterwards has failed, under any load."""
    subject, _ = compared("hasty")
    with pytest.raises(Failure, match=r"under load \d+% of what was made was confirmed sooner than the dependency"):
        measure(subject)


def test_a_comparison_that_breaks_leaves_the_pod_as_it_was(compared, relays, monkeypatch):
    """Nothing is held up at the dependency, and the lock is given back."""
    subject, harness = compared()
    monkeypatch.setattr(comparison, "judge_latency", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        subject.latency(replace(READS, seconds=0.05), 15.0)
    assert harness.asked[-1] == "loud"
    with socket.create_connection(("127.0.0.1", relays["submission"].port)) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200" in link.recv(4096)
    assert not relays["submission"].calls()[-1].fault


@pytest.mark.parametrize(("noisy", "seconds"), [(False, 24.0), (True, 37.5)])
def test_there_is_little_load_in_all(noisy, seconds):
    """On a quiet machine, and when nothing can be told for as long as it may be tried; a grading has 40 s of it."""
    rest = {"reference": 1}
    offered = 0.0
    for kind in (READS, WRITES, RUSH):
        more = (kind.most - FIRST_WINDOWS) // MORE_WINDOWS if noisy else 0
        rounds = [FIRST_WINDOWS, *[MORE_WINDOWS] * more]
        plans = [(dict.fromkeys(SIDES, 1), count) for count in rounds]
        plans += [] if kind.clients else [(rest, REST_WINDOWS)] * (2 if noisy else 1)
        offered += sum(
            Load(sides, {}, windows=count, window_seconds=kind.seconds, warmup_seconds=WARM_SECONDS).seconds
            for sides, count in plans
        )
    assert offered <= seconds


def test_many_clients_get_as_much_from_one_as_from_the_other(compared):
    """Two services that are alike have rates that are alike."""
    subject, harness = compared()
    verdict = subject.throughput(0.3)
    assert verdict.verdict == "met"
    levels = ServiceLevels.model_validate(harness.told[-1]["levels"])
    assert levels.sides == {}
    assert RUSH.clients == 16


@pytest.mark.parametrize("state", [{"running": True}, {"running": False, "status": 1, "oom": False}])
def test_a_reference_that_does_not_come_up_is_no_fault_of_the_submission(state, relays):
    """We cannot tell, and the reference is stopped all the same."""
    harness = Answering(status=state)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    subject = Comparison(services(harness, port, port), relays, mix, 0.999)
    with pytest.raises(Inconclusive, match="the reference did not start"):
        subject.latency(READS, 15.0)
    subject.close()
    assert (harness.asked[0], harness.asked[-1]) == ("start reference", "stop reference")
