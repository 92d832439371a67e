"""The demo does the main job without an engine: two real gradings, two reports, and a page side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.content import load
from assesskit.store import read_assessment

STALLED = "this machine stood still"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder the demo wrote, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT), "DOCKER_HOST": "unix:///no/engine.sock"}
    command = [sys.executable, "-m", "assesskit.cli", "demo", "--out", str(out)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_it_names_two_reports_and_a_comparison_that_are_there(demo: tuple[Path, str]) -> None:
    """Every path that is printed exists, and the page side by side links to both."""
    out, said = demo
    reports = sorted(out.glob("*/report.html"))
    assert len(reports) == 2
    assert all(str(report) in said for report in reports)
    assert str(out / "compare.html") in said
    compared = (out / "compare.html").read_text()
    pages = sorted(out.glob("*/page.html"))
    assert len(pages) == 2
    assert all(page.relative_to(out).as_posix() in compared for page in pages)


def test_the_right_program_loses_nothing_and_the_flawed_one_what_it_should(demo: tuple[Path, str]) -> None:
    """The reference has nothing that is not met; the flawed submission exactly what its author says.

    Where other tests take the processor away, what ran out of time is ungraded, as it should be, and says so.
    """
    out, _said = demo
    [flawed] = [mutant for mutant in load(ROOT, "build-service").mutants if mutant.demo]
    lost: dict[str, set[str]] = {}
    stalled: dict[str, set[str]] = {}
    for file in out.glob("*/assessment.json"):
        assessment = read_assessment(file)
        assert assessment.outcome == "graded", assessment.failure
        name, results = assessment.submission.name, assessment.results
        lost[name] = {one.criterion.id for one in results if one.verdict == "not_met"}
        stalled[name] = {one.criterion.id for one in results if one.verdict == "ungraded" and STALLED in one.reason}
    assert lost == {"reference": set(), flawed.name: set(flawed.fails) - stalled[flawed.name]}
    assert "contract.errors" in lost[flawed.name], "which has nothing to do with time"
