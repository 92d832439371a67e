"""A stop with a request in flight, on a small service that runs as a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.checks.keeper import Inventory

from assesskit.checks import shutdown
from assesskit.checks.creation import Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service
from assesskit.instruments.relay import Relay

TAIL = """
import os, pathlib, signal

class Stopping(Keeper):
    daemon_threads = False

server = Stopping({inventory}, 0, frozenset(), int(os.environ["PORT"]))
stop = lambda *_: threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, {on_term})
server.serve_forever(0.02)
server.server_close()
"""
GOES = "stop"
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
def relay() -> Iterator[Relay]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Inventory) as inventory:
        threading.Thread(target=inventory.serve_forever, args=(0.02,), daemon=True).start()
        relay = Relay.start("inventory", 0, inventory.server_address[1], "json:/sku")
        yield relay
        relay.stop()
        inventory.shutdown()


@pytest.fixture
def drain(harness: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Judge the stop of a service that does `on_term` when it is told to go."""
    monkeypatch.setattr(shutdown, "HOLD", 0.2)
    monkeypatch.setattr(shutdown, "GRACE", 1.0)

    def judge(on_term: str) -> None:
        source = Path(__file__).with_name("keeper.py").read_text(encoding="utf-8")
        process = harness.service("submission", source + TAIL.format(inventory=relay.port, on_term=on_term))
        service = Service("submission", {"port": process.port, "ready_path": "/readyz"}, Local(harness))
        service.start()
        service.until_ready(10)
        shutdown.expect_drained(service, relay, order(), order(), Evidence())
        assert service.status()["running"]

    return judge


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
def test_a_stop_that_loses_something_shows(drain: Any, on_term: str, said: str) -> None:
    """Each way to stop badly is told apart."""
    with pytest.raises(Failure, match=said):
        drain(on_term)
