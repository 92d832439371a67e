from __future__ import annotations

import pytest
from tests.content import tiny

from assesskit import content
from assesskit.errors import UsageError


def test_the_option_wins_over_the_variable(tmp_path):
    one, two = tiny.build(tmp_path / "one"), tiny.build(tmp_path / "two")
    assert content.find_root(one, {"ASSESSKIT_CONTENT": str(two)}) == one


def test_the_variable_wins_over_where_we_stand(tmp_path, monkeypatch):
    one, two = tiny.build(tmp_path / "one"), tiny.build(tmp_path / "two")
    monkeypatch.chdir(one)
    assert content.find_root(None, {"ASSESSKIT_CONTENT": str(two)}) == two


def test_a_folder_inside_the_root_finds_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tiny.build(tmp_path) / "exercises" / "tiny")
    assert content.find_root(None, {}) == tmp_path


def test_a_named_root_that_is_none_is_an_error_and_never_replaced_by_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tiny.build(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"--content: .*empty holds no exercises/"):
        content.find_root(tmp_path / "empty", {})


def test_without_any_root_the_error_says_what_to_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        content.find_root(None, {})
    assert "--content" in caught.value.hint


def test_slugs_are_the_folders_that_hold_an_exercise(tmp_path):
    tiny.build(tmp_path, {"exercises/empty/README.md": ""})
    assert content.slugs(tmp_path) == ("tiny",)
