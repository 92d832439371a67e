"""What was reserved, over everything that was asked before."""

from __future__ import annotations

import pytest


@pytest.mark.criterion("idempotency.replay")
def test_no_two_orders_share_a_reservation(ledger, evidence) -> None:
    """The inventory never gets one Idempotency-Key for two orders, before a restart and after it."""
    ledger.expect_own_keys(evidence)
