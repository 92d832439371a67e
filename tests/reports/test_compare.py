"""Several assessments side by side: only those that can be compared."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.reports import hostile, people, samples
from tests.reports.reading import Page

from assesskit import reports
from assesskit.judging import Reviewed
from assesskit.model import Assessment, RuntimeInfo, ServiceLevels
from assesskit.reports.cohort import Cohort, Marked, cohort, row, titles_of
from assesskit.reports.impact import Group, Impact
from assesskit.weighting import Held


def named(name: str, **changes: Any) -> Assessment:
    first = samples.assessment(run=f"run-{name}", **changes)
    return first.model_copy(update={"submission": first.submission.model_copy(update={"name": name})})


def exercise(**changes: str) -> Any:
    return samples.assessment().exercise.model_copy(update=changes)


def compared(*given: Assessment | Reviewed, marked: tuple[Marked, ...] = (), roles: bool = True) -> Cohort:
    held = [each if isinstance(each, Reviewed) else Reviewed(each) for each in given]
    rows = [row(each) for each in held]
    titles = {made.terms: titles_of(each) for made, each in zip(rows, held, strict=True)}
    return cohort(
        rows, marked, (people.profile(), people.profile("lead", "Lead", resilience=90)) if roles else (), titles
    )


def slow(factor: float) -> ServiceLevels:
    levels = samples.assessment().levels
    assert levels is not None
    reference = levels.sides["reference"]
    assert reference.cpu_ms is not None
    sides = levels.sides | {"reference": reference.model_copy(update={"cpu_ms": reference.cpu_ms * factor})}
    return levels.model_copy(update={"sides": sides})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exercise": exercise(slug="other")}, "another exercise: other, not build-service"),
        ({"exercise": exercise(version="2.0.0")}, "another version: 2.0.0, not 1.0.0"),
        ({"exercise": exercise(digest="sha256:x")}, "another exercise's files: sha256:x"),
        ({"exercise": exercise(graders_digest="sha256:x")}, "another checks: sha256:x"),
        ({"exercise": exercise(rubric_digest="sha256:x")}, "`assesskit rescore --rubric` brings it up to date"),
        ({"runtime": RuntimeInfo(name="process", version="1", isolated=False)}, "another runtime: process, not docker"),
        ({"levels": slow(2.0)}, "measured on another machine, 2.0 times slower for our own implementation"),
        ({"levels": slow(0.4)}, "measured on another machine, 2.5 times faster for our own implementation"),
        ({"outcome": "harness_failed"}, "our harness failed: grade it again"),
    ],
)
def test_what_cannot_be_compared_is_named_with_why(changes: dict[str, Any], why: str):
    found = compared(named("A"), named("B"), named("odd", **changes), named("C"))
    assert [each.name for each in found.rows] == ["A", "B", "C"]
    assert [each.name for each in found.marked] == ["odd"]
    assert why in found.marked[0].why
    assert why in Page(reports.comparison(found)).text


def test_a_machine_that_is_a_little_slower_is_compared():
    assert len(compared(named("A"), named("B"), named("C", levels=slow(1.4))).rows) == 3


def test_one_that_was_not_measured_under_load_is_compared():
    assert len(compared(named("A"), named("B", levels=None)).rows) == 2
    assert len(compared(named("A", levels=None)).rows) == 1


def test_a_run_that_is_there_twice_counts_once():
    found = compared(named("A"), named("A"))
    assert ([each.name for each in found.rows], found.marked[0].why) == (["A"], "the same run is here twice")


def test_nothing_to_compare_is_said():
    assert "No assessment was given that can be compared." in reports.comparison(compared())
    page = Page(reports.comparison(compared(marked=(Marked("odd", "is not JSON"),))))
    assert "is not JSON" in page.text


def test_rows_stand_in_the_order_given_whatever_the_points():
    worst = named(
        "Z", results=tuple(each.model_copy(update={"verdict": "not_met"}) for each in samples.assessment().results)
    )
    text = reports.comparison(compared(worst, named("B"), named("A")))
    heat = text[text.index('id="h-heat"') : text.index('id="h-orders"')]
    assert re.findall(r"<bdi>(.+?)</bdi>", heat) == ["Z", "B", "A"]


def test_every_cell_of_the_heat_map_has_a_word_or_a_dash():
    page = Page(reports.comparison(compared(named("A"))))
    cells = [each for tag, each in page.elements if tag == "td" and "heat-" in each.get("class", "")]
    assert len(cells) == len(samples.COMPETENCIES)
    assert "33 %" in page.text or "60 %" in page.text
    assert "\N{EN DASH}" in page.text


def test_an_order_is_told_with_how_firm_it_is():
    better = named(
        "better", results=tuple(each.model_copy(update={"verdict": "met"}) for each in samples.assessment().results)
    )
    found = compared(named("A"), better)
    assert [place.place if place else None for place in found.orders[0].places] == [2, 1]
    assert found.orders[0].firm == 2
    assert "the order, with bands (2 of 2 firm)" in Page(reports.comparison(found)).text


def test_agreement_and_each_reviewer_are_told():
    found = compared(
        people.reviewed(2, 2, named("A")), people.reviewed(0, 1, named("B")), people.reviewed(3, 3, named("C"))
    )
    text = Page(reports.comparison(found)).text
    assert "2 of 3 pairs of levels are the same (67 %), 3 at most one apart" in text
    assert "Kim 3 3 -0.33" in text
    assert "Lee 3 3 +0.33" in text
    assert "Nothing here was judged by two people yet." in Page(reports.comparison(compared(named("A")))).text


def test_a_level_that_was_adopted_from_another_is_no_agreement():
    """Agreement is of what was said before anybody could see a level; points follow the last."""
    first = people.reviewed(0, 3, named("A"))
    adopted = first.entries[0].model_copy(update={"level": 3, "reason": "adopts what Lee said"})
    found = compared(replace(first, entries=(*first.entries, adopted)))
    assert (found.agreement.pairs, found.agreement.same) == (1, 0)
    assert [each.offset for each in found.consistency] == [-3, 3]
    assert "as they were before anybody could see another's" in Page(reports.comparison(found)).text


def test_levels_that_are_still_closed_are_in_no_figure():
    both = people.reviewed(3, 3, named("A"))
    found = compared(Reviewed(both.assessment, both.entries[:1], chained=True))
    assert found.consistency == ()


def test_a_changed_record_is_marked_and_still_compared():
    found = compared(Reviewed(named("A"), (), ("line 2 was changed",), chained=True), named("B"))
    assert Page(reports.comparison(found)).text.count("check the record: see its report") == 1


def test_the_four_fifths_table_says_what_is_below():
    found = Impact((Group("a", 10, 9, 0.9, 1.0), Group("b", 10, 5, 0.5, 0.5 / 0.9), Group("c", 2, 1, None, None)), 3, 1)
    text = Page(reports.comparison(compared(named("A")), found)).text
    assert "b 10 50 % 56 % below: look at the process" in text
    assert "c 2 \N{EN DASH} \N{EN DASH} too few to say" in text
    assert (
        "3 people with a record here and in no group; 1 in the file and without a record here that can be read." in text
    )


def test_hostile_names_and_reasons_are_inert():
    found = compared(hostile.assessment(), marked=(Marked(hostile.HOSTILE, hostile.HOSTILE),))
    page = Page(reports.comparison(found, Impact((Group(hostile.HOSTILE, 9, 9, 1.0, 1.0),), 0, 0)))
    assert page.unclosed == []
    assert not page.tags & {"script", "img", "iframe", "form"}


@pytest.mark.parametrize("link", ["https://evil.test/", "//evil.test/x", "javascript:alert(1)", "/etc/passwd"])
def test_a_link_to_anywhere_else_is_refused(link: str):
    made = row(Reviewed(named("A")), link)
    with pytest.raises(ValueError, match="relative path"):
        reports.comparison(cohort([made], (), (), {}))


def test_a_thousand_stand_on_one_page():
    """Each with its row in the heat map and its place; `make bench` says how long it takes."""
    first = row(Reviewed(named("0")))
    rows = [
        replace(
            first,
            name=f"C-{index}",
            run=f"r{index}",
            held={**first.held, "resilience": Held(earned=index % 11, judged=10 + index % 7, total=17)},
        )
        for index in range(1000)
    ]
    found = cohort(rows, (), (people.profile(),), {})
    text = reports.comparison(found)
    assert len(found.orders[0].places) == 1000
    assert text.count("<bdi>C-") == 2 * 1000 + 20, "heat map, places, and who stands first"
    assert len(text) < 2_000_000


def test_many_assessments_are_not_laid_out_criterion_by_criterion():
    few = reports.comparison(compared(*(named(str(index)) for index in range(12))))
    many = reports.comparison(compared(*(named(str(index)) for index in range(13))))
    assert "Criterion by criterion" in few
    assert "Criterion by criterion" not in many
