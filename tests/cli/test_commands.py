"""Every command answers right and wrong use with the documented exit code and words a person can act on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.content import varied
from tests.content.tiny import TOML
from tests.reports.samples import assessment

from assesskit.content import load
from assesskit.store import write_assessment

COMMANDS = (
    *("start", "status", "stop", "logs", "reset", "check", "submit"),
    *("keys", "invite", "list", "show", "grade", "report", "rescore", "review", "compare", "erase"),
    *("prove", "validate", "doctor", "demo"),
)


def test_help_names_every_command(run: Run) -> None:
    """`--help` lists the commands and the exit codes."""
    said = run("--help")
    assert said.returncode == 0
    assert [name for name in COMMANDS if f"  {name} " not in said.stdout] == []
    assert "130 interrupted" in said.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    """Each has a help text of its own."""
    said = run(command, "--help")
    assert said.returncode == 0
    assert said.stdout.startswith("Usage: ")


def test_help_loads_no_heavy_library() -> None:
    """`--help` stays quick: the engine's client, pydantic, rich and jinja2 load later, where needed."""
    code = "import assesskit.cli, sys; print([m for m in ('docker', 'pydantic', 'rich', 'jinja2') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_completion_is_offered(run: Run) -> None:
    """The shell's completion script can be had. Which shell asks is looked up among our parents, unless it is named."""
    said = run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert said.returncode == 0
    assert "_ASSESSKIT_COMPLETE" in said.stdout.upper()


def test_list_and_show_speak_json(run: Run) -> None:
    """Machines read the same facts people do."""
    assert json.loads(run("list", "--json").stdout)[0]["slug"] == "tiny"
    criteria = json.loads(run("show", "tiny", "--json").stdout)["criteria"]
    assert {criterion["id"]: criterion["public"] for criterion in criteria} == {
        "hello.polite": True,
        "hello.fast": False,
        "hello.reasons": False,
    }


def test_show_names_points_and_what_is_public(run: Run) -> None:
    """A person sees what each criterion is worth and whether its checks are public."""
    said = run("show", "tiny").stdout
    assert "   3  public  hello.polite" in said
    assert "   6  points" in said


def test_an_unknown_exercise_gets_a_suggestion(run: Run) -> None:
    """A mistyped name is answered with the right one."""
    said = run("show", "tinny")
    assert said.returncode == 2
    assert "did you mean" in said.stderr
    assert "tiny" in said.stderr


def test_no_content_is_told_before_anything_runs(run: Run, tmp_path: Path) -> None:
    """A folder that is no content root is named, with what is missing in it."""
    said = run("list", ASSESSKIT_CONTENT=str(tmp_path))
    assert said.returncode == 2
    assert "holds no exercises/, graders/ and docs/rubrics/" in said.stderr


def test_validate_says_everything_that_is_wrong(run: Run, root: Path) -> None:
    """Broken content ends with 2 and names file, key and the nearest right key."""
    assert run("validate").returncode == 0
    toml = root / TOML
    toml.write_text(toml.read_text().replace("minutes = 30", "minuts = 30"))
    said = run("validate")
    assert said.returncode == 2
    assert "exercises/tiny/exercise.toml: minuts" in said.stderr
    assert "minutes" in said.stderr
    assert json.loads(run("validate", "--json").stdout)["valid"] is False


def test_start_makes_a_workspace_and_never_overwrites_one(run: Run, tmp_path: Path) -> None:
    """A second start goes on with it, and one into a folder that holds something else is refused."""
    said = run("start", "tiny", "--no-services")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "here/tiny/README.md").is_file()
    assert (tmp_path / "here/tiny/.git").is_dir()
    (tmp_path / "here/tiny/app.py").write_text("mine")
    assert run("start", "tiny", "--no-services").returncode == 0
    assert (tmp_path / "here/tiny/app.py").read_text() == "mine"
    (tmp_path / "here/other").mkdir()
    (tmp_path / "here/other/file").touch()
    again = run("start", "tiny", "other", "--no-services")
    assert again.returncode == 2
    assert "other" in again.stderr


def test_submit_freezes_a_workspace_and_says_what_is_in_it(run: Run, tmp_path: Path) -> None:
    """The archive holds what was listed."""
    run("start", "tiny", "--no-services")
    said = run("submit", "tiny")
    assert said.returncode == 0, said.stderr
    assert "app.py" in said.stdout
    assert (tmp_path / "here/trial-tiny-submission.zip").is_file()


@pytest.mark.parametrize("command", ["check", "submit"])
def test_outside_a_workspace_a_candidate_is_told_where_to_be(run: Run, command: str) -> None:
    """A folder that `start` did not make is no workspace."""
    said = run(command)
    assert said.returncode == 2
    assert "is no workspace" in said.stderr


def test_grade_of_nothing_is_told(run: Run) -> None:
    """A path that is not there is named."""
    said = run("grade", "nowhere.zip")
    assert said.returncode == 2
    assert "nowhere.zip: no such file or folder" in said.stderr


def test_a_folder_must_say_which_exercise_it_answers(run: Run, tmp_path: Path) -> None:
    """A bare folder needs --exercise."""
    (tmp_path / "here/work").mkdir()
    said = run("grade", "work")
    assert said.returncode == 2
    assert "--exercise" in said.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "zip"), (b"PK\x03\x04 truncated", "zip"), (b"\x1f\x8b\x08\x00", "zip")],
    ids=["empty", "truncated", "gzip"],
)
def test_an_archive_that_is_none_is_refused(run: Run, tmp_path: Path, data: bytes, said: str) -> None:
    """What cannot be read as a submission ends with 2 and its name, and leaves nothing behind."""
    archive = tmp_path / "here/odd.zip"
    archive.write_bytes(data)
    answer = run("grade", "odd.zip")
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "odd.zip" in answer.stderr
    assert not (tmp_path / "here/assessments").exists()


def test_a_refused_submission_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    """Each that is refused is named with its reason, and all of them at the end."""
    for name in ("odd.zip", "other.zip"):
        (tmp_path / "here" / name).write_bytes(b"")
    said = run("grade", "odd.zip", "other.zip", "nowhere.zip")
    assert said.returncode == 2
    assert said.stderr.count("error: ") == 3
    assert "3 of 3 refused: odd.zip, other.zip, nowhere.zip" in said.stderr


def test_a_submission_of_another_version_is_refused(run: Run, root: Path) -> None:
    """An archive is graded against the exercise it was started from, or not at all."""
    run("start", "tiny", "--no-services")
    run("submit", "tiny")
    toml = root / TOML
    toml.write_text(toml.read_text().replace('version = "1.2.0"', 'version = "1.3.0"'))
    said = run("grade", "trial-tiny-submission.zip", "--runtime", "process")
    assert said.returncode == 2
    assert "1.2.0" in said.stderr
    assert "1.3.0" in said.stderr


def test_without_an_engine_nothing_untrusted_is_run(run: Run) -> None:
    """`grade` ends with 3, says what to start, and names the way that isolates nothing."""
    run("start", "tiny", "--no-services")
    for words in ((), ("--runtime", "docker")):
        said = run("grade", "tiny", *words)
        assert said.returncode == 3
        assert "--runtime process" in said.stderr
        assert "isolate nothing" in said.stderr


def test_doctor_says_what_works_and_what_does_not(run: Run) -> None:
    """Without an engine the doctor says so and goes on; plain processes still work."""
    said = run("doctor", "--json")
    found = {each["what"]: each["ok"] for each in json.loads(said.stdout)}
    assert (found["docker"], found["process"], found["content"]) == (False, True, True)
    assert said.returncode == 0


def test_the_doctor_of_a_candidate_misses_no_content(run: Run) -> None:
    """They have none and need none: a kit brings its own."""
    said = run("doctor", "--json", ASSESSKIT_CONTENT="")
    found = {each["what"]: each for each in json.loads(said.stdout)}
    assert found["content"]["ok"]
    assert "none here" in found["content"]["says"]


def test_a_report_can_be_written_again_from_its_assessment(run: Run, tmp_path: Path) -> None:
    """HTML, Markdown and JSON come from the stored record alone."""
    write_assessment(tmp_path / "here/assessment.json", assessment())
    assert run("report", "assessment.json", "-o", "again.html").returncode == 0
    assert "<html" in (tmp_path / "here/again.html").read_text()
    assert run("report", "assessment.json", "--format", "md").stdout.startswith("#")
    assert json.loads(run("report", "assessment.json", "--format", "json").stdout)["run"] == assessment().run


def test_a_report_for_the_candidate_is_another_one(run: Run, tmp_path: Path) -> None:
    """`--for candidate` holds no question and no hidden check, in every form."""
    write_assessment(tmp_path / "here/assessment.json", assessment())
    for form in ("html", "md", "json"):
        said = run("report", "assessment.json", "--for", "candidate", "--detail", "verdicts", "--format", form)
        assert said.returncode == 0
        assert "Build a production" in said.stdout
        assert "What happens when two of these arrive" not in said.stdout
        assert "hidden/" not in said.stdout


def test_a_report_of_something_else_is_refused(run: Run, tmp_path: Path) -> None:
    """A file that is no assessment is named, with what is wrong."""
    (tmp_path / "here/odd.json").write_text("[]")
    said = run("report", "odd.json")
    assert said.returncode == 2
    assert "odd.json" in said.stderr


def test_an_unknown_claim_is_told_before_anything_runs(run: Run) -> None:
    """`prove --only` with a name nobody knows lists the names there are."""
    said = run("prove", "tiny", "--only", "polite")
    assert said.returncode == 2
    assert "There are: reference, starter, rude, slow." in said.stderr


def test_a_check_names_the_claims_without_a_current_proof(run: Run) -> None:
    """`prove --check` runs nothing, needs no engine, and ends with 1."""
    said = run("prove", "tiny", "--check")
    assert said.returncode == 1
    assert "never proven: reference, starter, rude, slow" in said.stderr
    assert json.loads(run("prove", "tiny", "--check", "--json").stdout)["claims"] == {"total": 4, "kept": 0}


def test_ways_to_prove_that_exclude_each_other_are_told(run: Run) -> None:
    """Counting writes, a spot check does not: both at once is a mistake."""
    for words in (("--sample", "3", "--repeat", "2"), ("--check", "--seeds", "2"), ("--bless", "--seed", "a")):
        said = run("prove", "tiny", *words)
        assert said.returncode == 2
        assert "--" in said.stderr


def test_a_seed_draws_the_variant_that_is_worked_on_and_handed_in(run: Run, root: Path, tmp_path: Path) -> None:
    """`start --seed` is enough: the workspace and its archive say the seed from then on."""
    varied.build(root)
    seed = varied.seed_for(load(root, "tiny"), "depot")
    assert run("start", "tiny", "--seed", seed, "--no-services").returncode == 0
    assert (tmp_path / "here/tiny/README.md").read_text() == "# Say hello to the depot\n"
    assert run("submit", "tiny").returncode == 0
    for what in ("tiny", "trial-tiny-submission.zip"):
        said = run("grade", what, "--seed", "another")
        assert said.returncode == 2
        assert f"was started with seed '{seed}', not 'another'" in said.stderr


@pytest.mark.parametrize("seed", ["", "x" * 65, "a\tb"])
@pytest.mark.parametrize("command", [("start", "tiny"), ("grade", ".", "--exercise", "tiny")])
def test_a_seed_that_is_none_is_refused_before_anything_runs(run: Run, command: tuple[str, ...], seed: str) -> None:
    """Empty, long and unprintable seeds are wrong use."""
    said = run(*command, "--seed", seed)
    assert said.returncode == 2
    assert "seed: is no seed: 1 to 64 printable characters" in said.stderr
