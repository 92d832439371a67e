"""How commands end: with the documented exit codes, on any terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from tests.cli.conftest import Run

from assesskit.cli.told import told


def test_a_question_that_is_left_ends_as_an_interrupt() -> None:
    """And never as a claim that is false."""

    @told
    def ask() -> None:
        raise typer.Abort

    with pytest.raises(typer.Exit) as ended:
        ask()
    assert ended.value.exit_code == 130


def test_names_that_a_terminal_cannot_show_are_escaped(run: Run, tmp_path: Path) -> None:
    """Where standard output is not UTF-8, a file of any name is listed all the same."""
    assert run("start", "tiny", "--no-services").returncode == 0
    (tmp_path / "here/tiny/日本.md").write_text("notes")
    said = run("submit", "tiny", "--no-check", PYTHONIOENCODING="ascii")
    assert said.returncode == 0, said.stderr
    assert "\\u65e5\\u672c.md" in said.stdout
