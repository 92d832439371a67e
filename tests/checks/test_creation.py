"""What a check goes on with is made patiently; so is what a bad moment may hide, for as long as it says."""

from __future__ import annotations

import pytest
from tests.checks.keeping import flawed, fresh

from assesskit.checks import creation
from assesskit.checks.creation import Creation, made, patiently
from assesskit.checks.expect import Failure
from assesskit.checks.services import Service
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay


@flawed("never asks again")
def test_a_service_that_recovers_is_asked_again(service: Service, relay: Relay, order: Creation) -> None:
    """503 says that it recovers: the same creation is sent until it succeeds."""
    relay.script(order.mark, Fault.refuse(), Fault.refuse())
    assert made(service, order).answered().status == 201
    assert len(relay.calls(order.mark)) == 3


def test_patience_ends(service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation, "POLL", 0.01)
    order = fresh()
    relay.script(order.mark, Fault.refuse(), always=True)
    assert patiently(service, order.request(), 0.0).answered().status == 503


def test_another_answer_is_taken_as_it_is(service: Service, relay: Relay, order: Creation) -> None:
    """400 says nothing about a recovery: it comes once, and what is to be made is not made."""
    with pytest.raises(Failure, match="answered 400"):
        made(service, Creation(order.path, order.payload, order.mark, order.token, ""))
    assert relay.calls(order.mark) == []
