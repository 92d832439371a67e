"""Calls by request, and the timeline of a rollout."""

from __future__ import annotations

import pytest
from markupsafe import Markup
from tests.reports import hostile, pieces, samples
from tests.reports.test_charts import drawn

from assesskit import reports
from assesskit.model import Evidence
from assesskit.reports import plots
from assesskit.reports.evidence import Call, Relay

TEXT = "minute 1, 5 %: hold: the step is not over\nminute 10, 5 %: promote: it holds\nminute 12, 25 %: roll back: p95"


def texts(chart: Markup) -> list[str]:
    return [each.text or "" for each in drawn(chart, "text")]


@pytest.mark.parametrize(
    "text", ["", "minute, 5 %: hold", "minute 99999999999, 5 %: hold", "hour 1, 5 %: hold", hostile.HOSTILE]
)
def test_a_note_of_something_else_is_no_rollout(text: str):
    assert plots.rollout(text) == ()


def test_a_rollout_ends_where_it_was_taken_back():
    decisions = plots.rollout(TEXT)
    assert [(one.minute, one.percent, one.what) for one in decisions] == [
        (1, 5, "hold"), (10, 5, "promote"), (12, 25, "roll back")
    ]  # fmt: skip
    chart = plots.timeline(decisions)
    assert "rolled back" in texts(chart)
    assert drawn(chart, "path")[0].attrib["d"].endswith("V130.0H670.0"), "no traffic is left"


def test_a_request_has_a_bar_as_long_as_its_calls():
    calls = Relay.model_validate(pieces.relay().data).calls
    chart = plots.calls([*calls, Call(at=1, method="GET", path="/stock")])
    assert [text for text in texts(chart) if text in ("SKU-1042", "GET /stock")] == ["SKU-1042", "GET /stock"]
    widths = [float(rect.attrib["width"]) for rect in drawn(chart, "rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


def test_no_more_rows_than_fit():
    chart = plots.calls([Call(at=0, method="GET", path=f"/{index}") for index in range(500)])
    assert len(drawn(chart, "rect")) == plots.MAX_ROWS


def test_both_are_in_the_report():
    note = Evidence(kind="note", title="The rollout of a faulty version", data={"text": TEXT})
    seen = samples.observation("contract.errors", evidence=(note, pieces.relay()))
    held = samples.result(samples.criterion("contract.errors", "Errors"), "met", "", seen)
    text = reports.html(samples.assessment((held,)))
    assert "Timeline: The rollout of a faulty version" in text
    assert "Calls by request: Calls that reached the inventory" in text
