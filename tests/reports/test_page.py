"""The one page for hiring managers, and what reviews and profiles add to both reports."""

from __future__ import annotations

import pytest
from tests.reports import hostile, people, samples
from tests.reports.reading import Page

from assesskit import reports
from assesskit.judging import Reviewed, Said
from assesskit.model import Gradings, Reliability
from assesskit.reports import views
from assesskit.reports.asking import asked, follow_ups

FORMS = (reports.html, reports.one_page)


@pytest.mark.parametrize("link", ["https://evil.test/", "//evil.test/x", "javascript:alert(1)", "/etc/passwd"])
def test_a_link_to_a_full_report_elsewhere_is_refused(link: str):
    with pytest.raises(ValueError, match="relative path"):
        reports.one_page(samples.assessment(), (), link)


@pytest.mark.parametrize("outcome", ["submission_failed", "harness_failed"])
def test_the_emptiest_assessment_has_a_page_that_says_why(outcome):
    page = Page(reports.one_page(samples.failed(outcome), (people.profile(),)))
    assert page.unclosed == []
    assert "Reason: " in page.text
    if outcome == "harness_failed":
        assert "A fault of the assessment, not of the candidate." in page.text
        assert "not judged" in page.text
        assert "0 of" not in page.text.replace("0 of its", "")


def test_hostile_text_stays_text_on_one_page():
    page = Page(reports.one_page(hostile.assessment(), (people.profile(),)))
    assert page.unclosed == []
    assert not page.tags & {"script", "img", "iframe", "b", "form"} - {"b"}
    assert all(href.startswith(("#", "report.html", "data:,")) for href in page.attributes("href"))


def test_every_criterion_is_on_the_page_one_click_from_its_evidence():
    page = Page(reports.one_page(samples.assessment(), (people.profile(),)))
    anchors = {href.partition("#")[2] for href in page.attributes("href") if href.startswith("report.html#")}
    ids = set(Page(reports.html(samples.assessment())).attributes("id"))
    assert len(anchors) == len(samples.assessment().results)
    assert anchors <= ids
    assert all(each.criterion.title in page.text for each in samples.assessment().results)


def test_the_page_says_what_is_open_and_why_and_how_sure_the_rest_is():
    text = Page(reports.one_page(samples.assessment())).text
    assert "Retries stay within their budget : The relay did not record the attempts" in text.replace(
        "budget:", "budget :"
    )
    assert "How sure this is: these checks graded programs that are known to be right or wrong." in text
    assert "This page does not say whether to hire." in text


def sure(**figures: Reliability) -> str:
    results = samples.all_with("met", "")[:3]
    keys = dict(zip(("first", "second", "third"), (each.criterion.id for each in results), strict=True))
    return views.sureness(samples.assessment(results, reliability={keys[name]: each for name, each in figures.items()}))


def test_false_fails_and_false_passes_are_told_apart_each_by_criterion():
    """Many gradings of right programs say nothing of wrong ones, and verdicts of one grading nothing of each other."""
    told = sure(
        first=Reliability(right=Gradings(graded=150, false=1), wrong=Gradings(graded=1)),
        second=Reliability(right=Gradings(graded=150), wrong=Gradings(graded=40)),
        third=Reliability(right=Gradings(graded=150)),
    )
    assert (
        "Of 450 verdicts on what a program meets, 1 said not met; "
        "for a single criterion the rate is at most 2.0 % at best and 3.1 % at worst." in told
    )
    assert (
        "Of 41 verdicts on what a program misses, 0 said met; for a single criterion the rate is at most 7.2 % at best "
        "and 95.0 % at worst; of 1 of the 3 criteria it was not measured." in told
    )
    assert "0.3 %" not in told
    assert "e+" not in told


def test_one_limit_for_all_is_said_once():
    told = sure(first=Reliability(wrong=Gradings(graded=1, false=1)))
    assert "Verdicts on what a program meets were not measured." in told
    assert (
        "Of 1 verdict on what a program misses, 1 said met; for a single criterion the rate is at most 100.0 %; "
        "of 2 of the 3 criteria it was not measured." in told
    )


def test_what_was_never_measured_has_no_limit():
    told = "How often these verdicts are wrong was not measured for this version of the checks."
    assert sure() == sure(first=Reliability(right=Gradings(ungraded=3))) == told


def test_a_share_is_told_with_how_much_of_the_weight_was_judged():
    text = Page(reports.one_page(samples.assessment(), (people.profile(communication=70),))).text
    assert "too little judged" in text


@pytest.mark.parametrize("form", [*FORMS, reports.markdown])
def test_points_add_up_under_a_later_rubric(form):
    """What is judged and what is left out are together all there is, by the points that count now."""
    held = people.rescored(Reviewed(samples.assessment()), 10)
    assert (held.sum.judged, held.sum.total) == (110, 130)
    told = "Of 130 points in all, 10 await review by people and 10 could not be judged"
    assert told in " ".join(form(held).split())


@pytest.mark.parametrize("form", FORMS)
def test_levels_of_people_count_once_two_are_in(form):
    text = Page(form(people.reviewed(2, 3))).text
    assert "Level 2.5 of 3" in text
    assert "44 of 63 points judged" in text
    assert "judged by people" in text


@pytest.mark.parametrize("form", [*FORMS, reports.markdown])
def test_one_reviewer_alone_is_not_shown(form):
    both = people.reviewed(3, 3)
    text = form(Reviewed(both.assessment, both.entries[:1], chained=True))
    assert "Level 3" not in text
    assert "Kim" not in text


@pytest.mark.parametrize("form", [*FORMS, reports.markdown])
def test_a_broken_chain_is_shown(form):
    broken = Reviewed(samples.assessment(), (), ("line 3 of review.jsonl was changed",), chained=True)
    assert "line 3 of review.jsonl was changed" in form(broken)


@pytest.mark.parametrize("form", [*FORMS, reports.markdown])
def test_a_later_rubric_is_said_to_be_one(form):
    kept = tuple(each.criterion for each in samples.assessment().results)
    said = {"kind": "rubric", "reason": "weights of 2027", "criteria": kept, "rubric_digest": "f" * 64}
    text = form(Reviewed(samples.assessment(), people.entries(said), chained=True))
    assert "scored again under another rubric" in text
    assert "weights of 2027" in text


def test_a_note_is_shown_beside_its_level():
    assert "The price is named." in Page(reports.html(people.reviewed(note="The price is named."))).text


def test_a_question_is_made_from_what_was_seen():
    by = {each.criterion.id: each for each in samples.assessment().results}
    assert asked(by["resilience.timeout"]) == (
        "We saw this: A hanging inventory held the caller for 30.0 s. The exercise asks for: 503 or 504 within 3 s. "
        "How does your code come to that, and who would notice first?"
    )
    assert asked(by["resilience.retry-budget"]).startswith("We could not judge this (The relay did not record")
    assert "you are 8.1 ms from our own implementation, of 15.0 allowed" in asked(by["performance.read-latency"])
    assert asked(by["contract.openapi"]) == ""


def test_reviewers_who_are_apart_are_asked_about():
    apart = people.reviewed(0, 3).now.results
    assert any(asked(each).startswith("Reviewers read this differently (Kim 0 and Lee 3)") for each in apart)
    assert not any("differently" in asked(each) for each in people.reviewed(2, 3).now.results)


def test_the_heaviest_gap_is_asked_about_first():
    found = follow_ups(samples.assessment().results, 3)
    assert [each.criterion.id for each in found] == ["idempotency.concurrent", "resilience.timeout", "contract.errors"]


def test_a_question_has_an_end_however_long_what_was_seen_is():
    held = [each for each in hostile.assessment().results if each.verdict == "not_met"]
    assert len(asked(held[0])) < 700


def test_said_is_strict():
    with pytest.raises(ValueError, match="extra"):
        Said.model_validate({"kind": "level", "at": people.NOW, "author": "K", "reason": "", "levels": 3})
