"""Which files of a submission the checks may read, and what stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from assesskit.checks.expect import Failure
from assesskit.checks.submitted import SUBMITTED, Submitted
from assesskit.content.submitted import MOST_BYTES, MOST_FILES, submitted

PATTERNS = ("Dockerfile", "deploy/**", "**/requirements*.txt", "A*.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "submission"
    for name in ("Dockerfile", "deploy/k8s/app.yaml", "requirements.txt", "lib/requirements-dev.txt", "orders/app.py"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def handed(folder: Path, tmp_path: Path) -> Submitted:
    """What the grader reads of what the harness wrote."""
    (tmp_path / SUBMITTED).write_bytes(submitted(folder, PATTERNS))
    return Submitted.read(tmp_path)


def test_only_files_that_fit_a_pattern_are_handed_over(folder: Path, tmp_path: Path) -> None:
    files = handed(folder, tmp_path).files
    assert sorted(files) == ["Dockerfile", "deploy/k8s/app.yaml", "lib/requirements-dev.txt", "requirements.txt"]
    assert files["Dockerfile"] == b"Dockerfile"


def test_without_patterns_nothing_is_handed_over(folder: Path) -> None:
    assert submitted(folder, ()) == b'{"files": {}, "left_out": {}}'


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "deploy" / "link.yaml").symlink_to(tmp_path / "secret")
    (folder / "deploy" / "up").symlink_to(tmp_path)
    assert b"secret" not in b"".join(handed(folder, tmp_path).files.values())


def test_a_file_that_is_too_large_is_named_and_asking_for_it_is_a_failure(folder: Path, tmp_path: Path) -> None:
    (folder / "deploy" / "big.yaml").write_bytes(b"x" * (MOST_BYTES + 1))
    files = handed(folder, tmp_path)
    assert "deploy/big.yaml" in files.paths
    with pytest.raises(Failure, match="larger than"):
        files.text("deploy/big.yaml")


def test_there_is_an_end_to_the_number_of_files(folder: Path, tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        (folder / "deploy" / f"{number}.yaml").touch()
        (folder / f"A{number}.txt").touch()
    files = handed(folder, tmp_path)
    assert "Dockerfile" in files.files  # what an earlier pattern names comes first
    assert len(files.files) == MOST_FILES
    assert "more than" in files.left_out["…"]


def test_a_file_that_is_missing_or_no_text_is_a_failure(folder: Path, tmp_path: Path) -> None:
    (folder / "Dockerfile").write_bytes(b"\xff\xfe")
    files = handed(folder, tmp_path)
    with pytest.raises(Failure, match="UTF-8"):
        files.text("Dockerfile")
    with pytest.raises(Failure, match="no file"):
        files.text("deploy/rollout.toml")
