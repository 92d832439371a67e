from __future__ import annotations

import pytest
from tests.content import tiny

from assesskit import content
from assesskit.content.digests import digest_of


def test_the_same_content_elsewhere_has_the_same_digests(tmp_path):
    here = content.load(tiny.build(tmp_path / "here"), "tiny")
    there = content.load(tiny.build(tmp_path / "there"), "tiny")
    assert here.digests() == there.digests()


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        ("exercises/tiny/services/stock/app.py", {"exercise"}),
        ("exercises/tiny/proof/reference/app.py", {"exercise"}),
        ("graders/tiny/hidden/words.py", {"graders"}),
        ("exercises/tiny/proof/feedback/rude.txt", set()),
        ("exercises/tiny/starter/__pycache__/app.pyc", set()),
        ("exercises/tiny/starter/.DS_Store", set()),
    ],
)
def test_a_digest_moves_with_what_bears_on_a_score_and_with_nothing_else(tmp_path, path, moved):
    exercise = content.load(tiny.build(tmp_path), "tiny")
    before = vars(exercise.digests())
    tiny.build(tmp_path, {path: "x = 1\n"})
    after = vars(exercise.digests())
    assert {name for name in before if before[name] != after[name]} == moved


def test_moving_bytes_from_a_name_to_another_changes_the_digest():
    one, two = "11" * 32, "22" * 32
    assert len({digest_of({"a": one, "b": two}), digest_of({"a": two, "b": one}), digest_of({"ab": one})}) == 3
