"""A stop with a request in flight, and a start, of a small service that runs as a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.checks.keeper import TOKEN

from assesskit.checks import moved_running, probes, shutdown
from assesskit.checks.creation import Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.collector import Collector
from assesskit.instruments.relay import Relay

TAIL = """
import os, pathlib, signal

class Stopping(Keeper):
    daemon_threads = False

{at_start}
server = Stopping({inventory}, {collector}, frozenset({flaws}), int(os.environ["PORT"]))
stop = lambda *_: threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, {on_term})
server.serve_forever(0.02)
server.server_close()
"""
ASKS = """
import http.client
link = http.client.HTTPConnection("127.0.0.1", {port})
link.request("GET", "/healthz")
link.getresponse()
"""
READS = """
import time
until = time.monotonic() + 1.0
able = Orders.do_POST
Orders.do_POST = lambda self: able(self) if time.monotonic() > until else self.answer(503, None)
"""
SLEEPS = """
import time
Orders.do_POST = lambda self: time.sleep(1.0)
"""
LISTS = """
links = []
connected = http.client.HTTPConnection.connect
http.client.HTTPConnection.connect = lambda self: (connected(self), links.append(self.sock))
"""
SENDS_LATER = """
send = Orders.export
Orders.export = lambda self, caller: threading.Timer(0.5, send, (self, caller)).start()
"""
GOES = "stop"
ABANDONS = "lambda *_: ([link.shutdown(2) for link in links if link.fileno() >= 0], stop())"
DIES = "signal.SIG_DFL"
STAYS = "signal.SIG_IGN"
LINGERS = "lambda *_: (server.socket.close(), stop(), threading.Thread(target=threading.Event().wait).start())"
FORGETS = "stop); setattr(Orders, 'do_GET', lambda s: s.answer(404 if 'orders' in s.path else 200, None)"


class Local(Harness):
    """Steers the processes of this test, in the place of the harness at the other end of the wire."""

    def __init__(self, mini: Any) -> None:
        self._mini = mini

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        reply = self._mini.reply({"id": 1, "action": action, "service": service, **arguments})
        assert reply["ok"]
        return dict(reply["result"])


@pytest.fixture
def drain(small: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Judge the stop of a service that does `on_term` when it is told to go."""
    monkeypatch.setattr(shutdown, "HOLD", 0.2)
    monkeypatch.setattr(shutdown, "GRACE", 1.0)
    monkeypatch.setattr(shutdown, "LATE", 1.0)

    def judge(on_term: str, **how: Any) -> None:
        service = small(on_term=on_term, **how)
        shutdown.expect_drained(service, relay, order(), order(), Evidence())
        assert service.status()["running"]

    return judge


@pytest.fixture
def small(harness: Any, relay: Relay, collector: Collector) -> Any:
    """Start a small service; by keyword what it does at a start and on SIGTERM, and its flaws."""

    def start(on_term: str = GOES, at_start: str = "", flaws: tuple[str, ...] = ()) -> Service:
        source = Path(__file__).with_name("keeper.py").read_text(encoding="utf-8")
        tail = TAIL.format(
            inventory=relay.port,
            collector=collector.port,
            on_term=on_term,
            at_start=at_start.format(port=relay.port),
            flaws=flaws,
        )
        process = harness.service("submission", source + tail)
        service = Service("submission", {"port": process.port, "ready_path": "/readyz"}, Local(harness))
        service.start()
        service.until_ready(10)
        return service

    return start


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector.start(0, {TOKEN: "submission"})
    yield collector
    collector.stop()


def order() -> Creation:
    return Creation.fresh("/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token="token")


def test_a_stop_that_finishes_its_work_passes(drain: Any) -> None:
    """In-flight answered, no newcomer, an end in time, orders still there, and the service serves again."""
    drain(GOES)


@pytest.mark.parametrize(
    ("on_term", "said"),
    [
        pytest.param(DIES, "the request in flight at SIGTERM was not finished", id="dies at once"),
        pytest.param(STAYS, "still answered as if nothing had happened", id="takes no notice"),
        pytest.param(LINGERS, "after SIGTERM the service still ran", id="never ends"),
        pytest.param(FORGETS, "what was acknowledged with 201 before the stop answers 404", id="forgets"),
    ],
)
def test_a_stop_that_loses_something_shows(
    drain: Any, on_term: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to stop badly is told apart."""
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match=said):
        drain(on_term)


def test_a_request_that_is_given_up_for_the_signal_shows(drain: Any) -> None:
    """To answer 503 at once is no answer: the dependency was about to give one."""
    with pytest.raises(Failure, match="in flight at SIGTERM was given up: it was answered 503"):
        drain(ABANDONS, at_start=LISTS, flaws=("never asks again",))


def test_an_end_in_the_last_moment_is_in_time(drain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To see it takes a moment, too."""
    monkeypatch.setattr(shutdown, "GRACE", 0.1)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    drain(GOES)


@pytest.mark.parametrize(("stood", "passes"), [(1.0, True), (0.0, False)])
def test_a_machine_that_stands_still_hides_no_signal(
    drain: Any, monkeypatch: pytest.MonkeyPatch, stood: float, passes: bool
) -> None:
    """Newcomers are turned away a little later, then; they come for longer."""

    class Stood(Stalls):
        explained = stood

    monkeypatch.setattr(shutdown, "Stalls", Stood)
    monkeypatch.setattr(shutdown, "HOLD", 0.6)
    monkeypatch.setattr(shutdown, "GRACE", 5.0)
    late = "lambda *_: threading.Timer(0.9, stop).start()"
    if passes:
        drain(late)
    else:
        with pytest.raises(Failure, match="still answered as if nothing had happened"):
            drain(late)


@pytest.mark.parametrize("status", [400, 502, 504])
def test_what_is_answered_without_the_dependency_may_be_left_open(status: int) -> None:
    response = Response(status, Headers(()), b"", 2.0)
    exchange = Exchange(Request("POST", "/v1/orders"), response, "", 2.0)
    shutdown._expect_answered(exchange, moved_running.GAVE_UP)
    with pytest.raises(Failure, match="given up"):
        shutdown._expect_answered(replace(exchange, seconds=0.1), moved_running.GAVE_UP)
    if status not in shutdown.GAVE_UP:
        with pytest.raises(Failure, match="not finished"):
            shutdown._expect_answered(exchange, shutdown.GAVE_UP)


def test_the_end_is_awaited_from_the_signal(drain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the request in flight takes is part of it."""
    monkeypatch.setattr(shutdown, "HOLD", 1.0)
    monkeypatch.setattr(shutdown, "GRACE", 0.2)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match="after SIGTERM the service still ran"):
        drain(GOES)


def test_a_stop_that_sends_the_last_spans_passes(small: Any, relay: Relay, collector: Collector) -> None:
    """What was answered before the signal and what was in flight have spans."""
    shutdown.expect_flushed(small(), relay, collector, [order(), order()], order(), Evidence())


@pytest.mark.parametrize("on_term", [GOES, DIES])
def test_spans_that_a_stop_loses_show(
    small: Any, relay: Relay, collector: Collector, on_term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of the request in flight, one that was answered before must have its spans."""
    monkeypatch.setattr(shutdown, "LAST_MOMENT", 0.5)
    service = small(on_term=on_term, flaws=("no spans",))
    with pytest.raises(Failure, match="no span arrived of a request that was answered just before SIGTERM"):
        shutdown.expect_flushed(service, relay, collector, [order(), order()], order(), Evidence())


def test_spans_that_go_only_when_it_is_time_show(
    small: Any, relay: Relay, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes until the request is in flight: something was answered just before the signal."""
    waiting = relay.waiting

    def late(*asked: Any, **how: Any) -> bool:
        time.sleep(1.0)
        return waiting(*asked, **how)

    monkeypatch.setattr(relay, "waiting", late)
    monkeypatch.setattr(shutdown, "LAST_MOMENT", 0.5)
    service = small(on_term=DIES, at_start=SENDS_LATER, flaws=("no lock",))
    with pytest.raises(Failure, match="no span arrived of a request that was answered just before SIGTERM"):
        shutdown.expect_flushed(service, relay, collector, [order(), order()], order(), Evidence())


def test_of_a_service_that_does_not_go_nothing_is_said(
    small: Any, relay: Relay, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it stays is judged once, as the stop itself."""
    monkeypatch.setattr(shutdown, "GRACE", 0.5)
    service = small(on_term=STAYS, flaws=("no spans",))
    with pytest.raises(Inconclusive, match="did not end on SIGTERM"):
        shutdown.expect_flushed(service, relay, collector, [order(), order()], order(), Evidence())
    assert not service.status()["running"]


def test_a_start_that_waits_for_nobody_passes(small: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up and not ready while the dependency is away, ready after its return, able when ready."""
    monkeypatch.setattr(probes, "AWAY", 0.3)
    service = small()
    probes.expect_starts_alone(service, relay, 5.0)
    probes.expect_ready_means_ready(service, order, 3.0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param({"at_start": ASKS}, "started while its dependency was away", id="gives up"),
        pytest.param({"flaws": ("ready for ever",)}, "answered 200 while its dependency is away", id="says ready"),
    ],
)
def test_a_start_that_cannot_bear_to_be_alone_shows(
    small: Any, relay: Relay, how: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To end, and to say 200, are both wrong."""
    monkeypatch.setattr(probes, "AWAY", 0.3)
    with pytest.raises(Failure, match=said):
        probes.expect_starts_alone(small(**how), relay, 5.0)


def test_ready_before_able_shows(small: Any) -> None:
    """A service that is still reading its store when it says 200 is told so."""
    service = small(at_start=READS)
    with pytest.raises(Failure, match="at that moment POST /v1/orders answered 503"):
        probes.expect_ready_means_ready(service, order, 3.0)


@pytest.mark.parametrize("at_start", [READS, SLEEPS])
def test_a_start_that_a_machine_held_up_cannot_be_judged(
    small: Any, at_start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time limits of the service may have passed, or ours."""
    service = small(at_start=at_start)
    monkeypatch.setattr(Stalls, "seconds", 1.0)
    with pytest.raises(Inconclusive, match=r"at that moment POST /v1/orders .*, but this machine stood still"):
        probes.expect_ready_means_ready(service, order, 0.2)


def test_silence_at_the_first_moment_shows(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is none of the answers of who is ready."""
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match=r"at that moment POST /v1/orders failed \(no complete answer"):
        probes.expect_ready_means_ready(small(at_start=SLEEPS), order, 0.2)
