"""The report as a page: complete, self-contained, and inert whatever a submission wrote."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest
from tests.reports import hostile, pieces, samples
from tests.reports.reading import Page

from assesskit import reports
from assesskit.model import Assessment, Evidence

ALL = {
    "graded": samples.assessment(),
    "submission failed": samples.failed(),
    "harness failed": samples.failed("harness_failed"),
    "hostile": hostile.assessment(),
    "empty": samples.assessment(()),
}


@pytest.mark.parametrize("assessment", ALL.values(), ids=ALL)
def test_a_page_nests_its_elements_and_has_each_landmark_once(assessment: Assessment):
    page = Page(reports.html(assessment))
    tags = [tag for tag, _ in page.elements]
    assert page.unclosed == []
    assert [tags.count(tag) for tag in ("html", "main", "h1", "footer", "nav")] == [1] * 5
    assert page.elements[0] == ("html", {"lang": "en", "dir": "ltr"})


@pytest.mark.parametrize("assessment", ALL.values(), ids=ALL)
def test_no_heading_skips_a_level(assessment: Assessment):
    levels = [int(tag[1]) for tag, _ in Page(reports.html(assessment)).elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))


@pytest.mark.parametrize("assessment", ALL.values(), ids=ALL)
def test_ids_are_unique_and_every_link_leads_to_one_of_them(assessment: Assessment):
    page = Page(reports.html(assessment))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    named = [target for value in page.attributes("aria-labelledby") for target in value.split()]
    linked = [href.removeprefix("#") for href in page.attributes("href") if href != "data:,"]
    assert set(named) | set(linked) <= set(ids)


@pytest.mark.parametrize("assessment", ALL.values(), ids=ALL)
def test_a_page_runs_nothing_and_loads_nothing(assessment: Assessment):
    page = Page(reports.html(assessment))
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "form", "base", "foreignobject", "image"}
    assert page.attributes("src") == page.attributes("style") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_the_content_policy_allows_the_one_style_sheet_and_nothing_else():
    text = reports.html(samples.assessment())
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = next(each["content"] for _, each in Page(text).elements if each.get("http-equiv"))
    assert len(style) == 1
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"url\((?!#)|@import", style[0])


def test_hostile_text_adds_no_element_and_no_attribute_of_its_own():
    tame = Page(reports.html(samples.assessment()) + reports.html(samples.failed()))
    wild = Page(reports.html(hostile.assessment()))
    allowed = {(tag, name) for tag, attributes in tame.elements for name in attributes}
    assert {(tag, name) for tag, attributes in wild.elements for name in attributes} <= allowed
    assert wild.tags <= tame.tags
    assert "<script>alert(1)</script>" in wild.text


def test_what_cannot_be_seen_is_shown_by_name():
    text = reports.html(hostile.assessment())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\u2028\U000e0041]", text)
    assert all(shown in text for shown in ("⟨U+001B⟩[2J", "⟨U+202E⟩txt.exe", "⟨U+200B⟩", "⟨U+E0041⟩"))


def test_a_lone_surrogate_in_evidence_leaves_the_page_writable():
    odd = Evidence(kind="note", title="odd", data={"text": "a\ud800b"})
    seen = samples.observation("contract.errors", evidence=(odd,))
    held = samples.result(samples.criterion("contract.errors", "Errors"), "met", "", seen)
    assert "⟨U+D800⟩" in reports.html(samples.assessment((held,))).encode().decode()


def test_template_syntax_in_text_is_not_evaluated():
    assert "1337" not in Page(reports.html(hostile.assessment())).text


def test_long_text_is_cut_and_says_how_much_is_missing():
    text = reports.html(hostile.assessment())
    assert "more characters in assessment.json" in text
    assert "x" * 10_000 not in text


def test_every_verdict_is_a_word_beside_its_icon():
    page = Page(reports.html(samples.assessment()))
    for words in ("Met", "Not met", "Could not be judged", "Awaits review"):
        assert f"{words} " in page.text
    uses = [attributes["href"] for tag, attributes in page.elements if tag == "use"]
    assert set(uses) == {"#icon-met", "#icon-not_met", "#icon-ungraded", "#icon-leveled"}


def test_points_are_out_of_what_could_be_judged_and_the_rest_is_named():
    text = Page(reports.html(samples.assessment())).text
    assert "39 of 57 points judged" in text
    assert "Of 67 points in all, 6 await review by people and 4 could not be judged" in text
    assert "Retries stay within their budget 4 points, not counted: The relay did not record the attempts" in text
    assert "Our relay stopped recording in the middle of the check; this is our fault" in text


def test_a_harness_fault_says_it_is_ours_and_shows_no_lost_point():
    text = Page(reports.html(samples.failed("harness_failed"))).text
    assert "Our harness failed during the checks. The fault is ours and costs the candidate nothing." in text
    assert "No points were judged" in text
    assert "0 not met" in text
    assert not re.search(r"\b0 of [1-9]\d* points?\b", text)


def test_a_failed_submission_shows_its_phase_reason_and_last_lines():
    text = Page(reports.html(samples.failed())).text
    assert "The submission failed during the build" in text
    assert "step 4 of the Dockerfile ended with status 1" in text
    assert "No matching distribution found for flask==99" in text


def test_feedback_of_a_failed_check_stands_outside_what_must_be_opened():
    text = reports.html(samples.assessment())
    outside = Page(re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)).text
    for seen in ("Two simultaneous creates with one key reserved stock twice", "one reservation; the other request"):
        assert seen in outside


def test_questions_begin_with_what_was_not_met_and_say_what_was_seen():
    text = reports.html(samples.assessment())
    asked = Page(text[text.index('<h2 id="h-questions') :].partition("</section>")[0]).text
    order = [asked.index(title) for title in ("Simultaneous retries", "Retries stay", "Every response conforms")]
    assert order == sorted(order)
    assert "We saw this: A hanging inventory held the caller for 30.0 s. The exercise asks for: 503 or 504" in asked
    assert "A good answer has: The decision is made where the data is" in asked


def test_every_kind_of_evidence_is_drawn():
    text = Page(reports.html(samples.assessment())).text
    assert "POST /v1/orders Authorization: Bearer [redacted]" in text
    assert "location: /v1/orders/ord_02" in text
    assert "delay 0.2 s" in text
    assert "220 ms error" in text
    assert "8.1 ms , 95 % interval 7.2 to 9.3 ms; budget 15.0 ms" in text.replace("ms,", "ms ,")
    assert "inventory timeout" in text
    assert "30.02 s limit 3.0 s" in text
    assert "One worker process served all requests." in text


@pytest.mark.parametrize(
    "odd",
    [
        Evidence(kind="spans", title="no spans", data={"spans": "none"}),
        Evidence(kind="latency", title="half", data={"budget_ms": 3}),
        Evidence(kind="exchange", title="empty", data={}),
        Evidence(kind="latency", title="endless", data=pieces.latency().data | {"high_ms": float("inf")}),
    ],
    ids=lambda odd: odd.title,
)
def test_evidence_of_another_shape_is_shown_as_it_was_recorded(odd: Evidence):
    seen = samples.observation("contract.errors", evidence=(odd,))
    held = samples.result(samples.criterion("contract.errors", "Errors"), "met", "", seen)
    assert "shown as it was recorded" in Page(reports.html(samples.assessment((held,)))).text


@pytest.mark.parametrize(("kind", "key"), [("spans", "spans"), ("relay", "calls"), ("log", "lines")])
def test_empty_evidence_is_no_error(kind: str, key: str):
    empty = Evidence.model_validate({"kind": kind, "title": "nothing", "data": {key: []}})
    seen = samples.observation("contract.errors", evidence=(empty,))
    held = samples.result(samples.criterion("contract.errors", "Errors"), "met", "", seen)
    assert "1 piece of evidence" in reports.html(samples.assessment((held,)))


def test_a_run_without_isolation_is_said_to_be_one():
    info = samples.assessment().runtime.model_copy(update={"isolated": False, "name": "process"})
    assert "Ran without isolation" in reports.html(samples.assessment(runtime=info))


def test_the_page_carries_every_digest():
    held = samples.assessment()
    text = reports.html(held)
    for digest in (held.submission.digest, held.exercise.graders_digest, held.digest(), *held.images.values()):
        assert digest in text


def test_a_long_log_is_shown_from_its_end():
    failure = samples.failed().failure
    assert failure is not None
    long = failure.model_copy(update={"log": "first line\n" + "step\n" * 5000 + "the reason"})
    text = reports.html(samples.failed().model_copy(update={"failure": long}))
    assert "first line" not in text
    assert "the reason" in text


def test_a_reason_that_the_check_already_says_is_said_once():
    seen = samples.observation("contract.errors", "failed", summary="It answered 200", sent="GET /", received="200")
    held = samples.result(samples.criterion("contract.errors", "Errors"), "not_met", "It answered 200", seen)
    assert "Why this verdict" not in reports.html(samples.assessment((held,)))


def test_every_automatic_verdict_says_how_often_it_is_wrong():
    text = reports.html(samples.assessment())
    measured = "in 0 of 150 gradings of programs that meet it (at most 2.0 %)"
    assert f"Wrong {measured} and in 0 of 40 gradings of programs that do not (at most 7.2 %); could not" in text
    assert "in 1 of 150 gradings of programs that meet it (at most 3.1 %)" in text
    assert text.count("<dt>How sure this is</dt><dd>") == len(samples.assessment().results) - 1 + 1, "and the glossary"


def test_what_was_not_measured_says_so():
    text = reports.html(samples.assessment(reliability={}))
    assert "Not measured for this version of the checks." in text
    assert "gradings of programs" not in text
