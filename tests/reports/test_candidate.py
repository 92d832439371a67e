"""A candidate's report says what was asked, judged and seen, and holds nothing that only we may know, at any detail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.reports import hostile, people
from tests.reports.samples import all_with, assessment, criterion, failed, observation, result

from assesskit.judging import Reviewed
from assesskit.model import Assessment
from assesskit.reports import candidate
from assesskit.reports.candidate import CandidateReport, Detail, redacted

FORMS: dict[str, Callable[[CandidateReport], str]] = {
    "html": candidate.html,
    "markdown": candidate.markdown,
    "json": CandidateReport.model_dump_json,
}
CHECK, SENT, EXPECTED, RULE, TRACE, NOTE = (
    f"only-we-know-{word}" for word in ("check", "sent", "exp", "rule", "tb", "note")
)


def written(said: Assessment, detail: Detail, form: str) -> str:
    return str(FORMS[form](redacted(Reviewed(said), detail)))


def secretive(**changes: Any) -> Assessment:
    """A criterion that a public and a hidden check failed, and one that people judge, marked where nobody may look."""
    asked = criterion("contract.errors", "Errors are told well", 4, interviewer=NOTE, questions=(f"{NOTE}?",))
    open_ = observation(
        asked.id, "failed", visibility="public", summary="Open seen", sent="GET /open", expected="open 404"
    )
    shut = observation(
        asked.id,
        "failed",
        check=f"hidden/test_more.py::{CHECK}",
        summary="Shut seen",
        sent=SENT,
        received=SENT,
        expected=EXPECTED,
        rule=RULE,
        detail=TRACE,
    )
    judged = criterion("judged.reasons", "Reasons are given", 3, kind="judged", anchors=(NOTE,) * 4, interviewer=NOTE)
    results = (result(asked, "not_met", "Shut seen", open_, shut), *all_with("met", "")[:1], result(judged, "ungraded"))
    return assessment(results, **changes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("detail", Detail)
def test_nothing_that_only_we_know_is_in_it(detail: Detail, form: str) -> None:
    """No hidden check's name, requests, expectations or traces; no note, question or anchor; no digest, no machine."""
    text = written(secretive(), detail, form)
    for secret in (CHECK, SENT, EXPECTED, RULE, TRACE, NOTE, "hidden/", "sha256:", "docker", "6.18.5"):
        assert secret not in text
    assert "Errors are told well" in text


@pytest.mark.parametrize(
    ("detail", "there", "not_there"),
    [
        (Detail.VERDICTS, (), ("Open seen", "Shut seen", "GET /open")),
        (Detail.FEEDBACK, ("Open seen", "GET /open", "open 404"), ("Shut seen",)),
        (Detail.SEEN, ("Open seen", "GET /open", "Shut seen"), ()),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_each_detail_tells_more(form: str, detail: Detail, there, not_there) -> None:
    """Verdicts; then what public checks saw and what good looks like; then what hidden ones saw, in a line."""
    said = secretive()
    text = written(said, detail, form)
    assert [words for words in there if words not in text] == []
    assert [words for words in not_there if words in text] == []
    good = said.results[0].criterion.feedback
    assert (good in text) == (detail is not Detail.VERDICTS)
    assert said.results[0].criterion.explanation in text


@pytest.mark.parametrize("form", FORMS)
def test_a_program_that_did_not_run_is_told_with_its_own_words(form: str) -> None:
    """The reason and its last lines are the candidate's own output."""
    text = written(failed(), Detail.VERDICTS, form)
    assert "step 4 of the Dockerfile ended with status 1" in text
    assert "No matching distribution found for flask" in text


@pytest.mark.parametrize("form", FORMS)
def test_a_fault_of_ours_is_told_without_our_traceback(form: str) -> None:
    """It costs nothing, and its log is ours."""
    text = written(failed("harness_failed"), Detail.SEEN, form)
    assert "The fault is ours and costs the candidate nothing" in text
    assert "engine's socket" not in text


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_what_a_submission_says_acts_on_nobody(form: str) -> None:
    """Escapes, markup and direction marks are shown, not obeyed."""
    asked = criterion("contract.errors", "Errors are told well", 4)
    bad = observation(asked.id, "failed", visibility="public", summary=hostile.HOSTILE, received=hostile.HOSTILE)
    text = written(assessment((result(asked, "not_met", "", bad),)), Detail.FEEDBACK, form)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if form == "html":
        assert "<script" not in text


def test_points_that_were_not_judged_are_said_to_count_for_nobody() -> None:
    """Judged and total points differ, and the report says why."""
    report = redacted(Reviewed(assessment()))
    assert report.judged < report.total
    assert "counts neither for nor against" in candidate.html(report)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("detail", Detail)
def test_levels_of_people_are_told_and_nobody_who_gave_them(detail: Detail, form: str) -> None:
    """The points are those of every other report; names, single levels and notes of reviewers stay with us."""
    held = people.reviewed(1, 2, names=("Kim-Ann", "Lee-Roy"), note=NOTE)
    report = redacted(held, detail)
    text = FORMS[form](report)
    assert (report.earned, report.judged, report.total) == (held.sum.earned, held.sum.judged, held.sum.total)
    assert "Level 1.5 of 3" in text
    assert "Awaits review" not in text
    assert [word for word in ("Kim-Ann", "Lee-Roy", NOTE) if word in text] == []


def test_a_level_that_only_one_reviewer_set_is_not_told() -> None:
    """Until two are done it awaits review."""
    both = people.reviewed(3, 3)
    report = redacted(Reviewed(both.assessment, both.entries[:1], chained=True))
    assert [line.verdict for line in report.lines if "review" in line.verdict] == ["Awaits review"]


def test_points_are_those_of_the_rubric_that_counts_now() -> None:
    """A later rubric that was applied counts for candidates, too."""
    report = redacted(people.rescored(Reviewed(assessment()), 10))
    assert {line.points for line in report.lines} == {10}
    assert report.total == 10 * len(report.lines)


def test_points_are_written_as_in_every_other_report() -> None:
    """Whole where they are whole, else to one place."""
    held = people.rescored(people.reviewed(2, 3), 10)
    assert f"**{held.sum.earned:.1f} of 120 points judged.**" in candidate.markdown(redacted(held))
    assert "<strong>39 of 57 points judged.</strong>" in candidate.html(redacted(Reviewed(assessment())))
