"""What probes cost, on a small service that asks its dependency at every one of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.checks.keeper import Keeper

from assesskit.checks import light
from assesskit.checks.creation import Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.light import Window
from assesskit.checks.services import Control, Service
from assesskit.instruments.relay import Relay


class Lock(Harness):
    """The harness at the other end, which has the lock to give, or not."""

    def __init__(self, *, free: bool) -> None:
        self._free = free

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        return {"quiet": self._free} if action == "quiet" else {}


def order() -> Creation:
    return Creation.fresh("/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token="token")


def window(
    *, probes: int = 200, seconds: float = 0.01, calls: int = 20, stood_still: float = 0.0, status: int = 200
) -> Window:
    requests = [Request("GET", path) for path in ("/livez", "/readyz")]
    answer = Response(status, Headers(), b"", seconds)
    return Window([Exchange(requests[n % 2], answer, "", seconds) for n in range(probes)], 5, calls, 3.0, stood_still)


def judged(seen: Window) -> None:
    light.expect_light(seen, calls=10.0, limit=0.15, evidence=Evidence())


def test_calls_for_things_made_are_not_those_of_probes(relay: Relay) -> None:
    """Each /readyz of this service asks the dependency once, and only those calls count."""
    lock = Lock(free=True)
    with Keeper(relay.port, 0, frozenset()) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        service = Service("submission", {"port": server.server_address[1]}, lock)
        seen = light.probed(Control({}, lock), service, relay, ("/livez", "/readyz"), order, 0.5)
        server.shutdown()
    asked = [probe for probe in seen.probes if probe.request.path == "/readyz"]
    assert asked
    assert seen.calls == len(asked)


def test_probes_that_take_a_while_are_still_enough_to_tell(relay: Relay) -> None:
    """A /readyz that takes a tenth of a second and asks the dependency each time is too much for it all the same."""
    lock = Lock(free=True)
    with Keeper(relay.port, 0, frozenset({"readiness takes its time"})) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        service = Service("submission", {"port": server.server_address[1]}, lock)
        seen = light.probed(Control({}, lock), service, relay, ("/livez", "/readyz"), order, 2.0)
        server.shutdown()
    with pytest.raises(Failure, match="probes cost the dependency more than 10 calls a second"):
        judged(seen)


def test_without_a_quiet_moment_nothing_is_judged(relay: Relay) -> None:
    """Other pods under load would make the probes slow."""
    lock = Lock(free=False)
    with pytest.raises(Inconclusive, match="kept this machine busy"):
        light.probed(Control({}, lock), Service("submission", {"port": 1}, lock), relay, ("/livez",), order, 0.5)


def test_quick_probes_that_cost_little_pass() -> None:
    """Half of them in time, and few calls."""
    judged(window())


def test_slow_probes_show() -> None:
    """Half of them late."""
    with pytest.raises(Failure, match="half of the probes of /livez took longer than 150 ms"):
        judged(window(seconds=0.3))


def test_probes_that_are_passed_on_show() -> None:
    """More than ten calls a second."""
    with pytest.raises(Failure, match="probes cost the dependency more than 10 calls a second"):
        judged(window(calls=36))


def test_probes_that_are_quick_to_fail_show() -> None:
    """An error costs little and is no answer to the platform's question."""
    with pytest.raises(Failure, match="200 of 200 probes did not get 200"):
        judged(window(status=500))


@pytest.mark.parametrize(
    "noisy", [window(status=500, stood_still=1.0), window(seconds=0.3, stood_still=1.0), window(probes=80)]
)
def test_what_a_busy_machine_cannot_tell_is_not_judged(noisy: Window) -> None:
    """It stood still itself, or sent too few probes."""
    with pytest.raises(Inconclusive):
        judged(noisy)
