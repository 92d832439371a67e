"""A run that is interrupted or killed at any moment leaves nothing behind, and records nothing that was not graded."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from assesskit.cli import settings

Grade = tuple[list[str], dict[str, str], Path]
MOMENTS = (
    "preparing the grader",
    "building the submission",
    "starting the pod",
    "starting the service",
    "running the checks",
)


def until(moment: str, process: subprocess.Popen[str]) -> None:
    """Read its lines up to one that begins with `moment`."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(moment):
            return
    pytest.fail(f"it ended before {moment!r}")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Everything it started that runs now."""
    return psutil.Process(process.pid).children(recursive=True)


def soon(true: Callable[[], bool]) -> bool:
    """Whether something becomes true within a generous while."""
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def containers(process: subprocess.Popen[str]) -> list[str]:
    """The containers of the runs that a harness opened; other tests may have some of their own."""
    import docker

    client = docker.from_env()
    try:
        found = client.containers.list(all=True, filters={"label": "assesskit.run"}, ignore_removed=True)
        return [str(each.name) for each in found if f":{process.pid}:" in each.labels["assesskit.owner"]]
    finally:
        client.close()


def written(out: Path) -> list[Path]:
    """Every file below the output folder."""
    return [path for path in out.rglob("*") if path.is_file()]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_an_interrupt_removes_everything(grade: Grade, runtime: str, moment: str, sent: signal.Signals) -> None:
    """Ctrl-C or TERM ends the run with 130: no process, no container, no file is left."""
    command, env, out = grade
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        until(moment, process)
        started = descendants(process)
        process.send_signal(sent)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(60) == 130, said
    assert "interrupted" in said
    assert soon(lambda: not any(each.is_running() for each in started))
    assert written(out) == []
    if runtime == "docker":
        assert soon(lambda: containers(process) == [])


def test_a_killed_harness_is_cleared_away_by_the_next(grade: Grade, runtime: str) -> None:
    """After kill -9 nothing is recorded as graded, and the next start removes what was left."""
    command, env, out = grade
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        until("running the checks", process)
        started = descendants(process)
        process.kill()
    assert written(out) == []
    settings.runtime(settings.Kind(runtime))
    assert soon(lambda: not any(each.is_running() for each in started))
    if runtime == "docker":
        assert soon(lambda: containers(process) == [])
