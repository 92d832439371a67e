"""The four-fifths table, from a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from assesskit.errors import ContentError
from assesskit.reports.impact import Member, impact, members


def people(**groups: tuple[int, int]) -> list[Member]:
    """Members of each group: how many there are, and how many of them advanced."""
    return [
        Member(f"{name}-{index}", name, index < advanced)
        for name, (count, advanced) in groups.items()
        for index in range(count)
    ]


def table(**groups: tuple[int, int]) -> dict[str, tuple[float | None, bool]]:
    given = people(**groups)
    return {
        group.name: (group.ratio, group.adverse) for group in impact(given, [{each.alias} for each in given]).groups
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: has none, expected alias, group, advanced"),
        ("alias,group\nA,x\n", "line 1: has alias, group, expected"),
        ("alias,advanced,group\n", "line 1: has alias, advanced, group"),
        ("alias,group,advanced\nA,x,maybe\n", "line 2: advanced: is 'maybe', expected yes or no"),
        ("alias,group,advanced\nA,x,yes\nA,y,no\n", "line 3: alias: 'A' is there twice"),
        ("alias,group,advanced\n,x,yes\n", "line 2: needs an alias"),
        ("alias,group,advanced\nA,,yes\n", "line 2: needs an alias"),
        ("alias,group,advanced\nA,x,yes,more\n", "line 2: needs an alias"),
        ("alias,group,advanced\nA\n", "line 2: needs an alias"),
        ('alias,group,advanced\n"A,x,yes\n', "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_told_by_line(tmp_path: Path, text: str | bytes | None, told: str):
    path = tmp_path / "groups.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ContentError) as caught:
        members(path)
    assert f"groups.csv: {told}" in "\n".join(caught.value.problems)


def test_a_file_from_a_spreadsheet_is_read(tmp_path: Path):
    (tmp_path / "g.csv").write_bytes("\ufeffalias,group,advanced\r\n A , x ,YES\r\n".encode())
    assert members(tmp_path / "g.csv") == (Member("A", "x", advanced=True),)


def test_a_rate_below_four_fifths_of_the_highest_is_marked():
    assert table(a=(10, 10), b=(10, 8), c=(10, 7)) == {
        "a": (1.0, False),
        "b": (0.8, False),
        "c": (pytest.approx(0.7), True),
    }


def test_a_group_of_four_has_no_rate_and_is_nobodys_measure():
    assert table(a=(10, 5), b=(4, 4)) == {"a": (1.0, False), "b": (None, False)}


def test_nobody_advanced_is_no_division_by_nothing():
    assert table(a=(10, 0), b=(6, 0)) == {"a": (None, False), "b": (None, False)}


def test_who_is_on_one_side_only_is_counted():
    found = impact(people(a=(6, 3)), [{"a-0"}, {"a-1"}, {"C-9", "C-9-work"}])
    assert (found.without, found.unknown, found.groups[0].people) == (1, 4, 2)


def test_a_person_counts_once_by_whichever_name_the_file_has():
    found = impact(
        [Member("C-1", "a", advanced=True), Member("C-2-work", "a", advanced=False)],
        [
            {"C-1", "C-1-work", "C-1-other"},
            {"C-2", "C-2-work"},
        ],
    )
    assert (found.groups[0].people, found.groups[0].advanced, found.without, found.unknown) == (2, 1, 0, 0)


def test_two_lines_about_one_person_are_wrong():
    given = [Member("C-1", "a", advanced=True), Member("C-1-work", "b", advanced=False)]
    with pytest.raises(ContentError, match="'C-1' and 'C-1-work' are one person here: keep one line"):
        impact(given, [{"C-1", "C-1-work"}])
