"""An instrument's program, as the grader sees it: a child process that is asked over its own standard input.

An instrument has no control port, because the submission shares the loopback with it. Each question is one JSON line
``{"id", "action", …}``; the answer is ``{"id", "ok", "result" | "error"}``. Answers may come in any order, so a check
may ask from several threads. A program ends when its standard input does, and so never outlives the grader.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Self

from assesskit.errors import GraderError


class Program:
    """A running instrument. Any failure of its own is a GraderError: ours, never the submission's."""

    def __init__(self, module: str, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],  # -P: the working directory holds tests, not our modules
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # of what waits
        self._pipe = (
            threading.Lock()
        )  # of standard input; never held together with the other, or a full pipe is a deadlock
        self._waiting: dict[int, Future[Any]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"{name} answers", daemon=True)
        self._reader.start()

    @classmethod
    def opened(cls, module: str, name: str, **asked: Any) -> tuple[Self, Any]:
        """Start a program and ask it to ``open``; return it with its answer. One that cannot is ended."""
        program = cls(module, name)
        try:
            return program, program.ask("open", **asked)
        except BaseException:
            program.stop()
            raise

    def ask(self, action: str, *, within: float = 30.0, **arguments: object) -> Any:
        """Ask the program to do `action` and return what it answers, in at most `within` seconds.

        Raises GraderError when it refuses, when it has ended, and when it does not answer in time.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self._ended:
                raise GraderError("has ended", where=self.name)
            number = next(self._ids)
            self._waiting[number] = answer
        self._send({"id": number, "action": action, **arguments})
        try:
            return answer.result(within)
        except TimeoutError:
            raise GraderError(f"did not answer `{action}` within {within:g} s", where=self.name) from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def stop(self) -> None:
        """End the program; one that has ended already is no error."""
        with self._pipe, suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _send(self, question: dict[str, object]) -> None:
        with self._pipe, suppress(BrokenPipeError):  # it has just died: its end of file answers everybody who waits
            if self._process.stdin and not self._process.stdin.closed:
                self._process.stdin.write(json.dumps(question).encode() + b"\n")
                self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            answer = json.loads(line)
            with self._lock:
                waiting = self._waiting.get(answer["id"])
            if waiting is None:
                continue
            if answer["ok"]:
                waiting.set_result(answer["result"])
            else:
                waiting.set_exception(GraderError(answer["error"], where=self.name))
        with self._lock:
            self._ended = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(GraderError("ended before it answered", where=self.name))
