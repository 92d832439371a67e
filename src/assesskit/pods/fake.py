"""Pods in memory for tests of everything above the port: no engine, no process, nothing to install.

A service is a *script*: a Python function that is given a `FakeProcess` and runs on a thread, or an `Exit` for a
program that ends at once. Like a program, a script ends with status 0 when it returns and with ``sys.exit(n)``
otherwise; TERM and KILL end it at its next call of the process it was given::

    def grader(process: FakeProcess) -> None:
        hello = process.hear()
        process.tell({"type": "planned", "nonce": hello["nonce"], "checks": {"api.works": ["test_works"]}})
        process.tell({"type": "control", "id": 1, "nonce": hello["nonce"], "action": "start", "service": "submission"})
        assert process.hear()["ok"]
        process.tell({"type": "finished", "nonce": hello["nonce"]})

    runtime = FakeRuntime(services={"grader": grader, "submission": idle})

What it does not do: run the programs it is asked to build, and hold any limit on memory, processes, files or network.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Self

from assesskit.checks.image import ImageFacts
from assesskit.errors import EngineError, RuntimeUnavailableError, SubmissionFailed
from assesskit.model import RuntimeInfo, Usage
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
from assesskit.pods.ports import reserve_ports
from assesskit.pods.script import PATIENCE, FakeProcess, Script, idle, perform
from assesskit.pods.streams import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

__all__ = ["FakePod", "FakeProcess", "FakeRuntime", "FakeService", "Script", "idle"]

MIB = 1024 * 1024


class FakeRuntime:
    """Runs scripts by service name, and remembers what it was asked.

    `services` maps a service's name to its script, `broken` a program's name to why it does not build, `images` a
    program's name to what its image is. With `missing` no runtime answers; after `dies_after` calls, or `die()`, the
    engine is gone and each call an EngineError.

    `built`, `started`, `signals` ((service, signal) in order) and `opened` (all pods) are there to be asserted on.
    """

    name = "fake"

    def __init__(
        self,
        services: Mapping[str, Script] | None = None,
        *,
        broken: Mapping[str, str] | None = None,
        images: Mapping[str, ImageFacts] | None = None,
        missing: bool = False,
        dies_after: int | None = None,
    ) -> None:
        self.services = dict(services or {})
        self.broken = dict(broken or {})
        self.images = dict(images or {})
        self.missing = missing
        self.built: list[Program] = []
        self.started: list[ServiceSpec] = []
        self.signals: list[tuple[str, SignalName]] = []
        self.opened: list[FakePod] = []
        self._left = dies_after
        self._lock = threading.Lock()

    def check(self) -> RuntimeInfo:
        """Say that a fake answers, unless `missing`."""
        if self.missing:
            raise RuntimeUnavailableError("no runtime answers", hint="This one was told not to.")
        return RuntimeInfo(name=self.name, version="1", isolated=True)

    def build(self, program: Program, on_line: OnLine) -> Image:
        """Build nothing, or fail as told by `broken`."""
        self.ask()
        self.built.append(program)
        on_line(f"building {program.name}")
        if why := self.broken.get(program.name):
            raise SubmissionFailed("build", why, log=why) if not program.trusted else EngineError(why)
        return Image(ref=program.name, digest=f"sha256:{hashlib.sha256(program.name.encode()).hexdigest()}")

    def describe(self, program: Program, image: Image) -> ImageFacts | None:  # noqa: ARG002  the port's shape
        """Say what it was told of the program's image."""
        self.ask()
        return self.images.get(program.name)

    def open(self, spec: PodSpec) -> Pod:
        """Open a pod in memory; its ports are free ones of this machine, for scripts that listen."""
        self.ask()
        pod = FakePod(self, spec)
        self.opened.append(pod)
        return pod

    def reap(self) -> list[str]:
        """Nothing of a fake outlives its process."""
        self.ask()
        return []

    def left_open(self) -> list[str]:
        """Return the runs whose pods were not closed."""
        return [pod.run for pod in self.opened if not pod.closed]

    def die(self) -> None:
        """Let the engine go away: calls fail from now on, and open channels break."""
        with self._lock:
            self._left = 0
        for pod in self.opened:
            pod.break_channels()

    def ask(self) -> None:
        """Count a call of the engine. Raises EngineError once it is gone."""
        with self._lock:
            if self._left == 0:
                raise EngineError("the engine went away")
            if self._left is not None:
                self._left -= 1


class FakePod:
    """A pod in memory. `contents` are the volumes: name -> what scripts put there."""

    def __init__(self, runtime: FakeRuntime, spec: PodSpec) -> None:
        self.run = spec.run
        self._reserved = reserve_ports(spec.ports)
        self.ports = self._reserved.by_name
        self.volumes: Mapping[str, str] = {name: f"/volumes/{name}" for name in spec.volumes}
        self.contents: dict[str, dict[str, bytes]] = {name: {} for name in spec.volumes}
        self.closed = False
        self.runtime = runtime
        self._services: dict[str, FakeService] = {}

    def start(self, spec: ServiceSpec) -> FakeService:
        """Start the script of this name, see `Pod.start`."""
        self.runtime.ask()
        if spec.name not in self.runtime.services:
            raise EngineError("this fake has no script for it", where=spec.name)
        if spec.name in self._services:
            raise EngineError("this pod has a service of this name", where=spec.name)
        if spec.image.ref not in {program.name for program in self.runtime.built}:
            raise EngineError(f"this fake built no image {spec.image.ref}", where=spec.name)
        self.runtime.started.append(spec)
        service = self._services[spec.name] = FakeService(spec, self)
        return service

    def break_channels(self) -> None:
        """Break every channel, as an engine does that goes away."""
        for service in self._services.values():
            service.process.outbox.fail(EngineError("the engine went away"))

    def close(self) -> None:
        """End every script, see `Pod.close`."""
        for service in self._services.values():
            service.process.end(Exit(137))
            service.join()
        if not self.closed:
            self.closed = True
            self._reserved.release()
            self.runtime.ask()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FakeService:
    """A script that was started; also the channel to it."""

    uid: int | None = None

    def __init__(self, spec: ServiceSpec, pod: FakePod) -> None:
        self.name = spec.name
        self.role: Role = spec.role
        self.spec = spec
        self._pod = pod
        self._output = Tail(spec.limits.log_mb * MIB), Tail(spec.limits.log_mb * MIB)
        self._starts = 0
        self._run()

    def _run(self) -> None:
        self._starts += 1
        volume = self._pod.contents.get(self.spec.volume or "", {})
        self.process = FakeProcess(self.spec, self._pod.ports, volume, self._output, self._starts)
        script = self._pod.runtime.services[self.name]
        self._thread = threading.Thread(target=perform, args=(script, self.process), name=self.name, daemon=True)
        self._thread.start()

    @property
    def channel(self) -> FakeService:
        """The lines of an interactive service, see `Service.channel`."""
        if not self.spec.interactive:
            raise ValueError(f"{self.name} is not interactive")
        return self

    def send(self, line: bytes) -> None:
        """Write a line to the script, see `Channel.send`."""
        self._pod.runtime.ask()
        if b"\n" in line:
            raise ValueError("a line holds no newline")
        if self.process.over.is_set():
            raise EngineError("the service is gone: a line could not be sent")
        self.process.inbox.write(line + b"\n")

    def lines(self, timeout: float) -> Iterator[bytes]:
        """Yield the script's lines, see `Channel.lines`."""
        self._pod.runtime.ask()
        return self.process.outbox.read(timeout)

    def exit(self) -> Exit | None:
        """How it ended, see `Service.exit`."""
        self._pod.runtime.ask()
        return self.process.ending

    def wait(self, timeout: float) -> Exit:
        """Wait for its end, see `Service.wait`."""
        self._pod.runtime.ask()
        if not self.process.over.wait(timeout):
            self.process.end(Exit(137))
            raise TimeoutError(f"{self.name} did not end within {timeout:g} s")
        return self._ended()

    def signal(self, name: SignalName) -> None:
        """Send a signal, see `Service.signal`."""
        self._pod.runtime.ask()
        self._pod.runtime.signals.append((self.name, name))
        self.process.deliver(name)

    def pause(self) -> None:
        """Make the script wait at its next call, see `Service.pause`."""
        self._pod.runtime.ask()
        self.process.unpaused.clear()

    def resume(self) -> None:
        """Let it go on, see `Service.resume`."""
        self._pod.runtime.ask()
        self.process.unpaused.set()

    def stop(self, grace: float) -> Exit:
        """TERM, then KILL, see `Service.stop`."""
        self.signal("TERM")
        if not self.process.over.wait(grace):
            self.signal("KILL")
        return self._ended()

    def start(self) -> None:
        """Start the script again, see `Service.start`."""
        self._pod.runtime.ask()
        if self.process.over.is_set():
            self.join()
            self._run()

    def output(self) -> Output:
        """What it printed, see `Service.output`."""
        self._pod.runtime.ask()
        stdout, stderr = self._output
        kept = stdout.bytes(), stderr.bytes()
        return Output(*kept, truncated=stdout.truncated or stderr.truncated)

    def usage(self) -> Usage:
        """What the script says it used, see `Service.usage`."""
        self._pod.runtime.ask()
        return self.process.used

    def join(self) -> None:
        """Wait until the script has noticed that it is over."""
        self._thread.join(PATIENCE)

    def _ended(self) -> Exit:
        assert self.process.ending is not None
        return self.process.ending
