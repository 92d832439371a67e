"""A review in TOML does what the pages do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.review.records import NAME, NOW, MakeDesk, judge_all

from assesskit import journal
from assesskit.errors import ContentError, UsageError
from assesskit.review import form

SOUND = """
run = "run-1"
[[levels]]
criterion = "judged.decisions"
level = 2
note = "Three decisions with a price."
[[levels]]
criterion = "judged.threats"
level = 0
"""


def test_a_form_that_is_filled_in_is_taken(at: MakeDesk, record: Path, tmp_path: Path):
    desk = at()
    text = form.form(desk)
    assert "# Decisions are written down" in text
    assert "#   3: Costs are named." in text
    assert NAME not in text
    (tmp_path / "mine.toml").write_text(re.sub(r"level = $", "level = 1", text, flags=re.MULTILINE))
    assert len(form.take(desk, tmp_path / "mine.toml", NOW)) == 2
    assert {entry.level for entry in journal.read(record).latest["kim"].values()} == {1}


def test_a_form_that_is_not_filled_in_is_no_review(at: MakeDesk, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(form.form(at()))
    with pytest.raises(ContentError, match=r"mine\.toml: is not TOML"):
        form.take(at(), tmp_path / "mine.toml", NOW)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "judged.threats",
            "judged.treats",
            "levels[judged.treats]: no such judged criterion (did you mean 'judged.thr",
        ),
        ("judged.threats", "contract.errors", "levels[contract.errors]: no such judged criterion"),
        ("judged.threats", "judged.decisions", "levels[judged.decisions]: is there twice"),
        ("level = 0", "level = 4", "levels[1].level"),
        ("level = 0", "level = true", "levels[1].level"),
        ("level = 0", "", "levels[1].level: is missing"),
        ("note", "notes", "levels[0].notes: unknown key (did you mean 'note'?)"),
        ('run = "run-1"', "", "run: is missing"),
    ],
)
def test_a_mistake_is_told_and_nothing_of_the_file_is_taken(
    at: MakeDesk, record: Path, tmp_path: Path, old: str, new: str, told: str
):
    (tmp_path / "mine.toml").write_text(SOUND.replace(old, new))
    with pytest.raises(ContentError) as caught:
        form.take(at(), tmp_path / "mine.toml", NOW)
    assert any(f"mine.toml: {told}" in problem for problem in caught.value.problems), caught.value.problems
    assert journal.read(record).latest == {}


def test_a_file_for_another_run_is_refused(at: MakeDesk, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(SOUND.replace("run-1", "run-2"))
    with pytest.raises(UsageError, match="is 'run-2', and the assessment is 'run-1'"):
        form.take(at(), tmp_path / "mine.toml", NOW)


def test_taking_a_file_twice_adds_nothing(at: MakeDesk, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(SOUND)
    assert len(form.take(at(), tmp_path / "mine.toml", NOW)) == 2
    assert form.take(at(), tmp_path / "mine.toml", NOW) == ()


def test_a_level_that_changes_says_why(at: MakeDesk, record: Path, tmp_path: Path):
    judge_all(at(), 1)
    (tmp_path / "mine.toml").write_text(SOUND)
    with pytest.raises(ContentError, match="reason: is missing; kim said 1 before"):
        form.take(at(), tmp_path / "mine.toml", NOW)
    (tmp_path / "mine.toml").write_text(SOUND.replace("level = ", 'reason = "read again"\nlevel = '))
    form.take(at(), tmp_path / "mine.toml", NOW)
    assert journal.read(record).latest["kim"]["judged.threats"].reason == "read again"
