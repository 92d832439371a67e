"""The port to whatever runs a pod. The docstrings are the contract; tests/pods/contract.py holds every line of it.

Two kinds of failure, never mixed:

- the *program's*: it does not build (`SubmissionFailed`, phase ``build``), its command does not exist (an `Exit` with
  status 127), it dies (an `Exit`). Results, judged by the caller.
- the *engine's*: it does not answer (`RuntimeUnavailableError` from `check`), or fails in the middle (`EngineError`
  from anything else). Never the program's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from assesskit.checks.image import ImageFacts
from assesskit.model import RuntimeInfo, Usage

Role = Literal["submission", "dependency", "reference", "grader"]
SignalName = Literal["TERM", "KILL", "INT", "HUP", "USR1", "USR2", "QUIT"]


@dataclass(frozen=True)
class Limits:
    """What a service may use. Memory and sizes in MiB; `cpus` in cores; `seconds` bounds a build."""

    memory_mb: int = 256
    cpus: float = 1.0
    pids: int = 128
    files: int = 1024
    file_mb: int = 64
    tmp_mb: int = 64
    log_mb: int = 2
    seconds: float = 300.0


@dataclass(frozen=True)
class Program:
    """A folder that can be built: a Dockerfile in `folder`, and a requirements.txt for Python programs.

    `wheels` is a requirements file that lists every package the build may install; the runtime fetches them once,
    outside the build, and the build itself has no network. `images` are the images it may start from besides
    BASE_IMAGE: build argument -> the name the image usually has. `trusted` is false for a candidate's program.
    """

    name: str
    folder: Path
    wheels: Path
    images: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = True
    dockerfile: str = "Dockerfile"
    limits: Limits = field(default_factory=lambda: Limits(memory_mb=1024, cpus=2.0, pids=512))


@dataclass(frozen=True)
class Image:
    """A built program; only the runtime that built it can read `ref`. `digest` identifies the content."""

    ref: str
    digest: str


@dataclass(frozen=True)
class PodSpec:
    """What a pod is asked for before anything starts.

    `ports` are names that will get a loopback port each; `volumes` maps a volume's name to its size in MiB, kept over
    kill and start of the service that mounts it, gone with the pod; `seconds` is the deadline after which a reaper may
    remove the pod even if nobody closed it.
    """

    run: str
    ports: tuple[str, ...]
    volumes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 900.0


@dataclass(frozen=True)
class ServiceSpec:
    """One service. `command` None means the image's own. `env` is all the environment the program gets (the runtime
    adds PATH, HOME, LANG, what the image sets, TMPDIR where /tmp is not its own, and nothing else). `files` (path
    relative to the working directory -> bytes, `/`-separated) are in place before it starts and read-only to it.
    `volume` names a volume of the pod. `interactive` opens `Service.channel`.
    """

    name: str
    role: Role
    image: Image
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    volume: str | None = None
    limits: Limits = field(default_factory=Limits)
    interactive: bool = False


@dataclass(frozen=True)
class Exit:
    """How a program ended. `status` as a shell says it: 0 to 255, 128 + n for signal n. `oom`: the memory limit hit."""

    status: int
    oom: bool = False


@dataclass(frozen=True)
class Output:
    """What a service printed, oldest first, each stream capped at its newest `Limits.log_mb`; `truncated` when cut."""

    stdout: bytes
    stderr: bytes
    truncated: bool = False


class Channel(Protocol):
    """Lines to and from an interactive service (the grader), over its standard input and output."""

    def send(self, line: bytes) -> None:
        """Write one line (no newline in it). Raises EngineError if the service is gone."""

    def lines(self, timeout: float) -> Iterator[bytes]:
        """Yield lines as they come, without newline; end at EOF. Called again, it goes on with the next line.

        Raises TimeoutError when nothing came for `timeout` seconds, EngineError when the engine went away. A line over
        16 MiB ends the stream with EngineError.
        """


class Service(Protocol):
    """A service that was started."""

    name: str
    role: Role
    uid: int | None
    """The user id it runs under, as /proc/net/tcp shows it; None where services share the harness's own."""

    @property
    def channel(self) -> Channel:
        """The lines of an interactive service; raises ValueError for any other."""

    def exit(self) -> Exit | None:
        """How it ended, or None while it runs."""

    def wait(self, timeout: float) -> Exit:
        """Wait for its end. After `timeout` seconds it and all its children are killed and TimeoutError is raised."""

    def signal(self, name: SignalName) -> None:
        """Send a signal to its first process. A service that has ended already is no error."""

    def pause(self) -> None:
        """Stop the whole service in its tracks: sockets stay open, nothing answers."""

    def resume(self) -> None:
        """Let a paused service go on. One that is not paused is no error."""

    def stop(self, grace: float) -> Exit:
        """TERM, then KILL with all children after `grace` seconds."""

    def start(self) -> None:
        """Start it again after it ended: same image, ports, environment, volume; a fresh file system otherwise is not
        promised. A service that runs is no error."""

    def output(self) -> Output:
        """What it printed so far, over all its starts."""

    def usage(self) -> Usage:
        """CPU seconds since the (last) start and memory in bytes, see `Usage`; `oom` is about all its starts."""


class Pod(Protocol):
    """The containers of one run. A context manager; leaving it removes everything."""

    run: str
    ports: Mapping[str, int]
    """Port by name. Programs listen on, and are reached at, 127.0.0.1:port."""
    volumes: Mapping[str, str]
    """Path of each volume as a service that mounts it sees it."""

    def start(self, spec: ServiceSpec) -> Service:
        """Start a service. A missing command is an `Exit` of status 127, not an error.

        Raises EngineError, and then leaves nothing of this service behind.
        """

    def close(self) -> None:
        """Kill and remove every service, volume and network of the pod. Calling it twice is fine."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


OnLine = Callable[[str], None]


class PodRuntime(Protocol):
    """Builds programs and opens pods."""

    name: str

    def check(self) -> RuntimeInfo:
        """Say what answers. Raises RuntimeUnavailableError with a hint when nothing does."""

    def build(self, program: Program, on_line: OnLine) -> Image:
        """Build a program, or return the image built before from the same content; progress goes to `on_line`.

        Raises SubmissionFailed (phase ``build``, with the failing step's last lines) if an untrusted program does not
        build; EngineError if a trusted one does not, or if the engine fails.
        """

    def describe(self, program: Program, image: Image) -> ImageFacts | None:
        """Say what the image of a program is; None where a runtime makes no images. Raises EngineError."""

    def open(self, spec: PodSpec) -> Pod:
        """Make the pod's network, ports and volumes. Raises EngineError, and then leaves nothing behind."""

    def reap(self) -> list[str]:
        """Remove what earlier, killed harnesses left past their deadline; return the runs removed."""
