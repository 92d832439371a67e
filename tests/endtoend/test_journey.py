"""From a kit to a verdict: a candidate's `check` sees what the interviewer's `grade` will."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.assess import Task, assess
from assesskit.cli import settings
from assesskit.kits import take
from assesskit.proof.claims import claims
from assesskit.prove import lay_out

SEED = "a"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The workspace of a kit, made where there is no content root."""
    env = os.environ | {"ASSESSKIT_CONTENT": "", "ASSESSKIT_KEY": str(tmp_path / "key.pem")}
    env |= {"ASSESSKIT_LEDGER": str(tmp_path / "ledger.jsonl")}
    assesskit = [sys.executable, "-m", "assesskit.cli"]
    words = ["invite", "build-service", "--candidate", "C-1", "--seed", SEED, "--out", str(tmp_path / "kit.zip")]
    subprocess.run([*assesskit, *words, "--content", str(ROOT)], env=env, check=True, capture_output=True)
    start = ["start", "kit.zip", "work", "--no-services"]
    subprocess.run([*assesskit, *start], cwd=tmp_path, env=env, check=True, capture_output=True)
    return tmp_path / "work"


@pytest.mark.parametrize("runtime", ["process"])
def test_check_and_grade_agree_on_every_public_criterion(work: Path, prepared: str, tmp_path: Path) -> None:
    """A flawed program, checked from a kit and graded with all content: the same verdicts, for the same reasons."""
    exercise = settings.exercise(ROOT, "build-service", SEED)
    demo = next(mutant.name for mutant in exercise.mutants if mutant.demo)
    claim = next(each for each in claims(exercise) if each.name == demo)
    program = lay_out(claim, tmp_path / "program")
    subprocess.run(["cp", "-r", f"{program}/.", str(work)], check=True)
    command = [sys.executable, "-m", "assesskit.cli", "check", str(work), "--runtime", prepared, "--json"]
    env = os.environ | {"ASSESSKIT_CONTENT": ""}
    said = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    checked = json.loads(said[-1])["verdicts"]
    taken = take(work, exercise, tmp_path / "taken")
    public = {key for key, checks in exercise.checks.items() if any(each.visibility == "public" for each in checks)}
    without = frozenset(criterion.id for criterion in exercise.criteria) - public
    task = Task(exercise, taken.folder, taken.submitted, without=without)
    graded = assess(task, settings.runtime(settings.Kind(prepared)), quiet_lock=tmp_path / "q", on_event=lambda _: None)
    verdicts = graded.assessment.verdicts()
    assert checked == {key: verdicts[key] for key in checked}
    assert set(checked) == public
    fails = public.intersection(claim.fails)
    assert fails
    assert {key for key, verdict in checked.items() if verdict == "not_met"} == fails
