"""The keeper in front of a real relay and a real collector, as checks see it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from tests.checks.keeper import TOKEN, Inventory, Keeper

from assesskit.checks.creation import Creation
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service
from assesskit.instruments.collector import Collector
from assesskit.instruments.relay import Relay


@pytest.fixture(scope="module")
def inventory() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Inventory) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def running_relay(inventory: int) -> Iterator[Relay]:
    relay = Relay.start("inventory", 0, inventory, "json:/sku")
    yield relay
    relay.stop()


@pytest.fixture
def relay(running_relay: Relay) -> Iterator[Relay]:
    yield running_relay
    running_relay.reset()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector.start(0, {TOKEN: "submission"})
    yield collector
    collector.stop()


@pytest.fixture
def service(request: pytest.FixtureRequest, relay: Relay, collector: Collector) -> Iterator[Service]:
    """The small service with the flaws of the test's parameter, none without one."""
    flaws = frozenset(request.param.split(", ") if hasattr(request, "param") else ())
    with Keeper(relay.port, collector.port, flaws) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield submission(server.server_address[1])
        relay.reset()
        server.shutdown()


@pytest.fixture
def order() -> Creation:
    return Creation.fresh("/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token="token")


def submission(port: int, printed: str = "") -> Service:
    """The service as checks see it; asked for its logs, the harness says what was `printed`."""
    told = {"stdout": printed, "stderr": "plain text\n"}
    replies = [json.dumps({"id": number, "ok": True, "result": told}) for number in range(1, 200)]
    harness = Harness(io.BytesIO("\n".join(replies).encode()), io.BytesIO())
    return Service("submission", {"port": port, "ready_path": "/readyz"}, harness)


def flawed(*flaws: str) -> pytest.MarkDecorator:
    """The test's service has each of these flaws in turn; several in one text are parted by commas."""
    return pytest.mark.parametrize("service", flaws, indirect=True)


def fresh() -> Creation:
    return Creation.fresh("/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token="token")
