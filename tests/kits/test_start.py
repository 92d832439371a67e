from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.kits.conftest import NOW

from assesskit import content, kits
from assesskit.content.digests import files_below
from assesskit.errors import StoreError, UsageError

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_workspace_holds_what_the_candidate_is_given_in_one_commit(workspace):
    assert git(workspace, "ls-files").split() == [
        ".assesskit.json",
        ".gitignore",
        "Dockerfile",
        "README.md",
        "app.py",
        "checks/test_hello.py",
        "contract/api.yaml",
    ]
    assert git(workspace, "status", "--porcelain") == ""
    assert (
        git(workspace, "log", "--format=%an %s %aI").strip() == "assesskit Start tiny 1.2.0 2026-03-04T05:06:07+00:00"
    )


def test_the_commit_needs_and_heeds_no_configuration_of_the_machine(tmp_path, exercise, monkeypatch):
    config = tmp_path / "gitconfig"
    config.write_text("[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /none\n\texcludesFile = /none\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    folder = kits.start(exercise, tmp_path / "w", now=NOW)
    monkeypatch.delenv("GIT_DIR")
    assert git(folder, "log", "--format=%an").strip() == "assesskit"


def test_a_workspace_says_what_it_was_started_from(workspace):
    marker = kits.read_workspace(workspace)
    assert (marker.exercise, marker.version, marker.started) == ("tiny", "1.2.0", NOW)


def test_a_folder_that_holds_something_is_left_alone(tmp_path, exercise):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match="is there already and not empty"):
        kits.start(exercise, tmp_path, now=NOW)
    assert (tmp_path / "notes").read_text() == "mine"


def test_an_empty_folder_stays_the_one_somebody_stands_in(tmp_path, exercise, monkeypatch):
    (tmp_path / "w").mkdir()
    monkeypatch.chdir(tmp_path / "w")
    kits.start(exercise, Path(), now=NOW)
    assert os.path.exists("app.py")  # noqa: PTH110  relative on purpose


def test_without_git_nothing_is_left_and_the_error_says_so(tmp_path, exercise, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"):
        kits.start(exercise, tmp_path / "w", now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_place_that_cannot_be_written_is_an_error_of_the_store(tmp_path, exercise):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        kits.start(exercise, tmp_path / "file" / "w", now=NOW)


def test_a_folder_without_marker_is_no_workspace(tmp_path):
    with pytest.raises(UsageError, match="is no workspace"):
        kits.read_workspace(tmp_path)


def test_a_marker_that_was_edited_is_named_with_its_key(workspace):
    (workspace / ".assesskit.json").write_text("{}")
    with pytest.raises(UsageError, match=r"\.assesskit\.json: exercise: Field required"):
        kits.read_workspace(workspace)


@pytest.mark.parametrize("slug", content.slugs(ROOT))
def test_no_workspace_holds_a_file_that_is_not_for_candidates(tmp_path, slug):
    exercise = content.load(ROOT, slug)
    given = [path.read_bytes() for path in files_below(kits.start(exercise, tmp_path / "w", now=NOW)).values()]
    folders = [exercise.hidden_tests, exercise.folder / "proof" / "mutants"]
    shown = exercise.spec.candidate.sources
    folders += [exercise.folder / each.folder for each in exercise.spec.services if each.name not in shown]
    secret = [exercise.folder / "exercise.toml", exercise.rubric_file]
    secret += [path for folder in folders if folder.is_dir() for path in files_below(folder).values()]
    # A pinned list of packages may rightly be the same on both sides.
    bodies = {path: path.read_bytes() for path in secret if path.name != "requirements.txt" and path.stat().st_size}
    assert len(bodies) > 1
    assert [path for path, body in bodies.items() if any(body in data for data in given)] == []
