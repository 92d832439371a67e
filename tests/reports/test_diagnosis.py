"""Before and after, the critical path, and findings against the truth, as a report shows them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports import samples
from tests.reports.test_charts import span

from assesskit.checks.before import AFTER, BEFORE
from assesskit.judging import Reviewed
from assesskit.model import Assessment, Evidence
from assesskit.reports import asking, candidate, critical, diagnosis, pages
from assesskit.reports.evidence import Span

TRUTH = """\
found: nested-retries, 5 of 5 cited spans fit, 14 in the recording would
missed: pool-too-small, 0 of 0 cited spans fit, 9 in the recording would
missed: stampede, 0 of 0 cited spans fit, 3 in the recording would
not there: deadline-ignored, 0 of 2 cited spans fit, 0 in the recording would"""


def told(path: list[critical.Part]) -> list[tuple[str, float, float]]:
    return [(part.span.span_id, part.start, part.end) for part in reversed(path)]


def at(name: str, parent: str | None, start: float, end: float, **changes: Any) -> Span:
    return span(name, parent, start=start, end=end, **changes)


def test_the_path_follows_who_ended_last():
    spans = [at("root", None, 0, 10), at("a", "root", 1, 4), at("b", "root", 2, 8), at("c", "b", 3, 5)]
    expected = [("root", 0, 2), ("b", 2, 3), ("c", 3, 5), ("b", 5, 8), ("root", 8, 10)]
    assert told(critical.path(spans)) == expected


def test_of_calls_side_by_side_only_the_last_to_end_is_waited_for():
    spans = [at("root", None, 0, 10), at("a", "root", 1, 8), at("b", "root", 1, 9)]
    assert told(critical.path(spans)) == [("root", 0, 1), ("b", 1, 9), ("root", 9, 10)]


def test_what_goes_on_after_its_parent_is_not_waited_for():
    spans = [at("root", None, 0, 10), at("late", "root", 8, 20), at("later", "root", 12, 14)]
    assert told(critical.path(spans)) == [("root", 0, 8), ("late", 8, 10)]
    assert told(critical.path([*spans[:1], at("mail", "root", 2, 9, kind="CONSUMER")])) == [("root", 0, 10)]


TREES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 100), st.integers(1, 60)), min_size=1, max_size=30)


@given(TREES)
def test_the_path_covers_the_request_once(drawn: list[tuple[int, int, int]]):
    spans = [at("0", None, 0, 100)]
    for number, (parent, start, length) in enumerate(drawn, start=1):
        spans.append(at(str(number), str(parent % number), start, start + length))
    parts = critical.path(spans)[::-1]
    assert parts[0].start == 0
    assert parts[-1].end == 100
    assert all(one.end == two.start for one, two in itertools.pairwise(parts))
    assert all(part.span.start <= part.start < part.end <= part.span.end for part in parts)
    assert sum(critical.by_service(parts).values()) == pytest.approx(100)


def test_a_ring_has_no_path():
    assert critical.path([at("a", "b", 0, 1), at("b", "a", 0, 1)]) == []


def spans_of(title: str, *rows: Span) -> Evidence:
    return Evidence(kind="spans", title=title, data={"spans": [row.model_dump() for row in rows]})


def assessment(*evidence: Evidence, **changes: Any) -> Assessment:
    wanted = samples.criterion("trace.one-trace", "One request is one trace", competency="observability")
    seen = samples.observation("trace.one-trace", evidence=evidence, **changes)
    verdict = "not_met" if seen.outcome == "failed" else "met"
    result = samples.result(wanted, verdict, "", seen)  # type: ignore[arg-type]  # one of these two
    return samples.assessment().model_copy(update={"results": (result,)})


SPLIT = spans_of(
    BEFORE, at("a", None, 0, 1.5, service="gateway"), at("b", None, 0.2, 1, service="pricing", trace_id="u")
)
JOINED = spans_of(AFTER, at("c", None, 0, 0.3, service="gateway"), at("d", "c", 0.1, 0.2, service="pricing"))


def test_both_sides_of_a_request_are_drawn_beside_each_other_on_one_scale():
    page = pages.html(assessment(SPLIT, JOINED))
    section = page[page.index('id="request"') : page.index('id="criteria"')]
    assert section.count("<svg") == 2
    assert "2 spans in 2 traces, 1.5 s" in section
    assert "2 spans in 1 trace, 300 ms" in section
    assert "gateway 200 ms, pricing 100 ms" in section
    assert section.count(">1.0 s</text>") == 2


def test_one_side_alone_has_no_section():
    assert 'id="request"' not in pages.html(assessment(JOINED))
    assert 'id="request"' not in pages.html(assessment(spans_of(BEFORE), JOINED))


def note(text: str) -> Evidence:
    return Evidence(kind="note", title="The findings against the recording", data={"text": text})


def test_findings_against_the_truth_are_a_table_and_questions():
    seen = assessment(note(TRUTH), outcome="failed", summary="of 2 findings 1 are shown")
    page = pages.html(seen)
    assert "In the recording, and not found" in page
    assert '<td class="number">5 of 5</td>' in page
    asked = asking.asked(seen.results[0])
    assert "pool-too-small and stampede" in asked
    assert "You named deadline-ignored." in asked


def test_no_candidate_reads_the_truth():
    seen = assessment(note(TRUTH), outcome="failed", summary="of 2 findings 1 are shown", visibility="hidden")
    for detail in candidate.Detail:
        page = candidate.html(candidate.redacted(Reviewed(seen), detail))
        assert "stampede" not in page
        assert "pool-too-small" not in page


@pytest.mark.parametrize("text", ["", "found: x", TRUTH + "\nand more", TRUTH.replace("missed", "seen")])
def test_a_note_about_something_else_is_text(text: str):
    assert diagnosis.findings(text) == ()
