"""Golden texts hold nothing that differs between two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from assesskit.prove.golden import normal

GOLDEN = sorted((Path(__file__).parents[2] / "exercises").glob("*/proof/mutants/*/feedback.txt"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.parent.name)
def test_a_golden_text_is_free_of_what_a_run_makes_up(golden):
    text = golden.read_text(encoding="utf-8")
    assert text == normal(text)
