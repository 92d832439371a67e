"""The command line as its users run it: a process of its own, its exit code, and every line it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.content.tiny import build

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound content root."""
    return build(tmp_path / "content")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: to fetch and install the grader's packages takes longer than what is tested."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path: Path, root: Path, cache: Path) -> Run:
    """Run `assesskit …` in an empty folder, with the tiny content and no engine to be found."""
    here = tmp_path / "here"
    here.mkdir()
    env = os.environ | {
        "ASSESSKIT_CONTENT": str(root),
        "ASSESSKIT_CACHE": str(cache),
        "ASSESSKIT_KEY": str(tmp_path / "key.pem"),
        "ASSESSKIT_LEDGER": str(tmp_path / "ledger.jsonl"),
        "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock",
        "COLUMNS": "200",
    }

    def run(*words: str | Path, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "assesskit.cli", *map(str, words)]
        return subprocess.run(
            command, cwd=cwd or here, env=env | more, capture_output=True, text=True, check=False, timeout=120
        )

    return run
