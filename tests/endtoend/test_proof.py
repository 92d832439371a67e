"""Every claim of build-service has a proof that still stands or is proven now, by the production path in Docker."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.endtoend.conftest import ROOT

SAMPLE = "6"
"""Wrong programs proven again at random; with the right ones, a part of what a full proof takes."""


@pytest.mark.docker
@pytest.mark.usefixtures("docker_runtime")
def test_every_claim_of_build_service_holds() -> None:
    """What has no current proof, the right programs and a sample are judged as claimed, word for word."""
    command = [sys.executable, "-m", "assesskit.cli", "prove", "build-service", "--runtime", "docker", "--json"]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    done = subprocess.run(
        [*command, "--sample", SAMPLE], env=env, capture_output=True, text=True, check=False, timeout=3000
    )
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    assert {name: program["problems"] for name, program in said["programs"].items() if program["problems"]} == {}
    assert said["refused"] == {}
    assert said["claims"]["held"] == said["claims"]["total"]
    assert said["mutants"]["exact"] == said["mutants"]["total"]
