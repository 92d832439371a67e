"""Whole runs of the command line over the real exercise, in real pods."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from assesskit.cli import settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def runtime(request) -> str:
    """The name of a runtime that answers here."""
    if request.param == "docker":
        request.getfixturevalue("docker_runtime")
    return str(request.param)


@pytest.fixture
def prepared(runtime: str) -> str:
    """The name of a runtime in which every program of build-service has been built."""
    from assesskit.staging import programs

    exercise = settings.exercise(ROOT, "build-service")
    found = settings.runtime(settings.Kind(runtime))
    reference = exercise.folder / exercise.spec.proof.reference
    for program in programs(exercise, reference, reference=True).values():
        found.build(program, lambda _line: None)
    return runtime


@pytest.fixture
def grade(tmp_path: Path, prepared: str) -> tuple[list[str], dict[str, str], Path]:
    """The command that grades the reference, its environment, and the folder it writes to."""
    reference = ROOT / "exercises/build-service/proof/reference"
    command = [sys.executable, "-m", "assesskit.cli", "grade", str(reference), "--exercise", "build-service"]
    command += ["--runtime", prepared, "--out", str(tmp_path / "out")]
    return command, os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}, tmp_path / "out"
