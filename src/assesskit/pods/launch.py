"""One start of one program on this machine, with a process beside it that sees to its end (see `supervise`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from assesskit.errors import EngineError
from assesskit.model import Usage
from assesskit.pods.streams import PipeChannel, Tail, drain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assesskit.pods.port import Limits

SUPERVISOR = Path(__file__).with_name("supervise.py")
MIB = 1024 * 1024
STACK_MB = 8
"""What the C library sets aside for a thread's stack; it counts as data though nearly none of it is used."""
KILL_SECONDS = 10.0
DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Order:
    """What the supervisor is told: argument list, whole environment, working directory, resource limits by name."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    limits: Mapping[str, int]


@dataclass(frozen=True)
class Ending:
    """How a program ended and what it and all its children used; memory is that of the largest one of them."""

    status: int
    cpu_seconds: float
    memory_bytes: int


def resource_limits(limits: Limits) -> dict[str, int]:
    """Say `limits` in the words of setrlimit(2).

    The address space is no measure of memory for threads and mapped files, so what is limited is data (Linux counts
    private writable pages), with room for the stacks of as many threads as may be. The number of processes is not
    limited: the system counts it per user, not per service.
    """
    wanted = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": limits.files, "RLIMIT_FSIZE": limits.file_mb * MIB}
    if sys.platform == "linux":
        wanted["RLIMIT_DATA"] = (limits.memory_mb + limits.pids * STACK_MB) * MIB
    return wanted


class Launch:
    """A program from its start to its end. Raises EngineError when it cannot be looked after."""

    def __init__(self, order: Order, stdout: Tail, stderr: Tail, *, interactive: bool) -> None:
        self.channel: PipeChannel | None = None
        self._lock = threading.Lock()
        self._ending: Ending | None = None
        self._peak = 0
        told, self._control = os.pipe()
        report, tells = os.pipe()
        self._reports: IO[bytes] = os.fdopen(report, "rb")
        try:
            self.supervisor = subprocess.Popen(
                (sys.executable, "-I", "-S", str(SUPERVISOR), str(told), str(tells)),
                stdin=subprocess.PIPE if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(told, tells),
                env={},
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._control)
            self._reports.close()
            raise EngineError(f"no process could be started: {error}") from error
        finally:
            os.close(told)
            os.close(tells)
        self._drains = self._connect(stdout, stderr)
        self._pid = self._begin(order)

    def _connect(self, stdout: Tail, stderr: Tail) -> list[threading.Thread]:
        """Read both streams from now on, standard output as lines when somebody talks with the program."""
        out, err = self.supervisor.stdout, self.supervisor.stderr
        assert out is not None
        assert err is not None
        if self.supervisor.stdin is None:
            return [drain(out, stdout.write), drain(err, stderr.write)]
        self.channel = PipeChannel(self.supervisor.stdin)
        lines = self.channel.incoming
        return [drain(out, lines.write, lines.end), drain(err, stderr.write)]

    def _begin(self, order: Order) -> int:
        """Hand over the order; return the program's process id."""
        try:
            with os.fdopen(os.dup(self._control), "wb") as control:
                control.write(json.dumps(asdict(order)).encode() + b"\n")
            pid: int = json.loads(self._reports.readline())["pid"]
        except (BrokenPipeError, ValueError) as error:
            self.supervisor.kill()
            self.supervisor.wait()
            os.close(self._control)
            self._reports.close()
            raise EngineError("the program's supervisor did not start") from error
        return pid

    def ended(self) -> Ending | None:
        """How it ended, or None while it runs."""
        return None if self.supervisor.poll() is None else self._bury()

    def wait(self, timeout: float) -> Ending | None:
        """Wait for the end; None when it did not come in `timeout` seconds."""
        try:
            self.supervisor.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return self._bury()

    def kill(self) -> Ending:
        """Kill the program and everything it started."""
        with self._lock:
            if self._control >= 0:
                os.close(self._control)
                self._control = -1
        ending = self.wait(KILL_SECONDS)
        if ending is None:
            self.supervisor.kill()
            self.supervisor.wait()
            raise EngineError(f"the program's processes could not be killed within {KILL_SECONDS:g} s")
        return ending

    def signal(self, number: int) -> None:
        """Send a signal to the program's first process, if it still runs."""
        if self.ended() is None:
            _send(self._pid, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to every process of the program, also to those that come up meanwhile."""
        sent: set[int] = set()
        while fresh := [process.pid for process in self._tree() if process.pid not in sent]:
            for pid in fresh:
                _send(pid, number)
            sent.update(fresh)

    def usage(self) -> Usage:
        """CPU seconds of all processes so far, and the highest memory seen."""
        ending = self.ended()
        if ending is not None:
            return Usage(cpu_seconds=ending.cpu_seconds, memory_bytes=max(ending.memory_bytes, self._peak))
        cpu, memory = 0.0, 0
        for process in self._tree():
            try:
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                memory += _highest_memory(process)
            except psutil.NoSuchProcess:
                continue
        self._peak = max(self._peak, memory)
        return Usage(cpu_seconds=cpu + self._buried_cpu(), memory_bytes=self._peak)

    def _buried_cpu(self) -> float:
        """CPU seconds of orphans the supervisor adopted and buried."""
        try:
            times = psutil.Process(self.supervisor.pid).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.children_user + times.children_system)

    def _tree(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.supervisor.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _bury(self) -> Ending:
        """Take the supervisor's last report, once, and close what is left open."""
        with self._lock:
            if self._ending is None:
                for thread in self._drains:
                    thread.join(DRAIN_SECONDS)
                if self.channel is not None:
                    self.channel.close()
                if self._control >= 0:
                    os.close(self._control)
                    self._control = -1
                last = b"" if self._reports.closed else self._reports.readline()
                self._reports.close()
                if not last:
                    raise EngineError("the program's supervisor was killed")
                self._ending = Ending(**json.loads(last))
            return self._ending


def _send(pid: int, number: int) -> None:
    try:
        psutil.Process(pid).send_signal(number)
    except psutil.NoSuchProcess:
        return


def _highest_memory(process: psutil.Process) -> int:
    """Return the largest resident size a process ever had, or has now where the system does not keep it."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return int(process.memory_info().rss)
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(peak.split()[1]) * 1024
