"""The folders of runs on this machine, and what a killed harness left in them.

::

    <work>/<run>-<random>/
        owner.json                      which process this run belongs to, see `Mark`
        services/<name>/process.json    the process that looks after this service
        services/<name>/{program,files,home}
        volumes/<name>/
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from assesskit.errors import EngineError

SAME_START_SECONDS = 1.0


@dataclass(frozen=True)
class Mark:
    """A process beyond confusion with a later one of the same number; `started` in seconds of the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Mark:
        """Mark a process that runs."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the process, or None if it is gone, be its number in use again or not."""
        try:
            process = psutil.Process(self.pid)
            started = process.create_time()
        except psutil.NoSuchProcess:
            return None
        return process if abs(started - self.started) < SAME_START_SECONDS else None


def make_run_folder(work: Path, run: str) -> Path:
    """Make the folder of a run, owned by this process from the moment it can be seen under its name."""
    work.mkdir(parents=True, exist_ok=True)
    name = f"{run}-{secrets.token_hex(4)}"
    hidden = work / f".{name}"
    hidden.mkdir()
    owner = {"run": run, **asdict(Mark.of(os.getpid()))}
    (hidden / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    return hidden.rename(work / name)


def remember_process(folder: Path, pid: int) -> None:
    """Write down who looks after the service of `folder`; a process that is gone already needs no record."""
    try:
        mark = Mark.of(pid)
    except psutil.NoSuchProcess:
        return
    (folder / "process.json").write_text(json.dumps(asdict(mark)), encoding="utf-8")


def reap_runs(work: Path) -> list[str]:
    """Kill and delete what runs of dead harnesses left; return these runs."""
    reaped = []
    for record in sorted(work.glob("*/owner.json")):
        try:
            owner = json.loads(record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        if Mark(owner["pid"], owner["started"]).process() is not None:
            continue
        for service in sorted(record.parent.glob("services/*/process.json")):
            _kill(Mark(**json.loads(service.read_text(encoding="utf-8"))))
        remove_folder(record.parent)
        reaped.append(owner["run"])
    return reaped


def remove_folder(folder: Path) -> None:
    """Delete a folder whatever its permissions; one that is gone already is no error. Raises EngineError."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not Path(path, name).is_symlink():
                Path(path, name).chmod(0o700)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise EngineError(f"could not be deleted: {error}", where=str(folder)) from error


def _kill(mark: Mark) -> None:
    process = mark.process()
    if process is None:
        return
    for one in (*process.children(recursive=True), process):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
