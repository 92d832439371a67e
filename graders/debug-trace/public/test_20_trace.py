"""One request, one trace."""

from __future__ import annotations

import pytest

from assesskit.checks import joined
from assesskit.checks.journey import Journey

SERVING = ("gateway", "checkout", "pricing", "inventory")


@pytest.mark.criterion("trace.one-trace")
def test_one_request_is_one_trace(service, relays, collector, facts, evidence) -> None:
    """The caller's trace id crosses every edge, and every service's spans arrive under it."""
    joined.expect_one_trace(service, relays, collector, Journey(**facts["journey"]), SERVING, evidence)
