"""What a reviewer may see, in which order, and what cannot be said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.review.records import NAME, NOW, MakeDesk, assessment, judge_all, written

from assesskit import journal
from assesskit.errors import UsageError
from assesskit.review.desk import names_of as pattern
from assesskit.review.desk import readable, without


@pytest.mark.parametrize("level", [None, -1, 4, 2.5, "two", True])
def test_a_level_is_a_whole_number_from_0_to_3(at: MakeDesk, level: object):
    desk = at()
    with pytest.raises(UsageError, match="level"):
        desk.save(desk.task(1), level=level, note="", reason="", seen="", now=NOW)
    assert desk.own(desk.task(1)) is None


def test_a_note_has_an_end(at: MakeDesk):
    desk = at()
    with pytest.raises(UsageError, match="note"):
        desk.save(desk.task(1), level=1, note="x" * 4001, reason="", seen="", now=NOW)


@pytest.mark.parametrize("name", ["", "  ", "\u2003"])
def test_a_reviewer_has_a_name(at: MakeDesk, name: str):
    with pytest.raises(UsageError, match="is empty"):
        at(name, "seat")


@pytest.mark.parametrize("name", ["K" * 81, "Kim \udcff"], ids=["long", "not UTF-8"])
def test_a_name_that_no_entry_can_hold_is_told(at: MakeDesk, name: str):
    """Before anything is judged under it."""
    with pytest.raises(UsageError, match="--as: "):
        at(name, "seat")


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_task_that_is_not_there_is_told(at: MakeDesk, number: int):
    with pytest.raises(UsageError, match="there are 2"):
        at().task(number)


def test_an_assessment_named_twice_is_refused(at: MakeDesk, record: Path):
    with pytest.raises(UsageError, match="named twice"):
        at("Kim", "", record, record.parent / ".." / "one" / "assessment.json")


def test_an_assessment_without_judged_criteria_has_nothing_to_review(at: MakeDesk, tmp_path: Path):
    found = assessment()
    bare = written(tmp_path / "bare", found.model_copy(update={"results": found.results[:1]}))
    with pytest.raises(UsageError, match="no criterion that people judge"):
        at("Kim", "", bare)


def test_a_change_says_why_and_the_first_stays_on_record(at: MakeDesk, record: Path):
    desk = at()
    first = desk.save(desk.task(1), level=1, note="thin", reason="", seen="", now=NOW)
    with pytest.raises(UsageError, match="say why the level changes"):
        desk.save(desk.task(1), level=3, note="", reason=" ", seen=first.digest, now=NOW)
    desk.save(desk.task(1), level=3, note="", reason="found the second file", seen=first.digest, now=NOW)
    said = [(entry.level, entry.reason) for entry in journal.read(record).entries if entry.kind == "level"]
    assert said == [(1, "first judgement"), (3, "found the second file")]


def test_nobody_sees_another_before_both_are_in(at: MakeDesk):
    """Not after one is done, not while one has judged half, and not a third who has not begun."""
    kim, lee, ann = at("Kim"), at("Lee"), at("Ann")
    judge_all(kim, 1)
    lee.save(lee.task(1), level=3, note="", reason="", seen="", now=NOW)
    for desk in (kim, lee):
        assert all(desk.others(task) == () for task in desk.tasks)
    lee.save(lee.task(2), level=3, note="", reason="", seen="", now=NOW)
    assert {entry.author for task in kim.tasks for entry in kim.others(task)} == {"Lee"}
    assert {entry.author for task in lee.tasks for entry in lee.others(task)} == {"Kim"}
    assert all(ann.others(task) == () for task in ann.tasks)
    assert ann.agreement().pairs == 0
    assert (kim.agreement().pairs, kim.agreement().same) == (2, 0)


def test_agreement_is_of_what_was_said_before_anybody_could_see_another(at: MakeDesk):
    """Who adopts what another said agrees with them afterwards, and did not before."""
    kim, lee = at("Kim"), at("Lee")
    judge_all(kim, 0)
    judge_all(lee, 3)
    for task in lee.tasks:
        own = lee.own(task)
        assert own
        lee.save(task, level=0, note="", reason="adopts what Kim said", seen=own.digest, now=NOW)
    assert (lee.agreement().pairs, lee.agreement().same) == (2, 0)
    assert {entry.level for task in kim.tasks for entry in kim.others(task)} == {0}


def test_what_checks_saw_does_not_say_who_it_was(at: MakeDesk):
    desk = at()
    [seen] = desk.seen_of(desk.task(1))
    assert NAME not in seen.model_dump_json()
    assert seen.observations[0].summary == "hello [candidate] was answered with 500"
    assert seen.reason == "[candidate]: 500"


def test_a_name_is_taken_out_of_nested_evidence_whatever_its_case():
    data = {"ada lovelace": [{"url": "/x?n=ADA LOVELACE", "n": 3}], "other": "adamant lovelacework"}
    assert without(data, pattern(["Ada Lovelace"])) == {
        "[candidate]": [{"url": "/x?n=[candidate]", "n": 3}],
        "other": "adamant lovelacework",
    }


def test_the_candidate_of_a_kit_is_a_name_as_well(at: MakeDesk, record: Path):
    """The archive may be called otherwise than the kit was made for."""
    desk = at()
    record.with_name("handed.json").write_text('{"candidate": "answered with"}')
    assert desk.seen_of(desk.task(1))[0].observations[0].summary == "hello [candidate] was [candidate] 500"


@pytest.mark.parametrize("odd", ["", "[]", "{}", "null"])
def test_notes_that_do_not_say_whose_kit_it_was_are_told(at: MakeDesk, record: Path, odd: str):
    """Rather than shown with a name in them."""
    record.with_name("handed.json").write_text(odd)
    desk = at()
    with pytest.raises(UsageError, match="does not say whose kit it was"):
        desk.seen_of(desk.task(1))


def test_a_name_of_two_letters_is_left_in_because_it_is_part_of_words():
    assert without("on and on", pattern(["on"])) == "on and on"


def test_files_that_are_no_text_or_too_long_are_left_out_and_notes_come_first(tmp_path: Path):
    for name, data in {"app.py": b"x", "z/NOTES.md": b"by Ada Lovelace", "a.png": b"\0", "big.txt": b"x" * 30}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    files = [(path.relative_to(tmp_path).as_posix(), path) for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    found = readable(files, [NAME], limit=20)
    assert [(each.path, each.text) for each in found] == [("z/NOTES.md", "by [candidate]"), ("app.py", "x")]


def test_each_reviewer_has_an_order_of_their_own_that_stays(at: MakeDesk, tmp_path: Path):
    paths = [written(tmp_path / f"r{index}", assessment(f"run-{index}")) for index in range(6)]
    orders = {name: [(t.letter, t.criterion.id) for t in at(name, "", *paths).tasks] for name in ("Kim", "Lee", "kim ")}
    assert orders["Kim"] == orders["kim "]
    assert orders["Kim"] != orders["Lee"]
    assert sorted(orders["Kim"]) == sorted(orders["Lee"])
    assert {letter for letter, _ in orders["Kim"]} == set("ABCDEF")
