"""Which sources a proof rests on: all that a run of the exercise uses, and none that only others use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assesskit.proof.sources import sources

GRADERS = tuple((Path(__file__).parents[2] / "graders" / "build-service").rglob("*.py"))
IMPORTED = """
import runpy, sys
import assesskit.assess, assesskit.prove, assesskit.pods.docker, assesskit.checks.session, assesskit.checks.plugin
for grader in sys.argv[1:]:
    runpy.run_path(grader)
print(*(name for name in sys.modules if name.startswith("assesskit.")))
"""
NAMED_IN_COMMANDS = {
    "checks/__main__.py",
    "checks/contract_document.py",
    "checks/kubernetes.json",
    "grader/Dockerfile",
    "grader/requirements.txt",
    "instruments/collector_server.py",
    "instruments/locustfile.py",
    "instruments/relay_server.py",
    "pods/seccomp.json",
}


def test_what_a_run_imports_takes_part() -> None:
    """Every module that is loaded by a run and by the graders counts, except those that change no verdict."""
    command = [sys.executable, "-c", IMPORTED, *map(str, GRADERS)]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    found = sources(GRADERS, "docker")
    modules = {f"assesskit.{name.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}" for name in found}
    left_out = {name for name in loaded if name not in modules}
    rooms = {name.split(".")[1] for name in left_out}
    assert rooms <= {"content", "proof", "store", "kits", "signatures"}
    assert not left_out & {"assesskit.content.placeholders", "assesskit.content.submitted", "assesskit.kits.taking"}


def test_what_is_named_in_a_command_or_read_as_a_file_takes_part() -> None:
    """Programs that are started by name and files that are read count as well."""
    assert set(sources(GRADERS, "docker")) >= NAMED_IN_COMMANDS


@pytest.mark.parametrize(("runtime", "other"), [("docker", "process.py"), ("process", "docker/pod.py")])
def test_another_runtime_takes_no_part(runtime: str, other: str) -> None:
    """What was shown in one runtime does not rest on another."""
    assert f"pods/{other}" not in sources(GRADERS, runtime)


def test_a_check_that_no_grader_names_takes_no_part(tmp_path: Path) -> None:
    """Without the graders of an exercise, the modules only they use take no part."""
    grader = tmp_path / "test_10_light.py"
    grader.write_text("from assesskit.checks import light\n")
    assert "checks/light.py" in sources([grader], "docker")
    assert "checks/light.py" not in sources([], "docker")
