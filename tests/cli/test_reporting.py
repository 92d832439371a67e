"""Reports, scores, reviews, comparisons and erasure, as their users run them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from tests.content.tiny import COMPETENCIES, RUBRIC
from tests.reports import samples
from tests.reports.reading import Page
from typer.testing import CliRunner

from assesskit import journal
from assesskit.cli import app
from assesskit.cli.proofs import Progress
from assesskit.cli.receiving import received
from assesskit.cli.reviewing import _files as read_files
from assesskit.content import load
from assesskit.errors import SubmissionError, UsageError
from assesskit.kits import take
from assesskit.model import Assessment, RuntimeInfo, Variant
from assesskit.proof.claims import claims
from assesskit.proof.reliability import FalseVerdict
from assesskit.prove import Repeated
from assesskit.review.desk import SubmittedFile
from assesskit.scoring import judge, score
from assesskit.store import read_assessment, write_assessment

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
PROFILES = """
[levels.mid]
title = "Mid"
expected = [0.4, 0.6]
[roles.api]
title = "API engineer"
weights = { api-design = 3, performance = 1 }
[roles.speed]
title = "Performance engineer"
weights = { api-design = 1, performance = 9 }
"""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, root: Path) -> Path:
    """The folder that commands run in; its content has profiles."""
    (root / "docs/rubrics/profiles.toml").write_text(PROFILES)
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def run(here: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `assesskit …` in this process, since there are many; `test_commands` starts processes of their own."""
    monkeypatch.chdir(here)
    env = {"ASSESSKIT_CONTENT": str(root), "ASSESSKIT_CACHE": str(tmp_path / "cache")}

    def run(*words: str | Path, **more: str) -> Said:
        done = CliRunner().invoke(app, [str(word) for word in words], env=env | more, prog_name="assesskit")
        return Said(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def graded(here: Path, root: Path, run: Run) -> Path:
    """An assessment of the tiny exercise, its chain begun: polite, not fast, and reasons for people."""
    return written(here / "assessments/C-1-run", tiny(root))


def tiny(root: Path, name: str = "C-1", run: str = "run-1") -> Assessment:
    """What grading the starter of the tiny exercise could have given."""
    exercise = load(root, "tiny")
    seen = [
        samples.observation("hello.polite", check=check)
        for check in ("test_hello.py::test_hello", "test_more.py::test_hello_again")
    ]
    seen.append(samples.observation("hello.fast", "failed", check="test_more.py::test_fast", summary="took 3 s"))
    results = judge(exercise.criteria, exercise.planned(), seen)
    return samples.assessment(
        results,
        run=run,
        score=score(results),
        exercise=exercise.exercised(),
        competencies=dict(exercise.competencies),
        submission=samples.assessment().submission.model_copy(update={"name": name, "digest": "d" * 64}),
        reliability={},
        levels=None,
    )


def written(folder: Path, found: Assessment) -> Path:
    folder.mkdir(parents=True)
    path = folder / "assessment.json"
    write_assessment(path, found)
    journal.opened(path, NOW, "assesskit")
    return path


def seat(here: Path, name: str) -> dict[str, str]:
    return {"ASSESSKIT_REVIEWER_KEY": str(here / f"key-{name}")}


def judged(run: Run, here: Path, path: Path, name: str, level: int) -> Said:
    """A whole review by file."""
    form = run("review", path, "--as", name, "--form", **seat(here, name))
    assert form.returncode == 0, form.stderr
    (here / "form.toml").write_text(re.sub(r"level = $", f"level = {level}", form.stdout, flags=re.MULTILINE))
    return run("review", path, "--as", name, "--from", "form.toml", **seat(here, name))


def test_every_form_of_report_can_be_had(run: Run, graded: Path) -> None:
    """Text forms on standard output, the PDF into a file."""
    starts = {"html": "<!doctype html>", "page": "<!doctype html>", "md": "# ", "json": "{", "csv": '"submission"'}
    for form, start in starts.items():
        said = run("report", graded, "--format", form)
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith(start)
    assert "<testsuites" in run("report", graded, "--format", "junit").stdout
    assert run("report", graded, "--format", "pdf", "-o", graded.parent / "r.pdf").returncode == 0
    assert (graded.parent / "r.pdf").read_bytes().startswith(b"%PDF")
    assert "API engineer" in run("report", graded, "--format", "page").stdout


def test_an_ats_report_without_an_address_is_wrong_use(run: Run, graded: Path) -> None:
    """It is told which option is missing."""
    said = run("report", graded, "--format", "ats")
    assert said.returncode == 2
    assert "--url" in said.stderr
    assert (
        json.loads(run("report", graded, "--format", "ats", "--url", "https://x.test/1").stdout)["partner_score"] == 60
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("assessment/1", "assessment/2"), "written by a newer assesskit"),
        (lambda text: text.replace("assessment/1", "assessment/0"), "written by an older assesskit"),
        (lambda text: text[: len(text) // 2], "is not JSON"),
        (lambda text: text.replace('"points": 3', '"points": -3'), "points"),
        (lambda text: text.replace('"verdict": "met"', '"verdict": "fine"'), "verdict"),
    ],
)
def test_an_assessment_that_cannot_be_read_is_told(run: Run, graded: Path, change: Any, told: str) -> None:
    """Of another schema, truncated, or edited into nonsense: exit code 2, and the file is named."""
    graded.write_text(change(graded.read_text()))
    said = run("report", graded)
    assert said.returncode == 2
    assert "assessment.json" in said.stderr
    assert told in said.stderr


def test_no_command_takes_an_assessment_that_cannot_be_read(run: Run, graded: Path) -> None:
    """Neither scores nor reviews begin with half a record."""
    graded.write_text(graded.read_text()[:-100])
    for words in (("rescore", graded), ("review", graded, "--as", "Kim", "--form")):
        said = run(*words)
        assert said.returncode == 2
        assert "assessment.json: is not JSON" in said.stderr


def test_a_record_that_was_edited_says_so_in_every_report(run: Run, graded: Path) -> None:
    """Each verdict is readable, and the chain tells that it is not the one that was written."""
    graded.write_text(graded.read_text().replace('"verdict": "not_met"', '"verdict": "met"'))
    for form in ("html", "page", "md", "json"):
        assert "it was edited or exchanged" in run("report", graded, "--format", form).stdout
    assert "it was edited or exchanged" in run("rescore", graded).stderr


def test_a_record_without_its_journal_says_so_in_every_report(run: Run, graded: Path) -> None:
    """Not in small print: nothing else tells that verdicts may have been edited."""
    journal.journal_of(graded).unlink()
    for form in ("html", "page", "md", "json", "csv", "junit"):
        assert "came without review.jsonl" in run("report", graded, "--format", form).stdout
    assert "came without review.jsonl" in run("rescore", graded).stderr
    assert "Record" in run("report", graded, "--format", "ats", "--url", "https://x.test/1").stdout
    run("compare", "assessments")
    assert "check the record: see its report" in Path("assessments/compare.html").read_text()


def test_rescore_weighs_and_runs_nothing(run: Run, graded: Path) -> None:
    """Three points of API design met, two of performance not."""
    said = run("rescore", graded, "--json")
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    assert {row["role"]: row["share"] for row in told["roles"]} == {"api": 0.75, "speed": 0.1}
    assert (told["rubric_is_older"], told["rubric_applied"]) == (False, False)
    assert "API engineer" in (graded.parent / "page.html").read_text()
    only = run("rescore", graded, "--role", "speed").stdout
    assert "Performance engineer" in only
    assert "API engineer" not in only


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "performance = 9",
            "preformance = 9",
            "roles.speed.weights.preformance: unknown competency (did you mean 'perf",
        ),
        ("api-design = 1, performance = 9", "api-design = 0, performance = 0", "roles.speed.weights: sum to nothing"),
    ],
)
def test_profiles_that_are_wrong_are_told_before_anything_is_written(
    run: Run, graded: Path, root: Path, old: str, new: str, told: str
) -> None:
    """By file and key."""
    (root / "docs/rubrics/profiles.toml").write_text(PROFILES.replace(old, new))
    for command in (("rescore", graded), ("report", graded), ("compare", graded.parent), ("validate",)):
        said = run(*command)
        assert said.returncode == 2
        assert f"docs/rubrics/profiles.toml: {told}" in said.stderr
    assert not (graded.parent / "page.html").exists()


def test_content_without_profiles_is_sound_and_has_no_roles(run: Run, graded: Path, root: Path) -> None:
    """Reports leave them out; `rescore` has nothing to weigh with, and says so."""
    (root / "docs/rubrics/profiles.toml").unlink()
    assert run("validate").returncode == 0
    assert "What roles ask for" not in run("report", graded, "--format", "page").stdout
    said = run("rescore", graded)
    assert said.returncode == 2
    assert "docs/rubrics/profiles.toml: does not exist" in said.stderr


def test_an_unknown_role_gets_the_nearest(run: Run, graded: Path) -> None:
    """It is wrong use."""
    said = run("rescore", graded, "--role", "sped")
    assert said.returncode == 2
    assert "did you mean 'speed'" in said.stderr


def test_a_rubric_that_was_edited_is_told_and_applied_on_request_only(run: Run, graded: Path, root: Path) -> None:
    """Who, when and why stay on record, and assessment.json is not touched."""
    before = graded.read_bytes()
    rubric = root / RUBRIC
    rubric.write_text(rubric.read_text().replace("points = 3", "points = 30"))
    said = run("rescore", graded)
    assert "3 of 5 points" in said.stdout
    assert "The rubric was edited since this was scored." in said.stderr
    nameless = run("rescore", graded, "--rubric")
    assert nameless.returncode == 2
    assert "--as NAME and --reason TEXT" in nameless.stderr
    applied = run("rescore", graded, "--rubric", "--as", "Kim", "--reason", "greetings matter")
    assert applied.returncode == 0, applied.stderr
    assert "30 of 32 points" in applied.stdout
    assert "greetings matter" in (graded.parent / "report.html").read_text()
    assert graded.read_bytes() == before
    assert [entry.kind for entry in journal.read(graded).entries] == ["graded", "rubric"]
    again = run("rescore", graded, "--rubric", "--as", "Kim", "--reason", "twice")
    assert again.returncode == 0
    assert len(journal.read(graded).entries) == 2


def test_an_assessment_of_an_exercise_that_is_not_here_is_told(run: Run, here: Path) -> None:
    """Its rubric is missing, so it cannot be scored again; its report can still be had."""
    path = written(here / "assessments/other", samples.assessment())
    said = run("rescore", path)
    assert said.returncode == 2
    assert "no exercise 'build-service'" in said.stderr
    assert run("report", path, "--format", "md").returncode == 0


def test_an_assessment_of_another_version_is_not_scored_again(run: Run, graded: Path, root: Path) -> None:
    """Its criteria may ask for something else."""
    toml = root / "exercises/tiny/exercise.toml"
    toml.write_text(toml.read_text().replace('version = "1.2.0"', 'version = "1.3.0"'))
    said = run("rescore", graded)
    assert said.returncode == 2
    assert "was graded in version 1.2.0, and this content has 1.3.0" in said.stderr


@pytest.mark.parametrize(
    ("name", "reason", "told"),
    [
        ("K" * 81, "points of 2027", "--as: "),
        ("Kim \udcff", "points of 2027", "--as: "),
        ("Kim", "x" * 4001, "reason: "),
        ("Kim", "because \udcff", "reason: "),
    ],
    ids=["long name", "name not UTF-8", "long reason", "reason not UTF-8"],
)
def test_a_name_or_reason_that_no_entry_can_hold_is_told(
    run: Run, root: Path, graded: Path, name: str, reason: str, told: str
) -> None:
    """As wrong use, and nothing is on record."""
    rubric = root / RUBRIC
    rubric.write_text(rubric.read_text().replace("points = 3", "points = 4"))
    before = journal.journal_of(graded).read_bytes()
    said = run("rescore", graded, "--rubric", "--as", name, "--reason", reason)
    assert (said.returncode, said.stderr[: len("error: " + told)]) == (2, "error: " + told)
    assert journal.journal_of(graded).read_bytes() == before


@pytest.mark.parametrize("name", ["K" * 81, "Kim \udcff"], ids=["long", "not UTF-8"])
@pytest.mark.parametrize("way", ["--form", "--from=form.toml"])
def test_a_reviewer_whose_name_no_entry_can_hold_is_told(
    run: Run, here: Path, graded: Path, name: str, way: str
) -> None:
    """Before a form is printed or a file is read."""
    (here / "form.toml").write_text('run = "run-1"\n[[levels]]\ncriterion = "hello.reasons"\nlevel = 2\n')
    said = run("review", graded, "--as", name, way, **seat(here, "Kim"))
    assert (said.returncode, said.stderr[:12]) == (2, "error: --as:")


def test_a_review_by_file_counts_once_two_are_in(run: Run, here: Path, graded: Path) -> None:
    """And the pages are written anew."""
    first = judged(run, here, graded, "Kim", 3)
    assert first.returncode == 0, first.stderr
    assert "1 of 2 reviewers are done" in first.stdout
    second = judged(run, here, graded, "Lee", 0)
    assert "3.5 of 6 points; reviewed by Kim, Lee" in second.stdout
    assert "Level 1.5 of 3" in (graded.parent / "page.html").read_text()
    theirs = run("report", graded, "--for", "candidate", "--format", "md").stdout
    assert "**3.5 of 6 points judged.**" in theirs
    assert "Level 1.5 of 3" in theirs


def test_two_reviewers_under_one_name_are_refused(run: Run, here: Path, graded: Path) -> None:
    """On another account, with another key."""
    judged(run, here, graded, "Kim", 3)
    (here / "form.toml").write_text((here / "form.toml").read_text() + 'reason = "mine"\n')
    (here / "form.toml").write_text((here / "form.toml").read_text().replace("level = 3", "level = 1"))
    said = run("review", graded, "--as", "kim", "--from", "form.toml", **seat(here, "other"))
    assert said.returncode == 2
    assert "made on another account" in said.stderr


def test_a_review_needs_something_to_review(run: Run, here: Path, graded: Path) -> None:
    """A missing file, no name, two assessments for one form: wrong use."""
    for words in (("nowhere.json", "--as", "Kim"), (graded,), (graded, graded, "--as", "K", "--form")):
        assert run("review", *words, **seat(here, "Kim")).returncode == 2


def test_a_submission_that_was_not_graded_here_is_refused(run: Run, here: Path, graded: Path) -> None:
    """Its files are no evidence."""
    run("start", "tiny", "--no-services")
    said = run("review", graded, "--as", "Kim", "--submission", "tiny", **seat(here, "Kim"))
    assert said.returncode == 2
    assert "its digest differs" in said.stderr


def test_the_pages_are_served_until_they_are_closed(here: Path, root: Path, run: Run, tmp_path: Path) -> None:
    """The submission's files stand beside the anchors, without its name; Ctrl-C closes the review."""
    run("start", "tiny", "--no-services")
    (here / "tiny/NOTES.md").write_text("written by C-77 himself")
    digest = take(here / "tiny", load(root, "tiny"), tmp_path / "taken").submitted
    found = tiny(root, "C-77")
    path = written(
        here / "assessments/x", found.model_copy(update={"submission": digest.model_copy(update={"name": "C-77"})})
    )
    command = [sys.executable, "-m", "assesskit.cli", "review", str(path), "--as", "Kim", "--submission", "tiny"]
    env = os.environ | {"ASSESSKIT_CONTENT": str(root)} | seat(here, "Kim")
    with subprocess.Popen(
        command, cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        address = next(line for line in server.stdout if "http://" in line).strip()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opener.open(address).close()
        page = opener.open(address.split("?")[0] + "judge/1").read().decode()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        server.stdout.read()
        assert server.stderr
        server.stderr.read()
    assert "written by [candidate] himself" in page
    assert "C-77" not in page
    assert path.with_name("page.html").exists()


Handed = Callable[[str, str], tuple[Path, Path]]


@pytest.fixture
def handed(here: Path, root: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handed:
    """Invites a candidate to the variant of a seed; returns the archive that they hand in, and its assessment."""
    for name in ("KEY", "LEDGER"):
        monkeypatch.setenv(f"ASSESSKIT_{name}", str(tmp_path / name))
    monkeypatch.setenv("ASSESSKIT_CONTENT", str(root))

    def handed(candidate: str, seed: str) -> tuple[Path, Path]:
        folder = here / f"of-{candidate}"
        assert run("invite", "tiny", "--candidate", candidate, "--seed", seed).returncode == 0
        assert run("start", f"tiny-{candidate}.kit.zip", folder, "--no-services").returncode == 0
        (folder / "NOTES.md").write_text(f"{candidate} chose this")
        assert run("submit", folder, "--no-check", "--ai", "None.", "--next", "Sleep.").returncode == 0
        archive = here / f"{candidate}-tiny-submission.zip"
        with received(archive) as came:
            taken = take(came.path, load(root, "tiny", seed), tmp_path / f"taken-{candidate}").submitted
        record = tiny(root, run=candidate).model_copy(update={"submission": taken, "variant": Variant(seed=seed)})
        path = written(here / f"assessments/{candidate}", record)
        path.with_name("handed.json").write_text(json.dumps({"candidate": candidate}))
        return archive, path

    return handed


def notes(found: dict[Path, tuple[SubmittedFile, ...]]) -> dict[Path, list[str]]:
    return {path: [each.text for each in files if each.path == "NOTES.md"] for path, files in found.items()}


def test_the_files_of_a_sealed_submission_stand_beside_the_anchors(root: Path, handed: Handed) -> None:
    """What came back with a kit is opened for reading, and does not say for whom the kit was made."""
    archive, path = handed("C-0142", "s1")
    assert notes(read_files([archive], [path], root)) == {path: ["[candidate] chose this"]}


def test_submissions_of_several_variants_find_their_assessments(here: Path, root: Path, handed: Handed) -> None:
    """As archives and as folders of their files, in any order; what another variant graded is no evidence."""
    (first, one), (second, two) = handed("C-0142", "s1"), handed("C-0143", "s2")
    both = {one: ["[candidate] chose this"], two: ["[candidate] chose this"]}
    assert notes(read_files([second, first], [one, two], root)) == both
    assert notes(read_files([here / "of-C-0143", here / "of-C-0142"], [one, two], root)) == both
    with pytest.raises(UsageError, match=r"C-0143-tiny-submission\.zip: is not what any of these assessments graded"):
        read_files([second], [one], root)


def test_a_submission_that_was_graded_twice_stands_beside_both(root: Path, here: Path, handed: Handed) -> None:
    """A grading that is repeated has the same files."""
    archive, path = handed("C-1", "s1")
    again = written(here / "assessments/again", read_assessment(path).model_copy(update={"run": "again"}))
    assert set(read_files([archive], [path, again], root)) == {path, again}


def test_a_submission_that_cannot_be_taken_says_why(here: Path, root: Path, graded: Path) -> None:
    """Rather than that it was never graded."""
    (here / "empty").mkdir()
    with pytest.raises(SubmissionError, match="empty: "):
        read_files([here / "empty"], [graded], root)


def test_compare_writes_a_page_and_names_what_is_left_out(run: Run, here: Path, root: Path, graded: Path) -> None:
    """One that cannot be read does not stop the others."""
    written(here / "assessments/C-2-run", tiny(root, "C-2", "run-2"))
    (here / "assessments/odd").mkdir()
    (here / "assessments/odd/assessment.json").write_text("{")
    (here / "groups.csv").write_text("alias,group,advanced\nC-1,a,yes\nC-9,b,no\n")
    said = run("compare", "assessments", "--groups", "groups.csv")
    assert said.returncode == 0, said.stderr
    assert "2 of 3 compared" in said.stdout
    assert "not compared: odd: is not JSON" in said.stderr
    text = (here / "assessments/compare.html").read_text()
    assert "Adverse impact" in text
    told = json.loads(run("compare", "assessments", "--json").stdout)
    assert told["compared"] == ["run-1", "run-2"]
    assert told["orders"]["api"] == [{"place": 1, "best": 1, "worst": 1}] * 2


def test_who_is_not_compared_is_in_the_four_fifths_table_all_the_same(run: Run, here: Path, root: Path) -> None:
    """Whom people let advance does not depend on what ran where: half of a group that did not advance cannot vanish."""
    lines = ["alias,group,advanced"]
    elsewhere = RuntimeInfo(name="process", version="1", isolated=False)
    for group, advanced, runtime in (("a", "yes", None), ("b", "yes", None), ("b", "no", elsewhere)):
        for index in range(5):
            name = f"{group}-{advanced}-{index}"
            found = tiny(root, name, f"run-{name}")
            written(here / "assessments" / name, found.model_copy(update={"runtime": runtime or found.runtime}))
            lines.append(f"{name},{group},{advanced}")
    (here / "groups.csv").write_text("\n".join(lines))
    said = run("compare", "assessments", "--groups", "groups.csv")
    assert "10 of 15 compared" in said.stdout
    text = Page((here / "assessments/compare.html").read_text()).text
    assert "b 10 50 % 50 % below: look at the process" in text
    assert (
        "0 people with a record here and in no group; 0 in the file and without a record here that can be read." in text
    )


def test_the_four_fifths_table_knows_a_candidate_by_the_alias_of_their_kit(run: Run, here: Path, root: Path) -> None:
    """Like `erase`, and also where their record cannot be read."""
    for folder, candidate in (("one", "C-1"), ("two", "C-2")):
        path = written(here / "assessments" / folder, tiny(root, f"{candidate}-tiny-submission", f"run-{folder}"))
        path.with_name("handed.json").write_text(json.dumps({"candidate": candidate}))
    path.write_text("{")
    (here / "groups.csv").write_text("alias,group,advanced\nC-1,a,yes\nC-2,a,no\n")
    said = run("compare", "assessments", "--groups", "groups.csv")
    assert said.returncode == 0, said.stderr
    text = Page((here / "assessments/compare.html").read_text()).text
    assert (
        "0 people with a record here and in no group; 0 in the file and without a record here that can be read." in text
    )
    path.with_name("handed.json").write_text("{}")
    said = run("compare", "assessments", "--groups", "groups.csv")
    assert said.returncode == 2
    assert "two/handed.json: does not say whose kit it was" in said.stderr
    assert run("compare", "assessments").returncode == 0


@pytest.mark.parametrize("name", ["Acme: backend", "javascript:alert(1)", "100% of? #1", "N\udcfcrnberg"])
def test_compare_takes_folders_of_any_name(run: Run, here: Path, root: Path, name: str) -> None:
    """A colon makes no scheme of it, and a name need not be UTF-8; the link leads to the report all the same."""
    path = written(here / "assessments" / name / "run", tiny(root))
    path.with_name("page.html").touch()
    (here / "assessments" / name / "assessment.json").write_text("{")
    said = run("compare", "assessments")
    assert said.returncode == 0, said.stderr
    assert "1 of 2 compared" in said.stdout
    links = Page((here / "assessments/compare.html").read_text()).attributes("href")
    reached = {os.fsdecode(unquote_to_bytes(link)) for link in links if link.startswith("./")}
    assert reached == {f"./{name}/run/page.html"}


def test_a_grading_with_a_wrong_verdict_is_compared_with_nobody(
    run: Run, here: Path, root: Path, graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `prove` keeps of our own programs lies beside the assessments of people, and says where."""
    claim = next(each for each in claims(load(root, "tiny")) if each.name == "rude")
    wrong = FalseVerdict(run="run-rude", criterion="hello.polite", verdict="met", reason="All of its checks passed.")
    Progress(1, quiet=False).repeated(Repeated(claim, tiny(root, "rude", "run-rude"), (wrong,), (), 1))
    assert "kept in false-verdicts/rude-run-rude" in capsys.readouterr().out
    assert (here / "false-verdicts/rude-run-rude/report.html").exists()
    assert json.loads(run("compare", "assessments", "--json").stdout)["compared"] == ["run-1"]


def test_compare_of_nothing_is_wrong_use(run: Run, here: Path, graded: Path) -> None:
    """A folder that is none, that is empty, and group data that are wrong."""
    (here / "empty").mkdir()
    (here / "groups.csv").write_text("name\n")
    for words in (("nowhere",), ("empty",), ("assessments", "--groups", "groups.csv")):
        assert run("compare", *words).returncode == 2


def test_erase_removes_a_person_and_leaves_figures(run: Run, here: Path, root: Path, graded: Path) -> None:
    """Nothing that is left holds the name, the run, the submission's digest or what was seen."""
    other = written(here / "assessments/C-2-run", tiny(root, "C-2", "run-2"))
    run("rescore", graded, other)
    (graded.parent / "mine.txt").write_text("a note of the interviewer")
    missing = run("erase", "C-3", "--yes")
    assert missing.returncode == 2
    assert "nobody here is called 'C-3' (did you mean" in missing.stderr
    said = run("erase", "C-1", "--yes")
    assert said.returncode == 0, said.stderr
    assert "mine.txt" in said.stderr
    assert [path.name for path in graded.parent.iterdir()] == ["mine.txt"]
    assert other.exists()
    left = (here / "assessments/anonymous.jsonl").read_text()
    assert [word for word in ("C-1", "run-1", "d" * 64, "took 3 s", "2026-03") if word in left] == []
    figures = json.loads(left)
    assert (figures["score"]["earned"], figures["standings"]["hello.fast"], figures["year"]) == (3, "not_met", 2026)


def test_erase_knows_a_candidate_by_the_alias_of_their_kit(run: Run, here: Path, graded: Path) -> None:
    """The assessment of a submission that came with a kit, whatever its name, and the lines of the ledger."""
    env = {"ASSESSKIT_LEDGER": str(here / "ledger.jsonl"), "ASSESSKIT_KEY": str(here / "key.pem")}
    for candidate in ("C-0142", "C-0143", "C-0144"):
        invited = run("invite", "tiny", "--candidate", candidate, **env)
        assert invited.returncode == 0, invited.stderr
    (graded.parent / "handed.json").write_text('{"candidate": "C-0142"}')
    said = run("erase", "C-0142", "--yes", **env)
    assert said.returncode == 0, said.stderr
    assert not graded.parent.exists()
    never_graded = run("erase", "C-0143", "--yes", "--in", "nowhere", **env)
    assert never_graded.returncode == 0, never_graded.stderr
    ledger = (here / "ledger.jsonl").read_text()
    assert [name for name in ("C-0142", "C-0143", "C-0144") if name in ledger] == ["C-0144"]


def test_erase_removes_the_lines_of_whoever_has_no_assessment(run: Run, here: Path, graded: Path) -> None:
    """Whether all of the folder were erased before, or a record does not say whose kit it was: that is told."""
    env = {"ASSESSKIT_LEDGER": str(here / "ledger.jsonl"), "ASSESSKIT_KEY": str(here / "key.pem")}
    for candidate in ("C-2", "C-3"):
        run("invite", "tiny", "--candidate", candidate, **env)
    (here / "empty").mkdir()
    (here / "empty/anonymous.jsonl").touch()
    for candidate, folder in (("C-2", "empty"), ("C-3", "assessments")):
        said = run("erase", candidate, "--in", folder, "--yes", **env)
        assert said.returncode == 0, said.stderr
        assert f"no assessment in {folder} says that it is of '{candidate}'" in said.stderr
        assert "removed from the ledger: 1 lines" in said.stdout
    assert (here / "ledger.jsonl").read_text() == ""
    assert graded.exists()


@pytest.mark.parametrize("told", ["{}", "[]", "{", "[" * 100_000])
def test_erase_goes_on_past_what_does_not_say_whose_kit_it_was(
    run: Run, here: Path, root: Path, graded: Path, told: str
) -> None:
    """It names the file, and knows that assessment by its submission's name."""
    other = written(here / "assessments/C-2-run", tiny(root, "C-2", "run-2"))
    other.with_name("handed.json").write_text(told)
    for alias in ("C-1", "C-2"):
        said = run("erase", alias, "--yes")
        assert said.returncode == 0, said.stderr
        assert "so nobody knows whose it is: assessments/C-2-run/handed.json" in said.stderr
    assert not graded.parent.exists()
    assert not other.parent.exists()


def test_erase_asks_first(run: Run, here: Path, graded: Path) -> None:
    """Without an answer nothing is removed."""
    said = run("erase", "C-1")
    assert said.returncode == 130
    assert "nothing was done" in said.stderr
    assert graded.exists()
    assert not (here / "assessments/anonymous.jsonl").exists()


def test_the_tiny_content_has_the_competencies_of_these_profiles() -> None:
    """Else the tests above would test something else."""
    from tests.content.tiny import FILES

    assert all(name in FILES[COMPETENCIES] for name in ("api-design", "performance"))
