"""What plays a service in a fake pod: a script, and the process it believes to be."""

from __future__ import annotations

import json
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assesskit.model import Usage
from assesskit.pods.port import Exit, ServiceSpec, SignalName
from assesskit.pods.streams import Lines

if TYPE_CHECKING:
    from assesskit.pods.streams import Tail

PATIENCE = 10.0
"""Seconds a script waits for a line before it is clear that its test is wrong."""


class FakeProcess:
    """What a script sees of the world: its spec, the pod's ports, its volume, its lines, its signals.

    `volume` outlives the script, as a pod's volume does; `starts` counts this start as 1; `used` is what the service's
    `usage` answers. Every method ends the script (by SystemExit) once the process was killed, and waits while paused.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        ports: Mapping[str, int],
        volume: dict[str, bytes],
        output: tuple[Tail, Tail],
        starts: int,
    ) -> None:
        self.spec = spec
        self.ports = ports
        self.volume = volume
        self.starts = starts
        self.used = Usage()
        self.inbox, self.outbox = Lines(), Lines()
        self.unpaused = threading.Event()
        self.unpaused.set()
        self.ending: Exit | None = None
        self.over = threading.Event()
        self._stdout, self._stderr = output
        self._caught: set[SignalName] = set()
        self._signals: queue.SimpleQueue[SignalName] = queue.SimpleQueue()

    def receive(self, timeout: float = PATIENCE) -> bytes:
        """Return the next line of standard input. Raises EOFError at its end, TimeoutError when none comes."""
        self._live()
        line = next(self.inbox.read(timeout), None)
        self._live()
        if line is None:
            raise EOFError("standard input is closed")
        return line

    def send(self, line: bytes) -> None:
        """Write a line to standard output: to the channel of an interactive service, else to its output."""
        self._live()
        (self.outbox if self.spec.interactive else self._stdout).write(line + b"\n")

    def hear(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """Receive a JSON object."""
        message: dict[str, Any] = json.loads(self.receive(timeout))
        return message

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a JSON object."""
        self.send(json.dumps(message).encode())

    def complain(self, line: bytes) -> None:
        """Write a line to standard error."""
        self._live()
        self._stderr.write(line + b"\n")

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.over.wait(seconds)
        self._live()

    def catch(self, *names: SignalName) -> None:
        """From now on these signals do not end the script but come out of `next_signal`."""
        self._caught.update(names)

    def next_signal(self, timeout: float = PATIENCE) -> SignalName:
        """Wait for a signal that is caught. Raises queue.Empty when none comes."""
        self._live()
        name = self._signals.get(timeout=timeout)
        self._live()
        return name

    def deliver(self, name: SignalName) -> None:
        """Send it a signal."""
        if name not in self._caught or name == "KILL":
            self.end(Exit(128 + signal.Signals[f"SIG{name}"]))
        self._signals.put(name)

    def end(self, ending: Exit) -> None:
        """Be over, once."""
        if not self.over.is_set():
            self.ending = ending
            self.over.set()
            self.unpaused.set()
            self.inbox.end()
            self.outbox.end()

    def _live(self) -> None:
        self.unpaused.wait()
        if self.over.is_set():
            sys.exit("killed")


Script = Callable[[FakeProcess], None] | Exit


def idle(process: FakeProcess) -> None:
    """Be a program that runs until it is stopped, reads nothing and says nothing."""
    while True:
        process.sleep(PATIENCE)


def perform(script: Script, process: FakeProcess) -> None:
    """Run a script to its end. An error in it is status 1, and comes up in the test as a thread's error does."""
    if isinstance(script, Exit):
        process.end(script)
        return
    ending = Exit(1)
    try:
        script(process)
        ending = Exit(0)
    except SystemExit as wanted:
        ending = Exit(wanted.code if isinstance(wanted.code, int) else int(wanted.code is not None))
    finally:
        process.end(ending)
