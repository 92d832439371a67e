"""Traces that hold together: headers of every kind, parents, messages, errors."""

from __future__ import annotations

import pytest

from assesskit.checks import joined, orphans, storms, telling
from assesskit.checks.exchange import Request
from assesskit.checks.journey import Journey

SERVING = ("gateway", "checkout", "pricing", "inventory")
PUBLISHER, WORKER = "checkout", "worker"


@pytest.fixture
def journey(facts) -> Journey:
    """How requests of this exercise look."""
    return Journey(**facts["journey"])


@pytest.fixture
def serves_again(service, relays, journey):
    """Leave a system behind that serves, whatever was done to payments."""
    yield
    relays["payments"].reset()
    storms.settle(service, journey)


@pytest.mark.criterion("trace.one-trace")
def test_a_stale_header_of_the_other_format_is_ignored(service, relays, journey, evidence) -> None:
    """When traceparent and uber-trace-id arrive together, traceparent counts."""
    joined.expect_stale_header_ignored(service, relays, journey, evidence)


@pytest.mark.criterion("trace.one-trace")
def test_a_malformed_header_costs_nobody_an_answer(service, control, journey) -> None:
    """A header that is none begins a new trace."""
    targets = {control.service("pricing"): Request("GET", f"/prices/{journey.named()}")}
    joined.expect_malformed_ignored({service: journey.fresh().request(), **targets})


@pytest.mark.criterion("trace.parents")
def test_every_hop_is_below_the_call_that_led_to_it(service, relays, collector, journey, evidence) -> None:
    """Twenty requests side by side do not mix, and each call names its own CLIENT span."""
    joined.expect_parents(service, relays, collector, journey, SERVING, evidence)


@pytest.mark.criterion("trace.no-orphans")
def test_no_span_is_without_its_parent(service, relays, collector, journey, world, evidence) -> None:
    """After a burst, sampled or not, what arrived is whole."""
    agents = list(world.instruments.values())
    orphans.expect_no_orphans(service, relays, collector, journey, SERVING, agents, evidence)


@pytest.mark.criterion("trace.error-status")
@pytest.mark.usefixtures("serves_again")
def test_what_failed_says_so(service, relays, collector, journey, evidence) -> None:
    """A failed payment is an error to the caller and in the spans; an unknown hamper is none."""
    telling.expect_error_status(service, relays["payments"], relays["checkout"], collector, journey, evidence)


@pytest.mark.criterion("trace.consumer-linked")
def test_a_message_belongs_to_the_request_that_left_it(service, collector, journey, evidence) -> None:
    """The worker's span is below the one that published, or linked to it."""
    telling.expect_consumer_linked(service, PUBLISHER, WORKER, collector, journey, evidence)


@pytest.mark.criterion("safety.logs-correlated")
def test_lines_can_be_found_by_the_trace(service, control, collector, journey, evidence) -> None:
    """Whoever sends spans of a request has a line of JSON with its trace id."""
    parts = (*SERVING, WORKER)
    telling.expect_correlated(service, collector, journey, control, parts, evidence)
