"""findings.yaml can be read, and its plan holds together."""

from __future__ import annotations

import pytest

from assesskit.checks import diagnosis, findings


@pytest.mark.criterion("diagnosis.plan")
def test_the_plan_holds_together(submitted, facts) -> None:
    """Timeouts from the outside in, one edge that repeats calls, a budget, pauses by chance."""
    diagnosis.expect_plan(findings.plan(submitted), diagnosis.Objective(**facts["objective"]))
