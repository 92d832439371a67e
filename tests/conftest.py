"""The engine of the tests that need one."""

from __future__ import annotations

import os
import signal

import pytest

from assesskit.errors import RuntimeUnavailableError
from assesskit.pods import Limits, Program
from assesskit.pods.docker import DockerRuntime


def pytest_configure() -> None:
    """A shell lets what a script starts in its background ignore Ctrl-C, and programs under test would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def built(docker_runtime, tmp_path):
    """Build a folder that holds only a Dockerfile, as a candidate's program."""

    def build(recipe, *, wheels="", inside=False, on_line=lambda _: None, **limits):
        folder = tmp_path / "program"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(recipe)
        listed = (folder if inside else tmp_path) / "wheels.txt"
        listed.write_text(wheels)
        program = Program("built", folder, listed, trusted=False, limits=Limits(**{"memory_mb": 512, **limits}))
        return docker_runtime.build(program, on_line)

    return build
