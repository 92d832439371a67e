"""Runs one program and sees to its end: ``python -I -S supervise.py CONTROL REPORT``, two file descriptors.

CONTROL carries one JSON line, ``{"argv": […], "env": {…}, "cwd": "…", "limits": {"RLIMIT_NOFILE": 1024, …}}``, and then
stays open. REPORT gets ``{"pid": 17}`` and, at the end, ``{"status": 0, "cpu_seconds": 0.1, "memory_bytes": 1234}``.

When the program ends, or CONTROL is closed (somebody wants it gone, or the harness is dead), everything the program
started is killed, also what left its process group: on Linux orphans fall to this process. A program of the standard
library alone, because it must start in milliseconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(control: int, report: int) -> None:
    """Start what CONTROL says, wait, clean up, tell REPORT."""
    for ours in (control, report):
        os.set_inheritable(ours, False)  # noqa: FBT003  the program must not hold them
    order = json.loads(_read_line(control))
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake, waker = os.pipe()
    for end in (wake, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    pid = os.fork()
    if pid == 0:
        _become(order)
    _let_go_of_standard_streams()
    _say(report, {"pid": pid})
    status = _watch(pid, control, wake)
    status = _kill_everything(pid, status)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    _say(
        report,
        {
            "status": status,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "memory_bytes": used.ru_maxrss * (1024 if LINUX else 1),
        },
    )


def _become(order: dict[str, Any]) -> None:
    """Turn this child into the program; never returns."""
    try:
        os.setsid()
        if LINUX:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for name, wanted in order["limits"].items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(kind, (value, value))
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])  # noqa: S606  no shell is wanted
    except FileNotFoundError as error:
        os.write(2, f"{order['argv'][0]}: not found ({error})\n".encode())
        os._exit(127)
    except OSError as error:
        os.write(2, f"{order['argv'][0]}: cannot be run ({error})\n".encode())
        os._exit(126)
    finally:
        os._exit(125)


def _watch(pid: int, control: int, wake: int) -> int | None:
    """Wait for the program's end (its status) or for CONTROL to close (None); bury adopted orphans meanwhile."""
    while True:
        while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
            if ended[0] == pid:
                return _shell_status(ended[1])
        ready = select.select([control, wake], [], [])[0]
        if control in ready:
            return None
        with suppress(BlockingIOError):
            os.read(wake, 512)


def _kill_everything(pid: int, status: int | None) -> int | None:
    """Kill the program's group, then every child that is left or falls to us, until there is none."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while True:
        for child in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        try:
            ended, how = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if ended == pid:
            status = _shell_status(how)


def _children() -> list[int]:
    if not LINUX:
        return []
    me = os.getpid()
    return [int(child) for child in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def _shell_status(how: int) -> int:
    code = os.waitstatus_to_exitcode(how)
    return code if code >= 0 else 128 - code


def _let_go_of_standard_streams() -> None:
    """Leave the pipes to the program alone, so that their readers see its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _read_line(source: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(source, 65536)
        if not chunk:
            sys.exit("the order was cut short")
        line += chunk
    return bytes(line)


def _say(report: int, message: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        os.write(report, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
