"""A service in a container."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from docker.errors import APIError
from requests.exceptions import ConnectionError as LostConnectionError
from requests.exceptions import Timeout

from assesskit.errors import EngineError
from assesskit.model import Usage
from assesskit.pods.docker.channel import AttachChannel
from assesskit.pods.docker.engine import CONFLICT, faults
from assesskit.pods.docker.logs import LogWatch
from assesskit.pods.port import Exit, Output

if TYPE_CHECKING:
    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import Channel, Role, ServiceSpec, SignalName

NEVER_READ = "0001-01-01"
END_SECONDS = 30.0
PAUSE_TRIES = 4


class DockerService:
    """A created container and its life. The channel of an interactive one is attached before every start, so that no
    line is lost.
    """

    def __init__(self, engine: Engine, spec: ServiceSpec, container: str, uid: int) -> None:
        self.name = spec.name
        self.role: Role = spec.role
        self.uid: int | None = uid
        self._engine = engine
        self._spec = spec
        self._container = container
        self._channel: AttachChannel | None = None
        self._watch = LogWatch(engine, container, spec.limits)
        self._used = Usage()
        self._oom = False

    @property
    def channel(self) -> Channel:
        """The lines of an interactive service; raises ValueError for any other."""
        if self._channel is None:
            raise ValueError(f"{self.name} is not interactive")
        return self._channel

    def start(self) -> None:
        """Start it, or start it again after it ended; one that runs, or is paused, goes on as it is."""
        state = self._state()
        if state["Status"] in {"running", "paused"}:
            return
        self._oom = self._oom or bool(state["OOMKilled"])
        self.detach()
        if self._spec.interactive:
            self._channel = AttachChannel(self._engine.api, self._container, self.exit)
        self._used = Usage()
        with faults(f"starting {self.name}"):
            self._engine.api.start(self._container)
        self._watch.start()

    def exit(self) -> Exit | None:
        """How it ended, or None while it runs."""
        state = self._state()
        if state["Status"] not in {"exited", "dead"}:
            return None
        status = int(state["ExitCode"])
        return Exit(status, oom=bool(state["OOMKilled"]) and status != 0)

    def wait(self, timeout: float) -> Exit:
        """Wait for its end; after `timeout` seconds kill all of it and raise TimeoutError."""
        ended = self._ended_within(timeout)
        if ended is None:
            self._kill()
            raise TimeoutError(f"{self.name} still ran after {timeout:g} s and was killed")
        return ended

    def signal(self, name: SignalName) -> None:
        """Send a signal to its first process. A service that has ended already is no error."""
        with faults(f"sending {name} to {self.name}"):
            try:
                self._engine.api.kill(self._container, f"SIG{name}")
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise

    def pause(self) -> None:
        """Freeze all its processes. On a busy machine an engine may give up on that ("unable to freeze"): it is asked
        again, a few times.
        """
        for tries_left in reversed(range(PAUSE_TRIES)):
            if self._state()["Status"] != "running":
                return
            with faults(f"pausing {self.name}"):
                try:
                    self._engine.api.pause(self._container)
                except APIError as error:
                    if not tries_left or not error.is_server_error():
                        raise

    def resume(self) -> None:
        """Let a paused service go on. One that is not paused is no error."""
        if self._state()["Status"] == "paused":
            with faults(f"resuming {self.name}"):
                self._engine.api.unpause(self._container)

    def stop(self, grace: float) -> Exit:
        """TERM, then KILL with all children after `grace` seconds."""
        self.resume()
        self.signal("TERM")
        return self._ended_within(grace) or self._kill()

    def output(self) -> Output:
        """What it printed so far, over all its starts.

        The engine keeps between half of `Limits.log_mb` and all of it, of both streams together.
        """
        if self.exit() is not None:
            self._watch.settle(END_SECONDS)
        with faults(f"reading the output of {self.name}"):
            stdout = self._engine.api.logs(self._container, stdout=True, stderr=False)
            stderr = self._engine.api.logs(self._container, stdout=False, stderr=True)
        truncated = self._watch.lost(len(stdout) + len(stderr))
        if self._watch.exceeded:
            stderr += b"[killed: it printed over %d bytes]\n" % self._watch.budget
        return Output(stdout, stderr, truncated=truncated)

    def usage(self) -> Usage:
        """CPU seconds since the last start and memory in bytes, as last asked while it ran; see `Usage`.

        An engine looks once a second: an answer may take that long. The highest memory is None on engines that use
        cgroup v2, which do not report it. What was killed for the memory limit is known for certain once the service
        has ended: a process it starts anew hides it until then.
        """
        with faults(f"reading the usage of {self.name}"):
            stats: Any = self._engine.api.stats(self._container, stream=False, one_shot=True)
        if not str(stats["read"]).startswith(NEVER_READ):
            memory = stats["memory_stats"]
            parts = memory.get("stats", {})
            self._used = Usage(
                cpu_seconds=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
                memory_bytes=memory.get("max_usage"),
                private_bytes=parts.get("total_rss", parts.get("anon")),
            )
        oom = self._oom or bool(self._state()["OOMKilled"])
        return self._used.model_copy(update={"oom": oom})

    def detach(self) -> None:
        """Close the channel, if there is one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _state(self) -> dict[str, Any]:
        with faults(f"inspecting {self.name}"):
            state: dict[str, Any] = self._engine.api.inspect_container(self._container)["State"]
            return state

    def _ended_within(self, seconds: float) -> Exit | None:
        """Wait for the end; the engine's answer, or its absence, is always checked by a look at the container."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if left > 0:
                with faults(f"waiting for {self.name}"), suppress(Timeout, LostConnectionError):
                    self._engine.api.wait(self._container, timeout=left)  # type: ignore[arg-type]  # seconds
            ended = self.exit()
            if ended is not None or left <= 0:
                return ended

    def _kill(self) -> Exit:
        self.signal("KILL")
        ended = self._ended_within(END_SECONDS)
        if ended is None:
            raise EngineError(f"{self.name} still runs {END_SECONDS:g} s after KILL", where="docker")
        return ended
