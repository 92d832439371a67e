"""`check` and `submit`: what a candidate reads, is asked, and is told before anything runs."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from tests.reports import samples
from typer.testing import CliRunner, Result

from assesskit.cli import app, candidate, settings
from assesskit.cli.told import told
from assesskit.content import load
from assesskit.scoring import judge, score

Submit = Callable[..., Result]


@pytest.fixture
def submit(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submit:
    """Run `assesskit submit …` on a workspace of a kit of C-1 for the tiny exercise; a check would be a mistake."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONTENT", "CACHE", "KEY", "LEDGER"):
        monkeypatch.setenv(f"ASSESSKIT_{name}", str(root if name == "CONTENT" else tmp_path / name))

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, words)], prog_name="assesskit")

    for words in (("invite", "tiny", "--candidate", "C-1"), ("start", "tiny-C-1.kit.zip", "--no-services")):
        assert run(*words).exit_code == 0

    def never(_kind: settings.Kind) -> None:
        raise AssertionError("it was checked")

    monkeypatch.setattr(settings, "runtime", never)
    return lambda *words: run("submit", "tiny", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "tiny/mine.zip"), "tiny/mine.zip: lies inside the workspace it would hold"),
        (("-o", "nowhere/mine.zip"), "nowhere/mine.zip: its folder is not there"),
        (("-o", "content"), "content: is a folder"),
        (("--ai", "x" * 4001), "--ai: is longer than 4000 characters"),
        (("--next", "x" * 4001), "--next: is longer than 4000 characters"),
    ],
)
def test_what_cannot_be_submitted_is_told_before_anything_runs(
    submit: Submit, words: tuple[str, ...], said: str
) -> None:
    """Whoever waited for the checks and wrote two notes loses neither."""
    refused = submit(*words)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert refused.stdout == ""


def test_a_note_that_is_no_text_is_sent_as_far_as_it_is(submit: Submit, tmp_path: Path) -> None:
    """A terminal of another encoding keeps nobody from submitting."""
    said = submit("--no-check", "--ai", "Caf\udce9.")
    assert said.exit_code == 0, said.stderr
    with zipfile.ZipFile(tmp_path / "C-1-tiny-submission.zip") as archive:
        assert json.loads(archive.read("submission.json"))["ai"] == "Caf\ufffd."


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what somebody types next at a terminal; an exception is what their key does."""

    def types(*lines: str | type[BaseException]) -> None:
        waiting: Iterator[str | type[BaseException]] = iter(lines)

        def typed(_prompt: str = "") -> str:
            line = next(waiting)
            if isinstance(line, str):
                return line
            raise line

        monkeypatch.setattr("builtins.input", typed)
        monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _self: True})())

    return types


def test_a_note_may_be_left_out_at_the_terminal(typed: Callable[..., None], capsys) -> None:
    """By Enter or Ctrl-D; one that is too long is asked for again, and Ctrl-C ends the command as documented."""
    typed("", EOFError, "x" * 4001, "short", KeyboardInterrupt)
    assert [candidate._note(None, "Why?") for _ in range(3)] == ["", "", "short"]
    out, err = capsys.readouterr()
    assert (out, err.count("Why? "), err.count("longer than 4000 characters")) == ("", 4, 1)

    @told
    def ask() -> None:
        candidate._note(None, "Why?")

    with pytest.raises(typer.Exit) as ended:
        ask()
    assert ended.value.exit_code == 130


def test_check_says_who_judges_the_rest(root: Path, capsys) -> None:
    """What people judge is no matter of hidden checks."""
    exercise = load(root, "tiny")
    public = [criterion for criterion in exercise.criteria if criterion.id == "hello.polite"]
    results = judge(public, exercise.planned(), [])
    candidate._tell(samples.assessment(results, score=score(results), failure=None), exercise)
    said = capsys.readouterr().out
    assert "of the other criteria of the brief they measure 1, and people judge 1." in said


def test_submit_promises_to_find_what_it_knows(submit: Submit) -> None:
    """Key files and tokens of the usual services: a password in a text is not known as one."""
    said = " ".join(submit("--help").stdout.split())
    assert "refuses key files, tokens of the usual services and what is too large" in said
