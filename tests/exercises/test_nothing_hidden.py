"""Nothing that is hidden reaches a candidate: not in a kit, not in its workspace or its history, not in the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.exercises.hidden import facts, hidden, in_archive, in_workspace, leaks, runs, spellings

from assesskit.content import Exercise, load, slugs
from assesskit.content.given import Given, given_files
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import begin
from assesskit.kits.kit import open_kit
from assesskit.signatures import signer_at

ROOT = Path(__file__).parents[2]
SEEDS = ("a", "b", "c")
NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module", params=[(slug, seed) for slug in slugs(ROOT) for seed in SEEDS], ids="-".join)
def given(request, tmp_path_factory) -> tuple[Exercise, Path]:
    """A variant of an exercise, and the folder with its kit and workspace."""
    slug, seed = request.param
    folder = tmp_path_factory.mktemp(f"{slug}-{seed}")
    exercise = load(ROOT, slug, seed, cache=folder)
    _, data = invite(exercise, Invitation("C-1", "senior", "0" * 16), signer_at(folder / "key.pem"), now=NOW)
    (folder / "kit.zip").write_bytes(data)
    begin(open_kit(folder / "kit.zip"), folder / "work", now=NOW)
    return exercise, folder


def test_there_is_something_to_hide(given) -> None:
    """The search below looks for hundreds of lines of each kind, and finds each where it is."""
    exercise, _ = given
    told = hidden(exercise)
    assert min(len(those) for those in told.values()) > 5
    assert min(len(told[kind]) for kind in ("checks", "proof", "notes")) > 50
    for path in (next(iter(exercise.hidden_tests.glob("test_*.py"))), exercise.rubric_file):
        assert leaks([(path.name, path.read_bytes())], told)


def test_neither_kit_nor_workspace_holds_what_is_hidden(given) -> None:
    """Hidden checks, proofs, notes, questions, anchors, what seeds draw: no line of them, in history neither."""
    exercise, folder = given
    told = hidden(exercise)
    assert leaks(in_archive(folder / "kit.zip"), told) == []
    assert leaks(in_workspace(folder / "work"), told) == []


def test_no_file_of_a_kit_comes_from_where_hidden_things_are(given) -> None:
    """Whatever an exercise names for candidates."""
    exercise, _ = given
    never = (exercise.folder / "proof", exercise.hidden_tests, exercise.rubric_file.parent)
    paths = [path.resolve() for path in given_files(exercise).values()]
    assert [path for path in paths if any(path.is_relative_to(folder.resolve()) for folder in never)] == []
    assert not {path.name for path in paths} & {"exercise.toml", "variants.toml"}


def test_what_hidden_checks_know_is_not_told(given) -> None:
    """Their facts and files, their names, the claims of proofs."""
    exercise, folder = given
    with zipfile.ZipFile(folder / "kit.zip") as archive:
        said = Given.model_validate_json(archive.read("content/exercise.json"), strict=True)
    assert set(said.spec["grader"]["facts"]) & facts(exercise) == set()
    assert set(said.spec["grader"]["files"]) <= set(exercise.spec.candidate.files)
    assert "proof" not in said.spec
    everything = b"".join(data for _, data in in_archive(folder / "kit.zip")).decode()
    names = [check.name for checks in exercise.checks.values() for check in checks if check.visibility == "hidden"]
    names += [mutant.name for mutant in exercise.mutants if "-" in mutant.name]
    assert len(names) > 10
    assert [name for name in names if name.rpartition("::")[2] in everything] == []


def test_a_kit_does_not_say_what_other_seeds_draw(given) -> None:
    """No word of another variant is in it, so nobody can tell from one kit what another holds."""
    exercise, folder = given
    words = spellings(exercise)
    content = (data for name, data in in_archive(folder / "kit.zip") if name.startswith("content/"))
    everything = b"".join(content).decode().lower()
    assert len(words) > 10
    assert sorted(word for word in words if re.search(rf"(?<![a-z]){word}(?![a-z])", everything)) == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package a candidate installs."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(next(out.glob("*.whl")))


def test_the_package_holds_no_content(wheel: Path) -> None:
    """No exercise, no grader, no rubric: sources of ours, templates, and the grader's image recipe."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "assesskit/kits/pages/brief.html.j2" in names
    assert {name.partition("/")[0] for name in names if not name.startswith("assesskit-")} == {"assesskit"}
    folders = {name.split("/")[1] for name in names if name.startswith("assesskit/") and name.count("/") > 1}
    assert folders == {path.name for path in (ROOT / "src/assesskit").iterdir() if path.is_dir()} - {"__pycache__"}
    assert not any("shipped" in name or "/hidden/" in name or "/proof/mutants" in name for name in names)


def test_the_source_archive_holds_no_content_either(wheel: Path) -> None:
    """Who installs from sources gets the same files, and what builds them."""
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    others = {name for name in names if not name.startswith("src/assesskit/")}
    assert others == {"PKG-INFO", "README.md", ".gitignore", "constraints.txt", "pyproject.toml"}
    package = {name.removeprefix("src/") for name in names if name.startswith("src/assesskit/")}
    assert {name for name in package if "/shipped/" in name or "/hidden/" in name} == set()


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_the_package_holds_nothing_hidden(wheel: Path, slug: str) -> None:
    """No note and nothing of what seeds draw; of hidden checks and proofs, no two lines that stand together."""
    told = hidden(load(ROOT, slug))
    code = told.pop("proof") | told.pop("checks")
    assert leaks(in_archive(wheel), told) == []
    assert [name for name, data in in_archive(wheel) if runs(data, code, 2)] == []
    check = next((ROOT / "graders" / slug / "hidden").glob("test_*.py"))
    assert runs(check.read_bytes(), code, 2), "what is looked for is found where it is"
