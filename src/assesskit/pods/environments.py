"""Virtual environments for programs that run without containers: one per set of requirements, made once.

A program may install what its list of wheels names and nothing else, as in a container: the packages are fetched into
a wheelhouse first, and the installation itself has no index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from assesskit.checks.evidence import clean
from assesskit.errors import EngineError, SubmissionFailed

if TYPE_CHECKING:
    from assesskit.pods.port import OnLine, Program

DONE = ".complete"
LAST_LINES = 40
FETCH_SECONDS = 900.0
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


class CommandFailed(Exception):  # noqa: N818  a result for the caller to judge
    """A command of ours ended badly or took too long; `log` holds its last lines."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason)
        self.log = log


def environment(program: Program, cache: Path, on_line: OnLine) -> Path:
    """Return the folder of the virtual environment for `program`, made now unless an earlier build made it.

    Raises SubmissionFailed (phase ``build``) when an untrusted program's requirements cannot be installed, EngineError
    for a trusted one, and EngineError when the wheels cannot be fetched.
    """
    wanted = program.folder / "requirements.txt"
    requirements = wanted.read_text(encoding="utf-8") if wanted.is_file() else ""
    wheels = program.wheels.read_text(encoding="utf-8") if _names_packages(requirements) else ""
    folder = cache / "venvs" / _digest(sys.version, requirements, wheels)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if (folder / DONE).exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        wheelhouse = _wheelhouse(program.wheels, cache, on_line) if _names_packages(requirements) else None
        try:
            run_command((sys.executable, "-m", "venv", "--without-pip", str(folder)), on_line, program.limits.seconds)
            if wheelhouse is not None:
                python = ("--python", str(folder / "bin" / "python"))
                source = ("--no-index", "--find-links", str(wheelhouse), "-r", "requirements.txt")
                # The machine's own pip settings may name more places to install from.
                bare = {"PIP_CONFIG_FILE": os.devnull, "PATH": os.defpath}
                command = (*PIP, *python, "install", *source)
                run_command(command, on_line, program.limits.seconds, program.folder, bare)
        except CommandFailed as error:
            what = f"requirements.txt of {program.name} could not be installed: {error}"
            if program.trusted:
                raise EngineError(f"{what}\n{error.log}") from error
            raise SubmissionFailed("build", what, log=error.log) from error
        (folder / DONE).touch()
    return folder


def _wheelhouse(wheels: Path, cache: Path, on_line: OnLine) -> Path:
    """Return a folder with a wheel of every package in `wheels`, fetched now unless it was before."""
    folder = cache / "wheelhouses" / _digest(sys.version, wheels.read_text(encoding="utf-8"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if (folder / DONE).exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            command = (*PIP, "wheel", "--wheel-dir", str(folder), "-r", str(wheels.resolve()))
            run_command(command, on_line, FETCH_SECONDS)
        except CommandFailed as error:
            raise EngineError(f"the wheels could not be fetched: {error}\n{error.log}", where=str(wheels)) from error
        (folder / DONE).touch()
    return folder


def run_command(
    command: tuple[str, ...],
    on_line: OnLine,
    seconds: float,
    folder: Path | None = None,
    env: dict[str, str] | None = None,
) -> None:
    """Run a command of ours, its cleaned output to `on_line`. Raises CommandFailed when it fails or takes `seconds`."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + seconds
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        with process:
            assert process.stdout is not None
            for raw in process.stdout:
                line = clean(raw.decode("utf-8", "replace").rstrip())
                last.append(line)
                on_line(line)
    finally:
        timer.cancel()
    if process.returncode != 0:
        late = time.monotonic() >= until
        reason = f"it took more than {seconds:g} s" if late else f"exit status {process.returncode}"
        raise CommandFailed(reason, "\n".join(last))


def _names_packages(requirements: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in requirements.splitlines())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
