"""A workspace that a kit began knows its kit and its clock, wherever it is moved, and says what it lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.content import tiny
from tests.kits.conftest import NOW

from assesskit import content, kits
from assesskit.errors import UsageError
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import Checked, begin, is_journey, read_journey, resume
from assesskit.kits.kit import Kit, open_kit
from assesskit.kits.workspaces import KEPT


@pytest.fixture
def opened(kit: Path) -> Kit:
    return open_kit(kit)


@pytest.fixture
def began(opened: Kit, tmp_path: Path) -> Path:
    return begin(opened, tmp_path / "work", now=NOW).workspace


def git(folder: Path, *words: str, **env: str) -> str:
    command = ["git", *words]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, env=os.environ | env
    ).stdout.strip()


def test_a_kit_becomes_the_same_workspace_as_its_exercise(began: Path, exercise, tmp_path: Path) -> None:
    """What is handed out, one commit of it, and nothing to be seen of what is kept besides."""
    fresh = kits.start(exercise, tmp_path / "fresh", now=NOW)
    files = {path.relative_to(fresh): path.read_bytes() for path in fresh.rglob("*") if path.is_file()}
    work = {path.relative_to(began): path.read_bytes() for path in began.rglob("*") if path.is_file()}
    assert {path: data for path, data in work.items() if path.parts[0] != ".git"} == {
        path: data for path, data in files.items() if path.parts[0] != ".git"
    }
    assert git(began, "status", "--porcelain") == ""
    assert git(began, "rev-list", "--count", "HEAD") == "1"
    assert not any("assesskit/" in name for name in git(began, "ls-files").splitlines())


def test_it_is_read_back_after_a_move(began: Path, exercise, tmp_path: Path) -> None:
    """The kit, the state and the exercise come along, and what is kept is in no submission."""
    moved = began.rename(tmp_path / "elsewhere")
    journey = read_journey(moved)
    assert is_journey(moved)
    assert journey.exercise().slug == "tiny"
    assert journey.used(NOW + timedelta(minutes=5)).seconds == 300
    manifest = kits.freeze(moved, exercise, tmp_path / "out.zip", now=NOW)
    assert not [file.path for file in manifest.files if ".git/" in file.path]


def test_what_happens_is_written_down(began: Path) -> None:
    """Stop, start, another box, a check."""
    checked = Checked(at=NOW, outcome="graded", met=1, criteria=1, points=3)
    journey = read_journey(began).noted("stopped", NOW + timedelta(minutes=5)).boxed(45)
    journey.noted("seen", NOW + timedelta(minutes=9), checked)
    again = read_journey(began)
    assert (again.state.minutes, again.state.checked) == (45, checked)
    assert again.used(NOW + timedelta(hours=2)) == (300.0, False, False)


def test_starting_again_goes_on(opened: Kit, began: Path) -> None:
    """The clock and the work stay, and what was lost of the kit is put back."""
    read_journey(began).boxed(45)
    (began / "app.py").write_text("mine")
    (began / KEPT / "content" / "exercise.json").unlink()
    with pytest.raises(UsageError, match=r"not those of its kit:\n  - 'exercise.json'") as caught:
        read_journey(began).exercise()
    assert "start KIT" in caught.value.hint
    journey = resume(opened, began)
    assert journey.exercise().slug == "tiny"
    assert journey.state.minutes == 45
    assert (began / "app.py").read_text() == "mine"


def test_a_lost_state_begins_with_the_workspace(opened: Kit, began: Path) -> None:
    """When it was started is in the workspace too."""
    (began / KEPT / "journey.json").write_text("{")
    with pytest.raises(UsageError, match=r"journey.json: cannot be read"):
        read_journey(began)
    (began / KEPT / "journey.json").unlink()
    assert resume(opened, began).used(NOW + timedelta(minutes=7)).seconds == 420


def test_another_kit_never_takes_over_a_workspace(began: Path, exercise, signer, tmp_path: Path) -> None:
    """Two kits of one exercise are two folders."""
    (tmp_path / "two.zip").write_bytes(invite(exercise, Invitation("C-2", None, "f" * 16), signer, now=NOW)[1])
    other = open_kit(tmp_path / "two.zip")
    with pytest.raises(UsageError, match="is the workspace of another kit"):
        resume(other, began)
    with pytest.raises(UsageError, match="is there already and not empty"):
        begin(other, began, now=NOW)
    assert begin(other, tmp_path / "two", now=NOW).manifest.candidate == "C-2"
    assert read_journey(began).manifest.candidate == "C-0142"


def lost_marker(work: Path) -> None:
    (work / ".assesskit.json").unlink()


def lost_git(work: Path) -> None:
    shutil.rmtree(work / ".git")


def lost_kit(work: Path) -> None:
    shutil.rmtree(work / KEPT)


def changed_kit(work: Path) -> None:
    said = json.loads((work / KEPT / "kit.json").read_text())
    said["manifest"]["minutes"] = 600
    (work / KEPT / "kit.json").write_text(json.dumps(said))


def changed_marker(work: Path) -> None:
    said = json.loads((work / ".assesskit.json").read_text())
    (work / ".assesskit.json").write_text(json.dumps(said | {"kit": "0" * 64}))


@pytest.mark.parametrize(
    ("change", "words", "hint"),
    [
        (lost_marker, "is no workspace: .assesskit.json", "git checkout HEAD -- .assesskit.json"),
        (lost_git, "has lost its .git folder", "assesskit start KIT"),
        (lost_kit, "was not started from a kit", "assesskit start KIT"),
        (changed_kit, "kit.json or .assesskit.json was changed", "assesskit start KIT"),
        (changed_marker, "kit.json or .assesskit.json was changed", "assesskit start KIT"),
    ],
)
def test_what_a_workspace_lost_is_told_with_what_brings_it_back(began: Path, change, words: str, hint: str) -> None:
    """A deleted or edited manifest, a copy without its .git."""
    change(began)
    with pytest.raises(UsageError, match=words) as caught:
        read_journey(began)
    assert hint in caught.value.hint


def test_the_deleted_manifest_comes_back_as_the_hint_says(began: Path) -> None:
    """It is in the first commit."""
    lost_marker(began)
    git(began, "checkout", "HEAD", "--", ".assesskit.json")
    assert read_journey(began).exercise().slug == "tiny"


def test_line_ends_stay_as_given_whatever_git_is_told_on_this_machine(tmp_path: Path, signer) -> None:
    """As on Windows, where git may be set to write CRLF on checkout: scripts and digests would break."""
    (tmp_path / "gitconfig").write_text("[core]\n\tautocrlf = true\n")
    script = {"exercises/tiny/starter/run.sh": "#!/bin/sh\nexit 0\n", "exercises/tiny/starter/win.txt": "a\r\nb\r\n"}
    exercise = content.load(tiny.build(tmp_path / "root", script), "tiny")
    (tmp_path / "kit.zip").write_bytes(invite(exercise, Invitation("C-1", None, "0" * 16), signer, now=NOW)[1])
    work = begin(open_kit(tmp_path / "kit.zip"), tmp_path / "work", now=NOW).workspace
    for name in ("run.sh", "win.txt"):
        (work / name).unlink()
    git(work, "checkout", "HEAD", "--", "run.sh", "win.txt", GIT_CONFIG_GLOBAL=str(tmp_path / "gitconfig"))
    assert (work / "run.sh").read_bytes() == b"#!/bin/sh\nexit 0\n"
    assert (work / "win.txt").read_bytes() == b"a\r\nb\r\n"


def test_names_with_spaces_and_letters_of_all_kinds_work(opened: Kit, tmp_path: Path) -> None:
    """A home folder may be called anything."""
    work = begin(opened, tmp_path / "Ünï côde 名前" / "my work", now=NOW).workspace
    assert read_journey(work).exercise().slug == "tiny"
