"""Programs that try to be graded better than they deserve, to see what is hidden, to get out, or to end their grader.

Each lies in programs/, and what it deserves beside it in expected.toml. None of them is a fault of ours, none leaves
anything behind, and no report of one can act on its reader.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from assesskit import reports
from assesskit.assess import Task, assess
from assesskit.content import Exercise, load
from assesskit.kits import take
from assesskit.model import Assessment
from assesskit.pods.docker import DockerRuntime
from assesskit.staging import programs

pytestmark = pytest.mark.docker

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())
DOCKERFILE = """ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . /app
CMD ["python", "app.py"]
"""
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def exercise(tmp_path_factory) -> Exercise:
    """Build-service with little patience."""
    root = tmp_path_factory.mktemp("content")
    for part in ("exercises/build-service", "graders/build-service", "docs/rubrics"):
        shutil.copytree(ROOT / part, root / part)
    toml = root / "exercises/build-service/exercise.toml"
    toml.write_text(toml.read_text().replace("ready_within = 30.0", "ready_within = 4.0"))
    return load(root, "build-service")


@pytest.fixture(scope="module")
def prepared(docker_runtime: DockerRuntime, exercise: Exercise) -> DockerRuntime:
    """A runtime in which our own programs are built."""
    for name, program in programs(exercise, exercise.folder, reference=True).items():
        if name != "submission":
            docker_runtime.build(program, lambda _line: None)
    return docker_runtime


def graded(name: str, exercise: Exercise, runtime: DockerRuntime, folder: Path) -> Assessment:
    """Grade a program of programs/ by the criteria it is expected to have a verdict for."""
    program = folder / "program"
    program.mkdir()
    (program / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy(HERE / "programs" / f"{name}.py", program / "app.py")
    shutil.copy(HERE / "programs" / "service.py", program)
    taken = take(program, exercise, folder / "taken")
    without = frozenset(criterion.id for criterion in exercise.criteria) - EXPECTED[name]["verdicts"].keys()
    task = Task(exercise, taken.folder, taken.submitted, without=without)
    return assess(task, runtime, quiet_lock=folder / "quiet", on_event=lambda _event: None).assessment


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_program_gets_what_it_deserves_and_nothing_else(name: str, exercise, prepared, tmp_path) -> None:
    """Its verdicts and their reason are as expected, its pod is gone, and its report is inert."""
    expected = EXPECTED[name]
    assessment = graded(name, exercise, prepared, tmp_path)
    verdicts = {criterion: assessment.verdicts()[criterion] for criterion in expected["verdicts"]}
    assert (assessment.outcome, verdicts) == (expected["outcome"], expected["verdicts"]), assessment.failure
    judged = [result for result in assessment.results if result.criterion.id in verdicts]
    reason = assessment.failure.reason if assessment.failure else judged[-1].reason
    assert re.search(expected["reason"], reason), reason

    left = prepared._engine.api.containers(all=True, filters={"label": f"assesskit.run={assessment.run}"})
    assert left == []
    assert not UNSEEN.search(reports.markdown(assessment))
    page = reports.html(assessment)
    assert not UNSEEN.search(page)
    assert "<script" not in page


def test_every_hostile_program_has_an_expected_outcome() -> None:
    """None is forgotten, on either side."""
    assert {path.stem for path in (HERE / "programs").glob("*.py")} == {"service", *EXPECTED}
