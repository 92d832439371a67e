from __future__ import annotations

from pathlib import Path

import pytest
from tests.content import tiny

from assesskit import content

ROOT = Path(__file__).parents[2]


def test_the_page_names_every_criterion_with_points_judge_and_anchors(tmp_path):
    page = content.rubric_markdown(content.load(tiny.build(tmp_path), "tiny"))
    assert "| `hello.polite` It greets | API design | 3 | checks |" in page
    assert "| `hello.reasons` It is explained | API design | 1 | a person |" in page
    assert "\n0. none\n1. some\n2. most\n3. all\n" in page
    assert "6 points" in page


def test_a_bar_in_a_title_does_not_break_the_table(tmp_path):
    root = tiny.build(tmp_path, {tiny.RUBRIC: ('"It greets"', '"It greets | waves"')})
    assert "It greets \\| waves | API design" in content.rubric_markdown(content.load(root, "tiny"))


@pytest.mark.parametrize("slug", content.slugs(ROOT))
def test_the_committed_page_is_the_one_the_rubric_gives(slug):
    page = ROOT / "docs" / "rubrics" / f"{slug}.md"
    assert page.read_text(encoding="utf-8") == content.rubric_markdown(content.load(ROOT, slug))
