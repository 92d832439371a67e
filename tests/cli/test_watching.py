"""`check --watch` runs again when the work changed, and at nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from assesskit.cli import candidate
from assesskit.errors import SubmissionError


def test_a_change_of_the_work_is_seen_and_what_tools_write_is_not(tmp_path: Path) -> None:
    """Files of git and of caches are no work."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "__pycache__").mkdir()
    seen: list[float] = []
    changes = candidate._changes(tmp_path)

    def wait() -> None:
        next(changes)
        seen.append(time.monotonic())

    watching = threading.Thread(target=wait, daemon=True)
    watching.start()
    time.sleep(0.7)
    (tmp_path / ".git" / "journey.json").write_text("{}")
    (tmp_path / "__pycache__" / "app.pyc").write_text("")
    watching.join(1.5)
    assert seen == []
    for turn in range(20):  # a busy machine may begin to watch late
        (tmp_path / "app.py").write_text(f"print({turn})")
        watching.join(1)
        if seen:
            break
    assert len(seen) == 1


def test_a_workspace_in_the_middle_of_an_edit_ends_no_watch(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """What is wrong with it is told, and the next change is waited for."""
    runs: list[int] = []

    class Fine:
        outcome = "graded"

    def run(*_words, **_more) -> Fine:
        runs.append(1)
        if len(runs) == 2:
            raise SubmissionError("tiny needs Dockerfile, which is not there", where="work")
        return Fine()

    def changes(_workspace: Path) -> Iterator[None]:
        yield from (None, None)

    monkeypatch.setattr(candidate, "_run", run)
    monkeypatch.setattr(candidate, "_changes", changes)
    monkeypatch.setattr(candidate, "exercise_of", lambda *_: None)
    candidate.check(Path(), watch=True)
    assert len(runs) == 3
    assert "needs Dockerfile" in capsys.readouterr().err


def test_strict_and_watch_exclude_each_other(capsys) -> None:
    """One ends with a verdict, the other does not end."""
    with pytest.raises(typer.Exit) as ended:
        candidate.check(Path(), strict=True, watch=True)
    assert ended.value.exit_code == 2
    assert "--watch, --strict: exclude each other" in capsys.readouterr().err
