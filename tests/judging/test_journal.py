"""What people add is appended to a chain, and a change of anything before it is seen."""

from __future__ import annotations

import json
import resource
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.reports import samples

from assesskit import journal
from assesskit.errors import StoreError, UsageError
from assesskit.judging import Leveled, Said
from assesskit.store import write_assessment

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
CRITERION = "judged.decisions"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """An assessment whose chain was begun; one criterion of it is for people."""
    path = tmp_path / "assessment.json"
    write_assessment(path, samples.assessment())
    journal.opened(path, NOW, "assesskit")
    return path


def level(author: str, level: int, **changes: Any) -> Said:
    """What a reviewer says of the judged criterion."""
    values = {"kind": "level", "at": NOW, "author": author, "reason": "first look", "criterion": CRITERION}
    return Said.model_validate({"seat": author.casefold().strip(), "level": level} | values | changes)


def lines(record: Path) -> list[str]:
    return journal.journal_of(record).read_text().splitlines()


def rewrite(record: Path, change: Callable[[list[str]], list[str]]) -> None:
    journal.journal_of(record).write_text("\n".join(change(lines(record))) + "\n")


def test_an_assessment_without_a_chain_says_that_edits_would_not_be_seen(tmp_path: Path):
    path = tmp_path / "assessment.json"
    write_assessment(path, samples.assessment())
    found = journal.read(path)
    assert (found.chained, found.entries) == (False, ())
    assert found.problems == ("it came without review.jsonl, so an edit of assessment.json would not be seen",)


def test_an_untouched_chain_has_no_problem(record: Path):
    journal.append(record, [level("Kim", 2)])
    found = journal.read(record)
    assert found.chained
    assert found.problems == ()
    assert [entry.kind for entry in found.entries] == ["graded", "level"]


def test_an_edit_of_the_assessment_is_seen(record: Path):
    record.write_bytes(record.read_bytes().replace(b'"not_met"', b'"met"', 1))
    assert journal.read(record).problems == (
        "assessment.json is not the file that review.jsonl was begun for: it was edited or exchanged",
    )


@pytest.mark.parametrize("left", [b"", b"\n"])
def test_a_journal_that_was_emptied_is_told(record: Path, left: bytes):
    journal.journal_of(record).write_bytes(left)
    assert journal.read(record).problems == (
        "review.jsonl holds no entry that can be read, so an edit of assessment.json would not be seen",
    )


def test_a_chain_that_a_review_began_says_what_it_cannot_show(record: Path):
    """As when review.jsonl was removed before: what was edited until then is the beginning of the new chain."""
    journal.journal_of(record).unlink()
    record.write_bytes(record.read_bytes().replace(b'"not_met"', b'"met"', 1))
    journal.append(record, [level("Kim", 2)])
    assert journal.read(record).problems == (
        "review.jsonl was begun after the grading, so an edit of assessment.json before that would not be seen",
    )


BEGINNING = "the beginning of review.jsonl is missing, or assessment.json was exchanged"


def test_a_lost_first_line_is_no_edit_of_the_assessment(record: Path):
    journal.append(record, [level("Kim", 1)])
    rewrite(record, lambda held: held[1:])
    assert journal.read(record).problems == (BEGINNING,)


def test_a_first_line_that_was_cut_short_is_no_edit_of_the_assessment(record: Path):
    journal.append(record, [level("Kim", 1)])
    rewrite(record, lambda held: [held[0][:50], held[1]])
    cut = "line 1 of review.jsonl cannot be read: it was cut short or edited"
    assert journal.read(record).problems == (cut, BEGINNING)


@pytest.mark.parametrize("key", ["previous", "digest"])
def test_a_first_line_that_was_edited_is_no_edit_of_the_assessment(record: Path, key: str):
    rewrite(record, lambda held: [json.dumps(json.loads(held[0]) | {key: "0" * 64})])
    journal.append(record, [level("Kim", 1)])
    problems = journal.read(record).problems
    assert problems[0] == "line 1 of review.jsonl was changed after it was written, and does not count"
    assert not [each for each in problems if "is not the file" in each]


def test_an_edited_entry_is_told_and_does_not_count(record: Path):
    journal.append(record, [level("Kim", 1)])
    journal.append(record, [level("Lee", 1)])
    rewrite(record, lambda held: [held[0], held[1].replace('"level":1', '"level":3'), held[2]])
    found = journal.read(record)
    assert found.problems == ("line 2 of review.jsonl was changed after it was written, and does not count",)
    assert [entry.author for entry in found.entries] == ["assesskit", "Lee"]


def test_what_is_added_after_an_edited_entry_is_not_wrong_as_well(record: Path):
    journal.append(record, [level("Kim", 1)])
    rewrite(record, lambda held: [held[0], held[1].replace('"level":1', '"level":3')])
    journal.append(record, [level("Lee", 1)])
    journal.append(record, [level("Ann", 1)])
    assert len(journal.read(record).problems) == 1


def test_an_entry_whose_digest_was_made_again_no_longer_fits_the_next(record: Path):
    journal.append(record, [level("Kim", 1)])
    journal.append(record, [level("Lee", 1)])
    kim = journal.read(record).entries[1]
    forged = type(kim).after(kim.previous, level("Kim", 3)).model_dump_json()
    rewrite(record, lambda held: [held[0], forged, held[2]])
    assert journal.read(record).problems == (
        "line 3 of review.jsonl does not follow the one before it: something was removed, added or moved",
    )


@pytest.mark.parametrize("gone", [0, 1])
def test_a_removed_line_is_seen(record: Path, gone: int):
    journal.append(record, [level("Kim", 1)])
    journal.append(record, [level("Lee", 1)])
    rewrite(record, lambda held: held[:gone] + held[gone + 1 :])
    assert len(journal.read(record).problems) == 1


def test_lines_that_were_exchanged_are_seen(record: Path):
    journal.append(record, [level("Kim", 1)])
    journal.append(record, [level("Lee", 1)])
    rewrite(record, lambda held: [held[0], held[2], held[1]])
    assert len(journal.read(record).problems) == 2


@pytest.mark.parametrize("odd", ["{", "[]", "null", '{"kind": "level"}', "\x00", "é" * 10])
def test_a_line_that_cannot_be_read_is_told_and_the_rest_counts(record: Path, odd: str):
    journal.append(record, [level("Kim", 1)])
    with journal.journal_of(record).open("a") as file:
        file.write(odd)
    journal.append(record, [level("Lee", 1)])
    found = journal.read(record)
    assert found.problems == ("line 3 of review.jsonl cannot be read: it was cut short or edited",)
    assert [entry.author for entry in found.entries] == ["assesskit", "Kim", "Lee"]


def test_a_file_cut_in_the_middle_of_a_line_goes_on_in_a_line_of_its_own(record: Path):
    journal.append(record, [level("Kim", 1)])
    path = journal.journal_of(record)
    path.write_bytes(path.read_bytes()[:-20])
    journal.append(record, [level("Lee", 2)])
    assert [entry.author for entry in journal.read(record).entries] == ["assesskit", "Lee"]


def test_levels_for_which_there_is_no_room_are_not_there_at_all(record: Path):
    before = journal.journal_of(record).read_bytes()
    both = [level("Kim", 1), level("Kim", 2, note="x" * 4000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"review\.jsonl: cannot be written: File too large"):
            journal.append(record, both)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.journal_of(record).read_bytes() == before
    journal.append(record, both)
    assert journal.read(record).problems == ()


def test_a_journal_that_is_too_large_is_refused(record: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal, "MAX_JOURNAL", 10)
    with pytest.raises(UsageError, match="is larger than"):
        journal.read(record)


def test_the_same_reviewer_saving_in_two_windows_loses_nothing(record: Path):
    first = journal.append(record, [level("Kim", 1)], seen="")
    with pytest.raises(journal.Conflict, match="in another window"):
        journal.append(record, [level("Kim", 2)], seen="")
    assert len(journal.read(record).entries) == 2
    journal.append(record, [level("Kim", 2)], seen=first[0].digest)
    assert journal.read(record).latest["kim"][CRITERION].level == 2


def test_two_who_save_at_the_same_moment_are_both_kept(record: Path):
    names = [f"R{index}" for index in range(8)]
    start = threading.Barrier(len(names))

    def save(name: str) -> None:
        start.wait()
        journal.append(record, [level(name, 2)], seen="")

    threads = [threading.Thread(target=save, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = journal.read(record)
    assert found.problems == ()
    assert sorted(entry.author for entry in found.entries[1:]) == names


@pytest.mark.parametrize("name", ["Kim", "kim", " KIM ", "\uff2bim"])
def test_two_reviewers_under_one_name_are_refused(record: Path, name: str):
    journal.append(record, [level("Kim", 1)])
    with pytest.raises(UsageError, match="made on another account"):
        journal.append(record, [level(name, 3, seat="somebody-else")])


def test_one_name_on_two_accounts_counts_once_and_is_told(record: Path):
    """As when two folders were put together by hand."""
    journal.append(record, [level("Kim", 1)])
    last = journal.read(record).entries[-1]
    with journal.journal_of(record).open("a") as file:
        file.write(type(last).after(last.digest, level("kim", 3, seat="else")).model_dump_json() + "\n")
    found = journal.read(record)
    assert found.problems == ("entries under the name 'kim' were made on 2 accounts",)
    assert not found.open


def test_two_names_on_one_account_are_told(record: Path):
    """Nothing tells that they are two people; points are given all the same."""
    journal.append(record, [level("Kim", 1, seat="desk-1")])
    assert journal.read(record).problems == ()
    journal.append(record, [level("Lee", 3, seat="desk-1")])
    assert journal.read(record).problems == (
        "the names 'kim' and 'lee' have entries from one account: nothing tells that they are several people",
    )


def blind(record: Path) -> dict[str, dict[str, int | None]]:
    found = journal.read(record).blind
    return {who: {key: entry.level for key, entry in by.items()} for who, by in found.items()}


def test_a_level_is_blind_until_two_are_in_whatever_becomes_of_it(record: Path):
    journal.append(record, [level("Kim", 0)])
    journal.append(record, [level("Kim", 1, reason="read again, alone")])
    journal.append(record, [level("Lee", 3)])
    journal.append(record, [level("Lee", 1, reason="adopts what Kim said")])
    journal.append(record, [level("Ann", 1)])
    assert blind(record) == {"kim": {CRITERION: 1}, "lee": {CRITERION: 3}}
    [judged] = [result for result in journal.read(record).now.results if isinstance(result, Leveled)]
    assert judged.by == {"Kim": 1, "Lee": 1, "Ann": 1}
    assert judged.reason == (
        "judged by people: Kim said 1 and Lee said 1 (3 before levels could be seen) "
        "and Ann said 1 (when levels could be seen)"
    )


def test_a_criterion_that_a_later_rubric_adds_is_judged_blind_as_well(record: Path):
    """And those that were shown before are not blind again, though the review is closed until everything is judged."""
    journal.append(record, [level("Kim", 0), level("Lee", 3)])
    kept = [result.criterion for result in samples.assessment().results]
    new = samples.criterion("judged.more", "More is judged", kind="judged", anchors=("0", "1", "2", "3"))
    journal.append(
        record, [Said(kind="rubric", at=NOW, author="Kim", reason="1.1", criteria=(*kept, new), rubric_digest="new")]
    )
    for who in ("Kim", "Lee"):
        journal.append(record, [level(who, 2, reason="again"), level(who, 2, criterion=new.id)])
    journal.append(record, [level("Kim", 0, criterion=new.id, reason="again")])
    assert blind(record) == {"kim": {CRITERION: 0, new.id: 2}, "lee": {CRITERION: 3, new.id: 2}}


def test_levels_are_closed_until_two_are_in(record: Path):
    journal.append(record, [level("Kim", 1)])
    one = journal.read(record)
    assert not one.open
    assert not any(isinstance(result, Leveled) for result in one.now.results)
    journal.append(record, [level("Lee", 2, note="Costs are named.")])
    both = journal.read(record)
    [judged] = [result for result in both.now.results if isinstance(result, Leveled)]
    assert (judged.by, judged.notes, judged.level) == ({"Kim": 1, "Lee": 2}, {"Lee": "Costs are named."}, 1.5)
    assert both.sum.earned - one.sum.earned == pytest.approx(6 * 1.5 / 3)
    assert both.sum.judged - one.sum.judged == 6


def test_a_level_that_was_set_again_replaces_the_first_and_both_stay_on_record(record: Path):
    journal.append(record, [level("Kim", 1)])
    journal.append(record, [level("Kim", 3, reason="read the notes again")])
    found = journal.read(record)
    assert found.latest["kim"][CRITERION].level == 3
    assert [entry.level for entry in found.entries[1:]] == [1, 3]


def test_levels_of_a_criterion_that_is_not_judged_count_nowhere(record: Path):
    journal.append(record, [level("Kim", 3, criterion="contract.errors"), level("Lee", 3, criterion="nobody.knows")])
    assert journal.read(record).latest == {}


def test_a_later_rubric_is_applied_and_the_first_stays_on_record(record: Path):
    kept = [result.criterion for result in samples.assessment().results]
    changed = kept[0].model_copy(update={"points": 40})
    new = samples.criterion("contract.headers", "Headers are cased", 9)
    said = Said(
        kind="rubric", at=NOW, author="Kim", reason="1.1", criteria=(changed, *kept[1:-2], new), rubric_digest="new"
    )
    journal.append(record, [said])
    found = journal.read(record)
    by = {result.criterion.id: result for result in found.now.results}
    assert by[changed.id].criterion.points == 40
    assert by[changed.id].verdict == found.assessment.results[0].verdict
    assert (by[new.id].verdict, by[new.id].reason[:21]) == ("ungraded", "was not in the rubric")
    assert len(by) == len(kept) - 2 + 1
    assert found.now.exercise.rubric_digest == "new"
    assert found.assessment == samples.assessment()


def test_a_criterion_that_changes_hands_waits(record: Path):
    """What checks judged says nothing about levels, and levels nothing about checks."""
    kept = {result.criterion.id: result.criterion for result in samples.assessment().results}
    swapped = (
        kept["contract.errors"].model_copy(update={"kind": "judged", "anchors": ("0", "1", "2", "3")}),
        kept[CRITERION].model_copy(update={"kind": "automatic", "anchors": ()}),
    )
    said = Said(kind="rubric", at=NOW, author="Kim", reason="swap", criteria=swapped, rubric_digest="new")
    journal.append(record, [said])
    assert [result.verdict for result in journal.read(record).now.results] == ["ungraded", "ungraded"]


def test_every_line_is_plain_json_with_author_reason_and_time(record: Path):
    journal.append(record, [level("Kim", 1)])
    last = json.loads(lines(record)[-1])
    assert (last["author"], last["reason"], last["at"]) == ("Kim", "first look", "2026-03-10T09:00:00Z")
