"""Claims hold, by the production path in Docker: a right program or the starter, and wrong ones, drawn.

`make prove` shows all of them; that takes longer than a run of all tests may.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.content import load, slugs
from assesskit.proof.claims import claims
from assesskit.proof.record import standing
from assesskit.proof.signing import trusted


def proven(slug: str) -> list[str]:
    """The claims of an exercise that are proven for what is here."""
    exercise = load(ROOT, slug)
    stands = standing(exercise, claims(exercise), "docker", trusted(ROOT))
    return [one.claim.name for one in stands if one.kept]


EXERCISES = 2
"""All of them would take longer than a run of all tests may."""
DRAWN = 2
"""Wrong programs of each exercise, others in each run."""
JOBS = 2
"""Pods at once, as many as a small build machine has cores: on a busier one a criterion may rightly be ungraded."""


@pytest.mark.alone
@pytest.mark.docker
@pytest.mark.usefixtures("docker_runtime")
def test_programs_drawn_are_judged_as_claimed() -> None:
    """Each is graded now, and judged as claimed, word for word. What is not proven yet is proven by hand first."""
    drawn = {slug: proven(slug) for slug in slugs(ROOT)}
    for slug in random.SystemRandom().sample(
        [slug for slug, names in drawn.items() if "reference" in names], EXERCISES
    ):
        expect_as_claimed(slug, drawn[slug])


def expect_as_claimed(slug: str, known: Sequence[str]) -> None:
    named = {one.name for one in load(ROOT, slug).mutants}
    wrong = [name for name in known if name in named]
    draw = random.SystemRandom()
    whole = draw.choice([name for name in known if name not in named])
    names = [whole, *draw.sample(wrong, min(DRAWN, len(wrong)))]
    command = [sys.executable, "-m", "assesskit.cli", "prove", slug, "--runtime", "docker", "--json"]
    command += [f"--jobs={JOBS}", f"--sample={len(names)}", *(f"--only={name}" for name in names)]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    assert set(said["programs"]) == set(names)
    assert {name: program["problems"] for name, program in said["programs"].items() if program["problems"]} == {}
    assert said["refused"] == {}
