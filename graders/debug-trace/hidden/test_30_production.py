"""What hurt last night: storms, work for nobody, queues for what is scarce."""

from __future__ import annotations

import pytest

from assesskit.checks import deadlines, saturation, storms
from assesskit.checks.journey import Journey

SAID, LONGEST = 0.6, 2.0


@pytest.fixture
def journey(facts) -> Journey:
    """How requests of this exercise look."""
    return Journey(**facts["journey"])


@pytest.fixture
def serves_again(service, relays, journey):
    """Leave a system behind that serves, whatever was done to those behind it."""
    yield
    for relay in relays.values():
        relay.reset()
    storms.settle(service, journey)


@pytest.mark.criterion("production.queries")
def test_a_hamper_costs_few_statements(service, relays, journey, facts, evidence) -> None:
    """However many parts it has."""
    saturation.expect_few_queries(service, relays["database"], journey, facts["statements"], evidence)


@pytest.mark.criterion("production.pool")
@pytest.mark.usefixtures("serves_again")
def test_the_database_is_used_side_by_side(service, relays, journey, facts, evidence) -> None:
    """As many statements at once as help, and no more than it bears."""
    saturation.expect_pool(service, relays["database"], journey, **facts["sessions"], evidence=evidence)


@pytest.mark.criterion("production.stampede")
@pytest.mark.usefixtures("serves_again")
def test_a_price_is_loaded_once_for_all_who_wait(service, relays, journey, facts, evidence) -> None:
    """Thirty requests at once for the same hamper."""
    saturation.expect_one_load(service, relays["inventory"], journey, facts["loads"], evidence)


@pytest.mark.criterion("production.latency")
@pytest.mark.usefixtures("serves_again")
def test_lines_are_priced_side_by_side(service, relays, journey, evidence) -> None:
    """Eight lines take hardly longer than one."""
    saturation.expect_side_by_side(service, relays["pricing"], journey, evidence)


@pytest.mark.criterion("production.deadline")
@pytest.mark.usefixtures("serves_again")
@pytest.mark.parametrize(("seconds", "said"), [(SAID, True), (LONGEST, False)], ids=["said", "unsaid"])
def test_nobody_works_for_a_caller_that_is_gone(service, relays, journey, evidence, seconds, said) -> None:
    """When the time is over no payment is begun, whether the caller named it or not."""
    inventory, payments = relays["inventory"], relays["payments"]
    deadlines.expect_ends(service, inventory, payments, journey, seconds, evidence, said=said)


@pytest.mark.criterion("production.flaky-success")
def test_a_payment_that_failed_for_a_moment_is_tried_again(service, relays, journey, evidence) -> None:
    """Nearly every checkout succeeds while every twelfth first call fails."""
    storms.expect_flakiness_hidden(service, relays["payments"], journey, evidence)
