"""Roles, levels and weights: read strictly, and told like every other mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from assesskit.content.profiles import profiles
from assesskit.errors import ContentError, UsageError

ROOT = Path(__file__).parents[2]
FILE = "docs/rubrics/profiles.toml"
SOUND = """
[levels.mid]
title = "Mid"
expected = [0.4, 0.6]
[roles.sre]
title = "Reliability"
weights = { api-design = 1, performance = 3 }
"""


def root(folder: Path, text: str | bytes | None) -> Path:
    """A content root with two competencies and these profiles."""
    (folder / "docs/rubrics").mkdir(parents=True)
    (folder / "docs/rubrics/competencies.toml").write_text(
        '[competencies]\napi-design = "API design"\nperformance = "Performance"\n'
    )
    if text is not None:
        (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "api-design = 1",
            "api-desing = 1",
            f"{FILE}: roles.sre.weights.api-desing: unknown competency (did you mean 'ap",
        ),
        ("api-design = 1, ", "", f"{FILE}: roles.sre.weights.api-design: is missing; 0 is a weight, too"),
        ("api-design = 1, performance = 3", "api-design = 0, performance = 0", "roles.sre.weights: sum to nothing"),
        ("api-design = 1", "api-design = -1", f"{FILE}: roles.sre.weights.api-design: "),
        ("api-design = 1", "api-design = 1.5", f"{FILE}: roles.sre.weights.api-design: "),
        ("api-design = 1", 'api-design = "1"', f"{FILE}: roles.sre.weights.api-design: "),
        ("api-design = 1", "api-design = nan", f"{FILE}: roles.sre.weights.api-design: "),
        ("api-design = 1", "api-design = 101", f"{FILE}: roles.sre.weights.api-design: "),
        ("expected = [0.4, 0.6]", "expected = [0.6, 0.4]", f"{FILE}: levels.mid: expected goes from 0.6 to 0.4"),
        ("expected = [0.4, 0.6]", "expected = [0.4]", f"{FILE}: levels.mid.expected"),
        ("expected = [0.4, 0.6]", "expected = [0.4, 1.6]", f"{FILE}: levels.mid.expected"),
        ("expected = [0.4, 0.6]", "expected = [0.4, inf]", f"{FILE}: levels.mid.expected"),
        ("expected", "expect", f"{FILE}: levels.mid.expect: unknown key (did you mean 'expected'?)"),
        ('title = "Reliability"', "", f"{FILE}: roles.sre.title: is missing"),
        ("[levels.mid]", "[levels.Mid Level]", f"{FILE}: is not TOML"),
        ("[levels.mid]", "[level.mid]", f"{FILE}: level: unknown key (did you mean 'levels'?)"),
    ],
)
def test_a_mistake_names_file_key_and_what_is_wrong(tmp_path: Path, old: str, new: str, told: str):
    assert old in SOUND
    with pytest.raises(ContentError) as caught:
        profiles(root(tmp_path, SOUND.replace(old, new)))
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "does not exist"),
        ("", "levels: is missing"),
        (b"\xff\xfe", "is not UTF-8"),
        ("[levels]\n[roles]\n", "levels: "),
        ("x = " + "[" * 10_000, "is not TOML"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | bytes | None, told: str):
    with pytest.raises(ContentError, match=FILE) as caught:
        profiles(root(tmp_path, text))
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


def test_every_problem_is_told_at_once(tmp_path: Path):
    text = SOUND.replace("[0.4, 0.6]", "[0.6, 0.4]").replace('title = "Reliability"', "titel = 3")
    with pytest.raises(ContentError) as caught:
        profiles(root(tmp_path, text))
    assert len(caught.value.problems) == 3


def test_an_unknown_role_gets_the_nearest(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no role 'sr' .did you mean 'sre'"):
        profiles(root(tmp_path, SOUND)).named("sr")


def test_the_profiles_of_this_repository_are_the_seven_roles_at_three_levels():
    found = profiles(ROOT)
    assert len(found.roles) == 7
    assert {tuple(level.key for level in role.levels) for role in found.roles} == {("mid", "senior", "staff")}
    assert all(set(role.weights) == set(found.competencies) for role in found.roles)
    assert {sum(role.weights.values()) for role in found.roles} == {100}
    bands = [level.expected for level in found.roles[0].levels]
    assert bands == sorted(bands)
