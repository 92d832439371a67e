"""What customers get: good requests as before, and the right answers to bad ones."""

from __future__ import annotations

import pytest

from assesskit.checks import regression
from assesskit.checks.journey import Journey


@pytest.mark.criterion("safety.no-regression")
def test_the_api_behaves_as_before(service, control, relays, facts, evidence) -> None:
    """Sums are right, a customer is charged once and exactly that, and what cannot be served is refused as ever."""
    journey = Journey(**facts["journey"])
    regression.expect_as_before(service, control, relays, journey, regression.Ledgers(**facts["ledgers"]), evidence)
