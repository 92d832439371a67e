"""Every claim of build-service, through the production path in Docker: what `make prove` runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.endtoend.conftest import ROOT


@pytest.mark.docker
@pytest.mark.usefixtures("docker_runtime")
def test_every_claim_of_build_service_holds() -> None:
    """Reference, starter and every wrong program are judged as claimed, word for word."""
    command = [sys.executable, "-m", "assesskit.cli", "prove", "build-service", "--runtime", "docker", "--json"]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    assert {name: program["problems"] for name, program in said["programs"].items() if program["problems"]} == {}
    assert said["claims"]["held"] == said["claims"]["total"]
    assert said["mutants"]["exact"] == said["mutants"]["total"]
