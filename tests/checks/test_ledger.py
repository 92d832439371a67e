"""What was acknowledged beside what was done, with a real relay between the two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.checks.keeping import flawed, fresh
from tests.checks.served import RESOURCE

from assesskit.checks.creation import Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure
from assesskit.checks.http import Request
from assesskit.checks.ledger import Ledger
from assesskit.checks.services import Service
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay


@pytest.fixture
def ledger(service: Service, relay: Relay) -> Ledger:
    relay.clear()
    ledger = Ledger(RESOURCE, relay)
    service.client._record = ledger.record
    return ledger


def test_what_is_asked_for_and_replayed_is_done(service: Service, ledger: Ledger, order: Creation) -> None:
    for creation in (order, order, replace(order, key="another"), fresh()):
        service.send(creation.request())
    ledger.expect_done()


def test_what_failed_was_not_acknowledged(service: Service, relay: Relay, ledger: Ledger, order: Creation) -> None:
    relay.script(order.mark, Fault.refuse(), always=True)
    assert service.send(order.request()).answered().status == 503
    ledger.expect_done()


@flawed("answers only")
def test_what_is_only_acknowledged_is_not_done(service: Service, ledger: Ledger, order: Creation) -> None:
    service.send(order.request())
    with pytest.raises(Failure, match="answered 201, and the dependency had not done the work") as caught:
        ledger.expect_done()
    assert caught.value.exchange is not None


def test_one_call_is_not_two_things(service: Service, ledger: Ledger, order: Creation) -> None:
    """Two creations of one mark need a call each: the second answer is made up here."""
    exchange = service.send(order.request())
    ledger.record(Exchange(replace(order, key="second").request(), exchange.response, "", 0.0))
    with pytest.raises(Failure):
        ledger.expect_done()


@flawed("answers only")
def test_a_new_page_is_clean(service: Service, ledger: Ledger, order: Creation) -> None:
    service.send(order.request())
    ledger.turn()
    ledger.expect_done()


def test_other_answers_are_nobodys_debt(service: Service, ledger: Ledger, order: Creation) -> None:
    """A body that is no JSON, or that names nothing, is another criterion's business."""
    exchange = service.send(order.request())
    for body in (b"{", b"[]", b'{"sku": 3}', b"[" * 100_000):
        ledger.record(Exchange(order.request(body=body), exchange.response, "", 0.0))
    ledger.record(Exchange(Request("POST", "/v1/orders/1/cancel"), exchange.response, "", 0.0))
    ledger.expect_done()


@flawed("one key for the inventory")
def test_a_key_of_two_things_shows_across_pages(service: Service, relay: Relay, ledger: Ledger) -> None:
    """Marks of one key are remembered when what the relay recorded is forgotten."""
    service.send(fresh().request())
    ledger.expect_own_keys(Evidence())
    ledger.turn()
    relay.clear()
    service.send(fresh().request())
    with pytest.raises(Failure, match="two things were asked of the dependency under one Idempotency-Key"):
        ledger.expect_own_keys(Evidence())


def test_each_thing_has_its_own_key(service: Service, relay: Relay, ledger: Ledger, order: Creation) -> None:
    """Asked again after a failure, the key stays; another thing has another."""
    relay.script(order.mark, Fault.reset(forward=True))
    for creation in (order, order, fresh()):
        service.send(creation.request())
    ledger.expect_own_keys(Evidence())
