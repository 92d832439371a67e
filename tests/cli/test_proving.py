"""`prove` as its users run it, on a runtime that runs nothing: what it says, keeps, and ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from tests.run.test_assess import Grader, runtime
from typer.testing import CliRunner, Result

from assesskit.cli import app, proving, settings

Prove = Callable[..., Result]


@pytest.fixture
def prove(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prove:
    """Run `assesskit prove tiny …`, with a grader that says of every criterion what `outcome` is, or nothing at all."""
    monkeypatch.chdir(tmp_path)
    for name in ("CACHE", "PROOF_KEY"):
        monkeypatch.setenv(f"ASSESSKIT_{name}", str(tmp_path / name))
    monkeypatch.setenv("ASSESSKIT_CONTENT", str(root))

    def run(*words: str, outcome: str = "") -> Result:
        def says(grader: Grader) -> None:
            if outcome:
                grader.begin()
                for criterion in grader.hello["criteria"]:
                    grader.observe(criterion, outcome)
                grader.finish()

        monkeypatch.setattr(settings, "runtime", lambda _kind: runtime(says))
        return CliRunner().invoke(app, ["prove", "tiny", *words], prog_name="assesskit")

    return run


def test_counting_says_what_was_our_fault(prove: Prove) -> None:
    """A grading that failed through us shows nothing: it is not as claimed, and the exit code is that of a fault."""
    said = prove("--only", "reference", "--repeat", "2", "--jobs", "1")
    assert said.exit_code == 4
    assert said.stdout.count("our fault  reference") == 2
    assert "as claimed" not in said.stdout
    assert prove("--only", "reference", "--repeat", "1", "--json").exit_code == 4
    assert prove("--only", "reference", "--repeat", "1", outcome="passed").exit_code == 0
    assert prove("--only", "reference", "--repeat", "1", outcome="failed").exit_code == 1


def test_two_that_keep_what_they_show_follow_one_another(
    prove: Prove, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would drop what the other has kept; one that keeps nothing waits for nobody."""
    other = FileLock(settings.proof_lock(root / "exercises/tiny"))
    other.acquire()
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        if text.startswith("another prove of tiny"):
            other.release()

    monkeypatch.setattr(proving, "say", hear)
    words = ("--only", "reference", "--jobs", "1")
    assert prove(*words, "--sample", "0", outcome="passed").exit_code == 0
    assert other.is_locked
    assert prove(*words, "--repeat", "1", outcome="passed").exit_code == 0
    assert not other.is_locked
    assert "another prove of tiny keeps what it shows; this one begins when that has ended" in said
