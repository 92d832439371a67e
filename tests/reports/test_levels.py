"""Service levels in the reports."""

from __future__ import annotations

import pytest
from tests.reports import samples

from assesskit import reports
from assesskit.model import ServiceLevels
from assesskit.reports import levels


def texts(**changes: object) -> dict[str, str]:
    """The texts of one side by the name of their row."""
    side = samples.side(10.0, failed=0).model_copy(update=changes)
    return {row.name: row.by_side[0] for row in levels.rows(ServiceLevels(objective=0.999, sides={"one": side}))}


@pytest.mark.parametrize(("failed", "burn"), [(0, "0.0 times"), (2, "5.0 times"), (400, "1000.0 times")])
def test_burn_is_the_rate_of_errors_over_what_the_objective_allows(failed, burn):
    """Of 400 requests, with one in a thousand allowed to fail (Google, SRE Workbook, chapter 5)."""
    assert texts(failed=failed)["Error budget burn (objective 99.900%)"] == burn


def test_what_a_runtime_cannot_tell_is_not_known():
    """It is no zero."""
    told = texts(throughput=None, cpu_ms=None, cpu_share=None, memory_bytes=None, memory_share=None)
    assert list(told.values())[2:] == ["not known"] * 4
    assert texts()["Memory at most, of its limit"] == "90 MiB (35%)"


@pytest.mark.parametrize("form", [reports.html, reports.markdown])
def test_both_reports_show_the_levels_of_both_sides(form):
    """Where something was measured; without it there is no such section."""
    text = form(samples.assessment())
    for told in ("Service levels under load", "submission", "reference", "5.0 times", "21.7 ms"):
        assert told in text
    for nothing in (None, ServiceLevels(objective=0.999)):
        assert "Service levels under load" not in form(samples.assessment(levels=nothing))
