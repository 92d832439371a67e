"""The report as Markdown."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.reports import hostile, samples

from assesskit import reports
from assesskit.model import Assessment, Variant


def kinds(assessment: Assessment) -> Counter[str]:
    """How often each kind of Markdown token occurs, nested ones included."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(reports.markdown(assessment))
    nested: list[Token] = [child for token in tokens for child in token.children or ()]
    return Counter(token.type for token in [*tokens, *nested])


def test_hostile_text_opens_no_block_link_image_or_html():
    found = kinds(hostile.assessment().model_copy(update={"levels": None}))  # no word of it is a submission's
    assert not found.keys() & {
        "link_open",
        "image",
        "html_inline",
        "html_block",
        "fence",
        "hr",
        "code_inline",
        "em_open",
    }
    assert found["heading_open"] == 1 + 2 + 2 + 1
    assert found["table_open"] == 1
    assert found["tr_open"] == 1 + 2


def test_addresses_are_broken_so_that_nothing_links_them():
    text = reports.markdown(hostile.assessment())
    prose = "\n".join(line for line in text.split("\n") if not line.startswith("    "))
    assert "://" not in prose
    assert "www.evil" not in prose


def test_every_criterion_has_a_row_with_its_verdict_in_words():
    text = reports.markdown(samples.assessment())
    assert kinds(samples.assessment(levels=None))["tr_open"] == 1 + len(samples.assessment().results)
    assert "| Resilience | Retries stay within their budget | Could not be judged | 4 points, not counted |" in text
    assert "**39 of 57 points judged.**" in text


def test_a_harness_fault_says_it_is_ours():
    text = reports.markdown(samples.failed("harness_failed"))
    assert "The fault is ours and costs the candidate nothing." in text
    assert "Not met" not in text


def test_every_automatic_verdict_says_how_often_it_is_wrong():
    text = reports.markdown(samples.assessment())
    assert "How sure this is: wrong in 0 of 150 gradings of programs that meet it (at most 2.0 %)" in text
    assert text.count("How sure this is: not measured for this version of the checks.") == 4


@pytest.mark.parametrize("render", [reports.html, reports.markdown])
def test_a_report_says_which_variant_was_graded(render):
    drawn = samples.assessment(variant=Variant(seed="C-0142", parameters={"domain": "booking", "max_page": "64"}))
    told = " ".join(re.sub(r"<[^>]*>|\\", " ", render(drawn)).split())
    assert all(text in told for text in ("C-0142", "booking", "max page", "64"))
    assert "the default" in render(samples.assessment())
