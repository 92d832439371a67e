"""What a claim's program is not graded on, and whether anything may run beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.content.tiny import TOML

from assesskit.content import load
from assesskit.proof.claims import claims


@pytest.mark.parametrize(
    ("lists", "rude", "slow"),
    [
        ("", (frozenset(), False), (frozenset(), False)),
        ('load = ["hello.fast"]', (frozenset({"hello.fast"}), False), (frozenset(), True)),
        ('slow = ["hello.fast"]', (frozenset({"hello.fast"}), False), (frozenset(), False)),
        (
            'load = ["hello.fast"]\nslow = ["hello.polite"]',
            (frozenset({"hello.fast"}), False),
            (frozenset({"hello.polite"}), True),
        ),
    ],
    ids=["neither", "load", "slow", "both"],
)
def test_wrong_programs_are_graded_on_the_lists_they_name(
    root: Path, lists: str, rude: tuple[frozenset[str], bool], slow: tuple[frozenset[str], bool]
) -> None:
    """`rude` fails hello.polite, `slow` fails hello.fast; right programs are graded on everything."""
    toml = root / TOML
    toml.write_text(toml.read_text().replace('reference = "proof/', f'{lists}\nreference = "proof/'))
    exercise = load(root, "tiny")
    found = {each.name: (each.without(exercise), each.measures(exercise)) for each in claims(exercise)}
    assert found["rude"] == rude
    assert found["slow"] == slow
    assert found["reference"] == (frozenset(), 'load = ["' in lists)
