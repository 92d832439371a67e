"""A dependency that hangs, fails, and comes back."""

from __future__ import annotations

import uuid

import pytest

from assesskit.checks import resilience, retrying
from assesskit.instruments.relay import Fault

pytestmark = pytest.mark.usefixtures("settles")
LONGEST = 3.0


@pytest.mark.criterion("resilience.retry-budget")
def test_a_refusal_is_taken_for_an_answer(service, dependency, fresh, resource) -> None:
    """What the inventory has not enough of, it is not asked for again."""
    refused = [fresh(**{resource.mark: resource.unavailable}) for _ in range(3)]
    retrying.expect_refusal_taken(service, dependency, refused)


@pytest.mark.criterion("resilience.timeout")
@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        ("accepts the call and never answers", Fault.hang()),
        ("sends its answer drop by drop", Fault.slow_body(6.0)),
        ("breaks its answer off", Fault.truncate()),
        ("answers 201 with a body that is no JSON", Fault.malformed()),
        ("answers 200 without a reservation", Fault.status(200)),
        ("answers 201 without a reservation", Fault.status(201)),
        ("answers 404", Fault.status(404)),
        ("answers 500", Fault.status(500)),
    ],
    ids=["silent", "slow", "truncated", "malformed", "empty", "hollow", "unknown", "broken"],
)
def test_an_inventory_in_trouble_costs_a_bounded_wait(service, dependency, fresh, trouble, fault) -> None:
    """Whatever the inventory does instead of a reservation: 503 or 504 in time."""
    creation = fresh()
    dependency.script(creation.mark, fault, always=True)
    resilience.expect_bounded_wait(service, creation, LONGEST, trouble)


@pytest.mark.criterion("resilience.timeout")
def test_an_inventory_that_is_gone_costs_a_bounded_wait(service, dependency, fresh) -> None:
    """Nobody listens at its address: 503 or 504 in time."""
    dependency.shut()
    resilience.expect_bounded_wait(service, fresh(), LONGEST, "refuses every connection")


@pytest.mark.criterion("resilience.retry-budget")
def test_a_flaky_inventory_is_asked_again(service, dependency, fresh, evidence) -> None:
    """A call that fails for a moment does not fail the order."""
    retrying.expect_flakiness_hidden(service, dependency, fresh, evidence)


@pytest.mark.criterion("resilience.retry-budget")
def test_a_dead_inventory_is_not_stormed(service, dependency, resource, tokens, evidence) -> None:
    """Retries are a small share of all calls, whoever calls."""
    retrying.expect_few_calls(
        service, dependency, lambda: resource.fresh(tokens.mint(subject=str(uuid.uuid4()))), evidence
    )
