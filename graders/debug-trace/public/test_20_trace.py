"""One request, one trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from assesskit.checks import joined
from assesskit.checks.journey import Journey
from assesskit.instruments.jaeger_reading import read

RECORDING = Path("recording/traces.json")
SERVING = ("gateway", "checkout", "pricing", "inventory")


@pytest.mark.criterion("trace.one-trace")
def test_one_request_is_one_trace(service, relays, collector, facts, evidence) -> None:
    """The caller's trace id crosses every edge, and every service's spans arrive under it."""
    journey, recorded = Journey(**facts["journey"]), read(RECORDING.read_bytes())
    joined.expect_one_trace(service, relays, collector, journey, SERVING, recorded, evidence)
