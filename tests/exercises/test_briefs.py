"""What a brief says by hand about public criteria is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assesskit.content import load, slugs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_a_brief_names_the_starred_criteria_that_hidden_checks_look_at_again(slug: str) -> None:
    """A candidate who sees a criterion met in `check` knows whether that was all."""
    exercise = load(ROOT, slug)
    text = (exercise.folder / exercise.spec.candidate.brief).read_text()
    sentences = re.findall(r"((?:`[a-z.-]+`(?:, | and )?)+) (?:is|are) looked at again", text)
    assert set(re.findall(r"`([a-z.-]+)`", " ".join(sentences))) == exercise.looked_at_again
