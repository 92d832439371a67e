"""Pods of plain processes on this machine: for code you trust, where no engine answers."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import signal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from filelock import FileLock

from assesskit.checks.image import ImageFacts
from assesskit.errors import EngineError, RuntimeUnavailableError, SubmissionFailed
from assesskit.model import RuntimeInfo, Usage
from assesskit.pods.environments import environment
from assesskit.pods.launch import MIB, Launch, Order, resource_limits
from assesskit.pods.port import (
    Exit,
    Image,
    OnLine,
    Output,
    Pod,
    PodSpec,
    Program,
    Role,
    ServiceSpec,
    SignalName,
)
from assesskit.pods.ports import Ports, reserve_ports
from assesskit.pods.recipe import dockerfile_text, read_recipe
from assesskit.pods.runs import make_run_folder, reap_runs, remember_process, remove_folder
from assesskit.pods.streams import PipeChannel, Tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
NEVER_COPIED = shutil.ignore_patterns(".git", "__pycache__", ".venv")


class ProcessRuntime:
    """Programs as processes of this machine, in one virtual environment per set of requirements.

    Of a program's Dockerfile it reads how to run it (`recipe`): ENTRYPOINT, CMD, ENV, WORKDIR of the last stage. It
    carries out no RUN and no COPY: a service works in a private copy of the program's folder, and WORKDIR stands for
    that copy wherever a command or ENV names it.

    Nothing is isolated: services see the machine's files, processes and network; the limits on memory, processes and
    volumes are looser than a container's or absent (tests/pods names each deviation).

    `cache` keeps environments and programs between runs, `work` (below `cache` by default) the folders of live runs.
    """

    name = "process"

    def __init__(self, *, cache: Path, work: Path | None = None) -> None:
        self._cache = cache.resolve()
        self._work = (work or cache / "runs").resolve()

    def check(self) -> RuntimeInfo:
        """Say what answers, see `PodRuntime.check`."""
        if os.name != "posix":
            raise RuntimeUnavailableError("plain processes need a POSIX system", hint="Use Docker, or WSL on Windows.")
        facts = {"system": f"{platform.system()} {platform.release()}", "machine": platform.machine()}
        return RuntimeInfo(name=self.name, version=platform.python_version(), isolated=False, facts=facts)

    def build(self, program: Program, on_line: OnLine) -> Image:
        """Install the requirements and copy the folder, see `PodRuntime.build`."""
        try:
            recipe = read_recipe(dockerfile_text(program.folder / program.dockerfile))
        except FileNotFoundError:
            raise _does_not_build(program, f"there is no {program.dockerfile}") from None
        except ValueError as error:
            raise _does_not_build(program, f"{program.dockerfile} cannot be read: {error}") from error
        if not recipe.argv:
            raise _does_not_build(program, f"{program.dockerfile} has neither CMD nor ENTRYPOINT in its last stage")
        venv = environment(program, self._cache, on_line)
        how = {"argv": recipe.argv, "env": recipe.env, "workdir": recipe.workdir, "venv": str(venv)}
        digest = _digest(program.folder, json.dumps(how))
        place = self._cache / "programs" / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not (place / "image.json").exists():
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(program.folder, place / "folder", symlinks=True, ignore=NEVER_COPIED)
                (place / "image.new").write_text(json.dumps(how), encoding="utf-8")
                (place / "image.new").rename(place / "image.json")
        return Image(ref=str(place), digest=f"sha256:{digest}")

    def describe(self, program: Program, image: Image) -> ImageFacts | None:  # noqa: ARG002  the port's shape
        """Nothing: a copy of a folder is no image."""
        return None

    def open(self, spec: PodSpec) -> Pod:
        """Choose ports and make the volumes' folders, see `PodRuntime.open`."""
        ports = reserve_ports(spec.ports)
        try:
            return ProcessPod(spec, make_run_folder(self._work, spec.run), ports)
        except OSError as error:
            ports.release()
            raise EngineError(f"the run's folder could not be made: {error}") from error

    def reap(self) -> list[str]:
        """Remove what dead harnesses left, see `PodRuntime.reap`. A harness that lives keeps its runs."""
        return reap_runs(self._work)


class ProcessPod:
    """The processes of one run and their folder. Volumes are plain folders: their size is not enforced."""

    def __init__(self, spec: PodSpec, folder: Path, ports: Ports) -> None:
        self.run = spec.run
        self.ports = ports.by_name
        self.volumes: Mapping[str, str] = {name: str(folder / "volumes" / name) for name in spec.volumes}
        self._folder = folder
        self._reserved = ports
        self._services: dict[str, ProcessService] = {}
        for volume in self.volumes.values():
            Path(volume).mkdir(parents=True, mode=0o700)

    def start(self, spec: ServiceSpec) -> ProcessService:
        """Start a service, see `Pod.start`."""
        if spec.name in self._services:
            raise EngineError("this pod has a service of this name", where=spec.name)
        if spec.volume is not None and spec.volume not in self.volumes:
            raise EngineError(f"this pod has no volume {spec.volume}", where=spec.name)
        folder = self._folder / "services" / spec.name
        try:
            service = ProcessService(spec, folder)
            service.start()
        except (OSError, EngineError) as error:
            remove_folder(folder)
            raise EngineError(f"could not be started: {error}", where=spec.name) from error
        self._services[spec.name] = service
        return service

    def close(self) -> None:
        """Kill every service and delete the run's folder, see `Pod.close`.

        Raises EngineError, once and after everything else is gone, when a service's supervisor was killed from outside.
        """
        services, self._services = self._services, {}
        lost: list[EngineError] = []
        for service in services.values():
            try:
                service.kill()
            except EngineError as error:
                lost.append(error)
        self._reserved.release()
        remove_folder(self._folder)
        if lost:
            raise lost[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ProcessService:
    """A service that is a process with all it started, in its own session, looked after by a supervisor."""

    uid: int | None = None

    def __init__(self, spec: ServiceSpec, folder: Path) -> None:
        self.name = spec.name
        self.role: Role = spec.role
        self._spec = spec
        self._folder = folder
        self._stdout = Tail(spec.limits.log_mb * MIB)
        self._stderr = Tail(spec.limits.log_mb * MIB)
        self._launch: Launch | None = None
        self._order = _prepare(spec, folder)

    @property
    def channel(self) -> PipeChannel:
        """The lines of an interactive service, see `Service.channel`."""
        channel = self._running.channel
        if channel is None:
            raise ValueError(f"{self.name} is not interactive")
        return channel

    def exit(self) -> Exit | None:
        """How it ended, see `Service.exit`."""
        ending = self._running.ended()
        return None if ending is None else Exit(ending.status)

    def wait(self, timeout: float) -> Exit:
        """Wait for its end, see `Service.wait`."""
        ending = self._running.wait(timeout)
        if ending is None:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {timeout:g} s")
        return Exit(ending.status)

    def signal(self, name: SignalName) -> None:
        """Send a signal, see `Service.signal`."""
        self._running.signal(signal.Signals[f"SIG{name}"])

    def pause(self) -> None:
        """Stop all its processes, see `Service.pause`."""
        self._running.signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all its processes go on, see `Service.resume`."""
        self._running.signal_all(signal.SIGCONT)

    def stop(self, grace: float) -> Exit:
        """TERM, then KILL, see `Service.stop`."""
        self.signal("TERM")
        ending = self._running.wait(grace)
        return self.kill() if ending is None else Exit(ending.status)

    def kill(self) -> Exit:
        """Kill it and everything it started."""
        return Exit(self._running.kill().status)

    def start(self) -> None:
        """Start it, see `Service.start`."""
        if self._launch is not None and self.exit() is None:
            return
        self._launch = Launch(self._order, self._stdout, self._stderr, interactive=self._spec.interactive)
        remember_process(self._folder, self._launch.supervisor.pid)

    def output(self) -> Output:
        """What it printed, see `Service.output`; an interactive service's standard output is its channel."""
        stdout, stderr = self._stdout.bytes(), self._stderr.bytes()
        return Output(stdout, stderr, truncated=self._stdout.truncated or self._stderr.truncated)

    def usage(self) -> Usage:
        """What it used, see `Service.usage`."""
        return self._running.usage()

    @property
    def _running(self) -> Launch:
        assert self._launch is not None
        return self._launch


def _prepare(spec: ServiceSpec, folder: Path) -> Order:
    """Lay out a service's folder and say how to start it."""
    place = Path(spec.image.ref)
    how = json.loads((place / "image.json").read_text(encoding="utf-8"))
    program, home = folder / "program", folder / "home"
    shutil.copytree(place / "folder", program, symlinks=True)
    home.mkdir(mode=0o700)
    here = str(program)
    argv = [_at_home(word, how["workdir"], here) for word in spec.command or how["argv"]]
    if Path(argv[0]).is_absolute() and not Path(argv[0]).exists():
        argv[0] = Path(argv[0]).name
    env = {name: _at_home(value, how["workdir"], here) for name, value in how["env"].items()}
    env |= {"LANG": "C.UTF-8", **spec.env, "HOME": str(home), "TMPDIR": str(home)}
    env["PATH"] = f"{how['venv']}/bin:{SYSTEM_PATH}"
    cwd = program
    if spec.files:
        cwd = folder / "files"
        _write_files(cwd, spec)
    return Order(tuple(argv), env, str(cwd), resource_limits(spec.limits))


def _write_files(folder: Path, spec: ServiceSpec) -> None:
    folder.mkdir()
    for name, content in spec.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise EngineError(f"{name} leaves the working directory", where=spec.name)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o444)
    for here, _, _ in os.walk(folder, topdown=False):
        Path(here).chmod(0o555)


def _at_home(text: str, workdir: str, here: str) -> str:
    """Put the program's folder where `text` names the image's working directory."""
    if workdir == "/":
        return text
    return re.sub(rf"(?<![\w./-]){re.escape(workdir)}(?![\w.-])", lambda _: here, text)


def _digest(folder: Path, how: str) -> str:
    """Digest a program: how it is run, and every file's path, kind and content. A link counts as itself."""
    digest = hashlib.sha256(how.encode())
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - NEVER_COPIED(path, folders))
        for name in sorted(names):
            file = Path(path, name)
            content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
            kind = "link" if file.is_symlink() else oct(file.stat().st_mode & 0o111)
            head = f"\0{file.relative_to(folder).as_posix()}\0{kind}\0{len(content)}\0"
            digest.update(head.encode() + content)
    return digest.hexdigest()[:32]


def _does_not_build(program: Program, why: str) -> SubmissionFailed | EngineError:
    """Whose failure it is depends on whose program it is."""
    if program.trusted:
        return EngineError(why, where=program.name)
    return SubmissionFailed("build", why)
