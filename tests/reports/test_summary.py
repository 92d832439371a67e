"""Several gradings side by side."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.reports import hostile, samples
from tests.reports.reading import Page

from assesskit import reports
from assesskit.model import Assessment


def named(name: str, **changes: Any) -> Assessment:
    first = samples.assessment(run=f"run-{name}", **changes)
    return first.model_copy(update={"submission": first.submission.model_copy(update={"name": name})})


def other_checks(name: str) -> Assessment:
    exercise = samples.assessment().exercise.model_copy(update={"graders_digest": "sha256:other"})
    return named(name, exercise=exercise)


def test_columns_keep_the_order_given_whatever_the_points():
    worst = samples.failed().model_copy(update={"run": "run-z"})
    text = reports.summary([worst, named("B"), named("A")], {})
    assert re.findall(r"<bdi>(.+?)</bdi>", text) == ["C-0142", "B", "A"]


def test_every_criterion_has_a_row_and_every_cell_a_word():
    page = Page(reports.summary([named("A"), named("B")], {}))
    badges = [each for tag, each in page.elements if tag == "span" and each.get("class", "").startswith("badge")]
    assert len(badges) == 2 * len(samples.assessment().results)
    assert all(word in page.text for word in ("Met", "Not met", "Could not be judged", "Awaits review"))


def test_what_was_not_checked_alike_stands_in_another_table():
    page = Page(reports.summary([named("A"), other_checks("B"), named("C")], {}))
    assert [tag for tag, _ in page.elements].count("table") == 2
    assert "Only what is in the same table can be compared." in page.text


def test_a_submission_links_to_its_report_by_a_relative_path_only():
    page = Page(reports.summary([named("A"), named("B")], {"run-A": "A run/report.html"}))
    assert [href for href in page.attributes("href") if "report" in href] == ["A%20run/report.html"]


@pytest.mark.parametrize("link", ["https://evil.test/", "//evil.test/x", "javascript:alert(1)", "/etc/passwd"])
def test_a_link_to_anywhere_else_is_refused(link: str):
    with pytest.raises(ValueError, match="relative path"):
        reports.summary([named("A")], {"run-A": link})


def test_points_that_were_not_judged_are_named_beside_the_sum():
    assert "39 of 57 (10 not judged)" in Page(reports.summary([named("A")], {})).text


def test_hostile_names_are_inert():
    page = Page(reports.summary([hostile.assessment()], {}))
    assert page.unclosed == []
    assert not page.tags & {"script", "img"}


def test_no_grading_is_said_to_be_none():
    assert "No grading was given." in reports.summary([], {})
