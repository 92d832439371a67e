"""The benchmark that holds `check` against `grade` counts what it should."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.agreement import ALIKE, DIFFERS, MORE, NEITHER, NO_CHECK, NO_GRADE, compared, table


def line(check: str, grade: str, **more: Any) -> dict[str, Any]:
    sides = {"check": {"verdicts": {"a": check}, "checks": {"test_a": "passed"}}, "grade": {"verdicts": {"a": grade}}}
    return {"program": "p", "looked at again": [], **sides, **more}


@pytest.mark.parametrize(
    ("check", "grade", "how"),
    [
        ("met", "met", ALIKE),
        ("not_met", "not_met", ALIKE),
        ("met", "not_met", DIFFERS),
        ("not_met", "met", DIFFERS),
        ("ungraded", "met", NO_CHECK),
        ("not_met", "ungraded", NO_GRADE),
        ("ungraded", "ungraded", NEITHER),
    ],
)
def test_only_met_against_not_met_is_a_disagreement(check: str, grade: str, how: str) -> None:
    """What one side could not judge is counted by itself."""
    assert compared(line(check, grade), "a") == how


def test_grade_may_know_more_only_where_the_public_checks_came_out_the_same() -> None:
    """A hidden check of a public criterion, and a whole grading that shows that it was this one."""
    said = line("met", "not_met", **{"looked at again": ["a"]})
    assert compared(said, "a") == DIFFERS, "a proof tells verdicts, and not whose they are"
    said["grade"]["checks"] = {"test_a": "failed"}
    assert compared(said, "a") == DIFFERS
    said["grade"]["checks"] = {"test_a": "passed"}
    assert compared(said, "a") == MORE
    assert compared({**said, "looked at again": []}, "a") == DIFFERS


def test_the_table_names_every_program_on_which_they_do_not_agree() -> None:
    """With both verdicts."""
    told = list(table([line("met", "met"), line("met", "not_met", program="odd")]))
    assert "| `a` | 1 | 1 | 1 | 0 | 1 | 0 | 0 | 0 |" in told
    assert told[-1] == "  odd: a: differs (check met and grade not_met)"
