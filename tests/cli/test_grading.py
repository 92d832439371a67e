"""`grade` over many submissions: what becomes of each, whatever happens to another."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.reports import samples
from typer.testing import CliRunner

import assesskit.assess
from assesskit import store
from assesskit.assess import Graded, Task
from assesskit.cli import app, interviewer, settings
from assesskit.errors import StoreError
from assesskit.store import read_assessment

ARCHIVE = "C-1-tiny-submission.zip"


class Here(SimpleNamespace):
    """A folder with an archive in it, where nothing is run: every grading gives the same record."""

    folder: Path
    graded: list[str]

    def run(self, *words: str | Path):
        return CliRunner().invoke(app, [*map(str, words)], prog_name="assesskit")

    def copied(self, name: str) -> str:
        shutil.copy(self.folder / ARCHIVE, self.folder / name)
        return name

    @property
    def records(self) -> dict[str, Path]:
        """The records of the gradings, by the name of the submission."""
        paths = self.folder.glob("assessments/*/assessment.json")
        return {read_assessment(path).submission.name: path for path in paths}


@pytest.fixture
def here(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """An interviewer's folder with the archive of a candidate C-1 in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("CONTENT", "CACHE", "KEY", "LEDGER"):
        monkeypatch.setenv(f"ASSESSKIT_{name}", str(root if name == "CONTENT" else tmp_path / name))
    monkeypatch.setattr(settings, "isolated", lambda _kind: SimpleNamespace(name="none"))
    found = Here(folder=folder, graded=[])

    def graded(task: Task, _runtime: object, **_more: object) -> Graded:
        found.graded.append(task.submitted.name)
        record = samples.assessment(run=f"run-{len(found.graded)}")
        return Graded(record.model_copy(update={"submission": task.submitted}), {})

    monkeypatch.setattr(assesskit.assess, "assess", graded)
    for words in (
        ("invite", "tiny", "--candidate", "C-1"),
        ("start", "tiny-C-1.kit.zip", "--no-services"),
        ("submit", "tiny", "--no-check", "--ai", "None.", "--next", "Sleep."),
    ):
        said = found.run(*words)
        assert said.exit_code == 0, said.stderr
    return found


@pytest.mark.parametrize("name", ["x" * 251, os.fsdecode(b"Jos\xe9")], ids=["long", "not UTF-8"])
def test_a_name_that_a_file_system_takes_is_graded(here: Here, name: str) -> None:
    """However long it is; bytes of it that are no UTF-8 are told by replacement characters."""
    said = here.run("grade", here.copied(f"{name}.zip"), ARCHIVE)
    assert said.exit_code == 0, said.stderr
    told = "Jos\ufffd" if name.startswith("Jos") else name
    assert here.graded == [told, "C-1-tiny-submission"]
    assert set(here.records) == set(here.graded)


@pytest.mark.parametrize(
    ("place", "error", "told", "kept"),
    [
        pytest.param(
            (store, "write_assessment"),
            StoreError("cannot be written: no space"),
            "error: cannot be written: no space",
            {"C-1-tiny-submission"},
            id="no room to keep it",
        ),
        pytest.param(
            (interviewer, "write_reports"),
            ZeroDivisionError("of a chart"),
            "ZeroDivisionError: of a chart",
            {"first", "C-1-tiny-submission"},
            id="a bug in a report",
        ),
    ],
)
def test_a_fault_of_ours_does_not_stop_the_others(
    here: Here, place: tuple[object, str], error: Exception, told: str, kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, a bug with its lines, and named at the end; the exit code is 4, and what was kept before it stays."""
    able = getattr(*place)

    def failing(path: Path, *more: object) -> None:
        if path.parent.name.startswith("first"):
            raise error
        able(path, *more)

    monkeypatch.setattr(*place, failing)
    said = here.run("grade", here.copied("first.zip"), ARCHIVE)
    assert said.exit_code == 4
    assert told in said.stderr
    assert "1 of 2 not graded through a fault of ours; grade again: first.zip" in said.stderr
    assert set(here.records) == kept


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(here: Here) -> None:
    """A grading that nobody can keep is a waste of everybody's time."""
    said = here.run("grade", ARCHIVE, "--out", ARCHIVE)
    assert said.exit_code == 4
    assert f"{ARCHIVE}: cannot be made" in said.stderr
    assert here.graded == []


def test_whose_kit_it_was_is_kept_before_the_reports(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a record whose reports could not be written would not say whom it is of, and nobody could erase it."""

    def broken(*_any: object) -> None:
        raise StoreError("cannot be written: no space", where="report.html")

    monkeypatch.setattr(interviewer, "write_reports", broken)
    assert here.run("grade", ARCHIVE).exit_code == 4
    [record] = here.records.values()
    assert json.loads(record.with_name("handed.json").read_text())["candidate"] == "C-1"
