"""Traces across the service."""

from __future__ import annotations

import pytest

from assesskit.checks import tracing


@pytest.mark.criterion("tracing.joined")
def test_the_callers_trace_crosses_to_the_inventory(service, dependency, collector, fresh, evidence) -> None:
    """The caller's trace id reaches the dependency, and the service's spans arrive under it."""
    tracing.expect_joined(service, dependency, collector, fresh(), evidence)
