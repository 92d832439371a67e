"""The engine of the tests that need one."""

from __future__ import annotations

import os

import pytest

from assesskit.errors import RuntimeUnavailableError
from assesskit.pods.docker import DockerRuntime


@pytest.fixture(scope="session")
def docker_runtime(tmp_path_factory) -> DockerRuntime:
    """A runtime on this machine's engine; without one the test is skipped, or fails if ASSESSKIT_REQUIRE_DOCKER=1."""
    base = os.environ.get("ASSESSKIT_BASE_IMAGE", "python:3.12-slim")
    runtime = DockerRuntime(base, cache=tmp_path_factory.mktemp("docker-cache"))
    try:
        runtime.check()
    except RuntimeUnavailableError as error:
        if os.environ.get("ASSESSKIT_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(f"{error} ({error.hint})")
    return runtime
