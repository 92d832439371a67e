"""Payments that are dead, and come back; last, because a program may leave them alone for a while."""

from __future__ import annotations

import pytest

from assesskit.checks import storms
from assesskit.checks.journey import Journey


@pytest.fixture
def journey(facts) -> Journey:
    """How requests of this exercise look."""
    return Journey(**facts["journey"])


@pytest.mark.criterion("production.retry-amplification")
def test_dead_payments_are_not_stormed(service, relays, journey, evidence) -> None:
    """Hardly more calls than requests."""
    storms.expect_few_calls(service, relays["payments"], journey, evidence, before=[relays["checkout"]])


@pytest.mark.criterion("production.recovery")
def test_checkouts_succeed_again_soon_after_an_outage(service, relays, journey, evidence) -> None:
    """Within ten seconds of the return of payments."""
    storms.expect_recovery(service, relays["payments"], journey, evidence)
