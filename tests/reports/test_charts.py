"""Charts: valid, to scale, and bounded whatever they are given."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from markupsafe import Markup
from tests.reports import hostile, pieces, samples

from assesskit.judging import summed
from assesskit.reports import charts, drawing, views
from assesskit.reports.evidence import Latency, Side, Span, Spans


def drawn(chart: Markup, tag: str) -> list[Element]:
    return list(fromstring(chart).iter(tag))


def span(identity: str, parent: str | None = None, **changes: Any) -> Span:
    values = {"trace_id": "t", "span_id": identity, "parent_id": parent, "name": identity, "start": 0, "end": 1}
    return Span.model_validate(values | changes)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 26.3), (-3, 1e9), (0, 0), (5, 5 + 1e-12), (-1e12, 1e12), (0.001, 0.0013)]
)
def test_ticks_are_few_and_inside_the_scale(low: float, high: float):
    ticks = list(drawing.Scale(low, high, 0, 100).ticks())
    assert len(ticks) <= 12
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_a_value_outside_the_scale_lands_on_its_edge():
    scale = drawing.Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 1e12)] == [100, 100, 150, 200, 200]


def test_segments_are_as_long_as_their_points():
    group = views.by_competency(samples.assessment())[0]
    widths = [float(rect.attrib["width"].rstrip("%")) for rect in drawn(charts.verdict_bar(group.results, 20), "rect")]
    assert widths == pytest.approx([0.994 * 100 * points / 20 for points in (4, 6, 4)], abs=0.01)


def test_each_segment_says_its_criterion_and_verdict_in_words():
    group = views.by_competency(samples.assessment())[1]
    titles = [title.text for title in drawn(charts.verdict_bar(group.results, 20), "title")]
    assert titles == [
        "A hanging dependency costs a bounded wait: Not met",
        "Retries stay within their budget: Could not be judged",
    ]


def test_the_score_bar_leaves_out_what_is_nothing():
    classes = [rect.attrib["class"] for rect in drawn(charts.score_bar(summed(samples.failed().results)), "rect")]
    assert classes == ["bar not_met"]


def test_children_stand_below_their_parent_and_further_in():
    chart = charts.waterfall(Spans.model_validate(pieces.spans().data).spans)
    names = [text for text in drawn(chart, "text") if text.attrib["class"] == "name"]
    assert [text.text for text in names][:3] == [
        "gateway: POST /v1/orders",
        "orders: POST /v1/orders",
        "orders: SELECT idempotency_keys",
    ]
    assert [float(text.attrib["x"]) for text in names] == [0, 12, 24, 24, 36, 24]


def test_a_ring_of_parents_and_a_lost_parent_still_show_every_span_once():
    chart = charts.waterfall([span("a", "b"), span("b", "a"), span("c", "gone"), span("d", "d")])
    names = [text.text or "" for text in drawn(chart, "text") if text.attrib["class"] == "name"]
    assert sorted(names) == ["a", "b", "c", "d"]


def test_more_spans_than_fit_are_cut():
    rows = drawn(charts.waterfall([span(f"s{index}") for index in range(500)]), "rect")
    assert len(rows) == charts.MAX_SPANS


def test_a_failed_span_says_error_in_words():
    words = [text.text or "" for text in drawn(charts.waterfall([span("a", status="ERROR")]), "text")]
    assert "1.0 s error" in words


def test_forged_times_stay_inside_the_drawing():
    chart = charts.waterfall([span("a", start=-1e12, end=1e12), span("b", start=5, end=-5)])
    for rect in drawn(chart, "rect"):
        assert 0 <= float(rect.attrib["x"]) <= drawing.WIDTH
        assert 0 < float(rect.attrib["width"]) <= drawing.WIDTH


def test_hostile_names_are_text_in_a_valid_drawing():
    texts = drawn(charts.waterfall([span("a", name=hostile.HOSTILE[:40], service="s")]), "text")
    assert any("<script>" in (text.text or "") for text in texts)


def test_the_distribution_ends_at_everything_and_starts_at_nothing():
    side = Side(p50=2, p95=3, p99=4, count=3, samples_ms=(1, 2, 4))
    path = drawn(charts.distribution({"submission": side}), "path")[0].attrib["d"]
    assert path.startswith("M52.0 180.0")
    assert "V14.0" in path


def test_a_side_without_samples_or_time_is_no_error():
    still = Side(p50=0, p95=0, p99=0, count=0)
    assert drawn(charts.distribution({"submission": still}), "path")


def test_the_interval_holds_its_point_and_the_budget_is_marked():
    chart = charts.difference(Latency.model_validate(pieces.latency().data))
    interval, point = drawn(chart, "rect")
    left, middle = float(interval.attrib["x"]), float(point.attrib["x"])
    assert left < middle < left + float(interval.attrib["width"])
    assert "budget 15 ms" in [text.text for text in drawn(chart, "text")]
