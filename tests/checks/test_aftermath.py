"""What shadow, mirror and a rollback leave behind: services that are not silent, or keep what they were told, first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.checks.moving import Monolith, Service, serving
from tests.checks.rolled import ACCOUNTS, PLAN, SETTING, TERMS, lane, traffic

from assesskit.checks import aftermath, safe_plans
from assesskit.checks.aftermath import Compared
from assesskit.checks.carrying_out import Run, carry_out
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.http import Client
from assesskit.instruments.migration import Router, Sides
from assesskit.instruments.relay import Relay
from assesskit.instruments.rollout_plan import read_rollout
from assesskit.instruments.sink import Sink

[HEALTHY, _] = safe_plans.healthy(TERMS)
[ERROR, _] = safe_plans.faulty(TERMS)["error"]
COMPARED = Compared(("content-type",), ("/sequence",))
LANES = [lane(account) for account in ACCOUNTS[:4]]
READS = [Request("GET", f"/v1/invoices?account={account}", (("X-Account", account),)) for account in ACCOUNTS[:4]]


@dataclass
class Stage:
    router: Router
    sink: Sink
    relay: Relay
    monolith: Monolith
    service: Service
    monolith_client: Client
    service_client: Client

    def silent(self, mode: str) -> list[Exchange]:
        return aftermath.expect_silent(self.router, self.sink, self.relay.calls, mode, LANES, Evidence())

    def unchanged(self) -> None:
        aftermath.expect_unchanged(self.monolith_client, self.service_client, READS, COMPARED, "mirroring", Evidence())

    def rolled_back(self) -> Run:
        def drained() -> str:
            self.service.told_all(5)
            return "" if self.sink.forwarded().waiting == 0 else "the inbox refuses"

        return carry_out(self.router, read_rollout(PLAN), SETTING, traffic, ERROR, drained=drained)

    def consistent(self, run: Run) -> None:
        aftermath.expect_consistent(run, self.monolith_client, self.service_client, back, COMPARED, Evidence())


def back(write: Exchange) -> Request | None:
    number = json.loads(write.answered().body)["id"]
    account = dict(write.request.headers)["X-Account"]
    return Request("GET", f"/v1/invoices/{number}", (("X-Account", account),))


@pytest.fixture(scope="module")
def instruments() -> Iterator[tuple[Router, Sink]]:
    router, sink = Router.start(), Sink.start()
    yield router, sink
    router.stop()
    sink.stop()


@pytest.fixture
def stage(instruments: tuple[Router, Sink]) -> Iterator[Stage]:
    router, sink = instruments
    with ExitStack() as stack:
        monolith = Monolith()
        service = Service(monolith, sink.port)
        ports = [stack.enter_context(serving(one.answer)) for one in (monolith, service)]
        stack.enter_context(service.sending())
        relay = Relay.start("monolith", 0, ports[0], "path:1")
        stack.callback(relay.stop)
        service.asks = relay.port
        router.lead(Sides(ports[0], ports[1], "header:X-Account", ("/v1/invoices",), volatile=("/id", "/items/*/id")))
        sink.clear()
        sink.forward(ports[0], "/internal/events")
        yield Stage(router, sink, relay, monolith, service, Client(ports[0]), Client(ports[1]))
        sink.forward(None)
        router.steer("monolith")


@pytest.mark.parametrize("mode", ["shadow", "mirror"])
def test_a_service_that_keeps_nothing_is_silent(stage: Stage, mode: str) -> None:
    exchanges = stage.silent(mode)
    assert len(exchanges) == 4 * len(LANES)
    assert {mode for mode, _ in stage.service.modes} <= {"shadow", mode}
    assert len(stage.service.modes) == (8 if mode == "shadow" else 16)
    stage.unchanged()


def test_a_service_that_publishes_what_it_mirrors_is_found_out(stage: Stage) -> None:
    stage.service.flaws.add("writes-in-mirror")
    with pytest.raises(Failure, match=r"the service published \d+ events while it was in mirror"):
        stage.silent("mirror")


def test_a_service_that_publishes_what_it_only_read_is_found_out(stage: Stage) -> None:
    stage.service.flaws.add("emits-on-read")
    with pytest.raises(Failure, match=r"the service published \d+ events while it was in shadow"):
        stage.silent("shadow")


def test_a_service_that_writes_to_the_monolith_is_found_out(stage: Stage) -> None:
    stage.service.flaws.add("notifies")
    with pytest.raises(Failure, match="the service wrote to the monolith while it was in mirror") as found:
        stage.silent("mirror")
    assert "POST /internal/accounts/account-0" in found.value.received


def test_a_service_that_keeps_what_it_mirrors_is_found_out_by_what_it_knows_later(stage: Stage) -> None:
    stage.service.flaws |= {"writes-in-mirror"}
    stage.service._emit = lambda row, what: None  # type: ignore[method-assign]
    stage.silent("mirror")
    with pytest.raises(Failure, match=r"after mirroring, the service knows something else than the monolith: GET"):
        stage.unchanged()


def test_what_was_written_through_the_service_is_there_after_a_rollback(stage: Stage) -> None:
    run = stage.rolled_back()
    assert run.end == "roll back"
    assert run.kept
    stage.consistent(run)


@pytest.mark.parametrize("flaw", ["forgets", "gives-up"])
def test_what_was_never_told_is_missing_after_a_rollback(stage: Stage, flaw: str) -> None:
    """One service does not tell of payments, the other gives up when the sink is away."""
    stage.service.flaws.add(flaw)
    if flaw == "gives-up":
        stage.sink.shut()
    run = stage.rolled_back()
    stage.sink.reopen()
    with pytest.raises(
        Failure, match=r"after the rollback the monolith does not have what was written .* in \d+ of \d+"
    ):
        stage.consistent(run)


def test_a_rollout_without_a_write_through_the_service_tells_nothing(stage: Stage) -> None:
    stage.service.flaws.add("fails")
    run = carry_out(stage.router, read_rollout(PLAN), SETTING, traffic, HEALTHY)
    with pytest.raises(Inconclusive, match="no caller wrote anything"):
        stage.consistent(run)
