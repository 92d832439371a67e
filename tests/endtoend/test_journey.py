"""From a kit to a verdict: a candidate's `check` sees what the interviewer's `grade` will."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.assess import Task, assess
from assesskit.cli import settings
from assesskit.kits import take
from assesskit.proof.claims import claims
from assesskit.prove import lay_out

SEED = "a"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command that must do its work, as one interviewer, and as a candidate who has no content root."""
    env = os.environ | {"ASSESSKIT_KEY": str(tmp_path / "key.pem"), "ASSESSKIT_LEDGER": str(tmp_path / "ledger.jsonl")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        root = str(ROOT) if words[0] in {"doctor", "invite", "grade"} else ""
        command = [sys.executable, "-m", "assesskit.cli", *words]
        more = {"ASSESSKIT_CONTENT": root}
        return subprocess.run(command, env=env | more, cwd=tmp_path, capture_output=True, text=True, check=True)

    return run


@pytest.fixture
def work(tmp_path: Path, run: Run) -> Path:
    """The workspace of a kit."""
    run("invite", "build-service", "--candidate", "C-1", "--seed", SEED, "--out", "kit.zip")
    run("start", "kit.zip", "work", "--no-services")
    return tmp_path / "work"


@pytest.mark.docker
@pytest.mark.usefixtures("docker_runtime")
def test_the_doctor_builds_all_that_grading_needs(run: Run) -> None:
    """Of every exercise, whether a submission is one program or several."""
    said = json.loads(run("doctor", "--prepare", "--json").stdout)
    assert [each for each in said if not each["ok"]] == []
    built = {each["says"].split()[0] for each in said if each["what"] == "image"}
    assert built == {"build-service", "debug-trace", "extract-endpoint"}


@pytest.mark.parametrize("runtime", ["process"])
def test_check_and_grade_agree_on_every_public_criterion(work: Path, run: Run, prepared: str, tmp_path: Path) -> None:
    """A flawed program, checked from a kit and graded with all content: the same verdicts, for the same reasons."""
    exercise = settings.exercise(ROOT, "build-service", SEED)
    demo = next(mutant.name for mutant in exercise.mutants if mutant.demo)
    claim = next(each for each in claims(exercise) if each.name == demo)
    program = lay_out(claim, tmp_path / "program")
    subprocess.run(["cp", "-r", f"{program}/.", str(work)], check=True)
    said = run("check", "work", "--runtime", prepared, "--json").stdout.splitlines()
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


@pytest.mark.parametrize("runtime", ["process"])
def test_what_is_handed_in_is_graded_and_told_to_its_candidate(
    work: Path, run: Run, prepared: str, tmp_path: Path
) -> None:
    """From the archive to the record, with the notes beside it, and to the candidate's own report."""
    (work / "Dockerfile").write_text("ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n")
    run("submit", "work", "--no-check", "--ai", "None at all.", "--next", "A command for it.")
    graded = run("grade", "C-1-build-service-submission.zip", "--runtime", prepared)
    assert "ledger" not in graded.stderr
    folder = next((tmp_path / "assessments").iterdir())
    assert folder.name.startswith("C-1-build-service-submission-")
    handed = json.loads((folder / "handed.json").read_text())
    assert handed == {"candidate": "C-1", "ai": "None at all.", "next": "A command for it.", "remarks": []}
    record = json.loads((folder / "assessment.json").read_text())
    assert (record["outcome"], record["variant"]["seed"]) == ("submission_failed", SEED)
    told = run("report", str(folder), "--for", "candidate", "--format", "md").stdout
    assert "has neither CMD nor ENTRYPOINT" in told


@pytest.mark.parametrize("runtime", ["process"])
def test_nothing_that_scorers_see_tells_how_long_somebody_had(
    work: Path, run: Run, prepared: str, tmp_path: Path
) -> None:
    """Started days ago and over its time box: the interviewer is told, the archive knows, and no file beside the
    record, no report and no export says when or for how long."""
    (work / "Dockerfile").write_text("ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n")
    day = "2026-01-02T03:04:05Z"
    for name in (".assesskit.json", ".git/assesskit/journey.json"):
        said = json.loads((work / name).read_text())
        (said if "started" in said else said["moments"][0])["started" if "started" in said else "at"] = day
        (work / name).write_text(json.dumps(said))
    run("submit", "work", "--no-check")
    archive = tmp_path / "C-1-build-service-submission.zip"
    told = json.loads(zipfile.ZipFile(archive).read("submission.json"))
    graded = run("grade", archive.name, "--runtime", prepared)
    assert "the time box was over" in graded.stderr
    folder = next((tmp_path / "assessments").iterdir())
    for form in ("md", "json", "csv", "junit", "ats"):
        out = folder / f"exported.{form}"
        run("report", str(folder), "--format", form, "--url", "https://ats.test/1", "--out", str(out))
    run("report", str(folder), "--for", "candidate", "--out", str(folder / "candidate.html"))
    seen = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert len(seen) > 10
    for secret in ("2026-01-02", told["submitted"][:19], str(told["seconds"])):
        assert [name for name, text in seen.items() if secret in text] == []
