"""Claims hold, by the production path in Docker: a right program or the starter, and wrong ones, drawn.

`make prove` shows all of them; that takes longer than a run of all tests may.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.content import load, slugs


def on_record(slug: str) -> set[str]:
    """The claims of an exercise that are on record."""
    record = ROOT / "exercises" / slug / "proof" / "record.json"
    return set(json.loads(record.read_text(encoding="utf-8"))["claims"]) if record.is_file() else set()


PROVEN = [slug for slug in slugs(ROOT) if "reference" in on_record(slug)]
"""An exercise whose right programs are not on record yet is proven by hand first."""
EXERCISES = 2
"""Drawn of those: all of them would take longer than a run of all tests may."""
DRAWN = 2
"""Wrong programs of each exercise, others in each run."""
JOBS = 3
"""Pods at once. Most of the time programs are waited for; load is measured alone whatever this is."""


@pytest.mark.alone
@pytest.mark.docker
@pytest.mark.usefixtures("docker_runtime")
def test_programs_drawn_are_judged_as_claimed() -> None:
    """Each is graded now, whatever is on record, and judged as claimed, word for word."""
    for slug in random.SystemRandom().sample(PROVEN, EXERCISES):
        expect_as_claimed(slug)


def expect_as_claimed(slug: str) -> None:
    exercise = load(ROOT, slug)
    recorded = on_record(slug)
    wrong = [one.name for one in exercise.mutants if one.name in recorded]
    whole = ["reference", *(alternate.name for alternate in exercise.spec.proof.alternates), "starter"]
    draw = random.SystemRandom()
    names = [draw.choice(whole), *draw.sample(wrong, DRAWN)]
    command = [sys.executable, "-m", "assesskit.cli", "prove", slug, "--runtime", "docker", "--json"]
    command += [f"--jobs={JOBS}", f"--sample={len(names)}", *(f"--only={name}" for name in names)]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    assert set(said["programs"]) == set(names)
    assert {name: program["problems"] for name, program in said["programs"].items() if program["problems"]} == {}
    assert said["refused"] == {}
