"""The grader's end of the wire: see `wire` for the words.

The harness is the only one who writes to our standard input, and every line we write carries the run's nonce.
"""

from __future__ import annotations

import json
import threading
from typing import Any, BinaryIO


class HarnessGoneError(Exception):
    """Nobody reads us any more."""


class ControlRefusedError(Exception):
    """The harness could not do what a check asked of a service; the message is its reason. Our fault."""


class Harness:
    """Tells the harness what happens and asks it for what only it can do. Safe to use from several threads."""

    def __init__(self, answers: BinaryIO, lines: BinaryIO) -> None:
        self._answers = answers
        self._lines = lines
        self._asking = threading.Lock()
        self._telling = threading.Lock()
        self._last_id = 0
        self.nonce = ""

    def hello(self) -> dict[str, Any]:
        """Read the harness's first line."""
        hello = self._read()
        self.nonce = hello["nonce"]
        return hello

    def tell(self, kind: str, **fields: Any) -> None:
        """Write one line."""
        line = json.dumps({"type": kind, "nonce": self.nonce, **fields}, allow_nan=False)
        with self._telling:
            self._lines.write(line.encode() + b"\n")
            self._lines.flush()

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        """Ask for a control action and wait for its result. Raises ControlRefusedError, HarnessGoneError."""
        with self._asking:
            self._last_id += 1
            number = self._last_id
            self.tell("control", id=number, action=action, service=service, **arguments)
            reply = self._read()
            while reply.get("id") != number:  # the answer to a question whose check was given up
                reply = self._read()
        if not reply["ok"]:
            raise ControlRefusedError(f"{action} {service}: {reply.get('error', 'refused')}")
        result: dict[str, Any] = reply.get("result") or {}
        return result

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise HarnessGoneError("the harness closed the grader's standard input")
        message: dict[str, Any] = json.loads(line)
        return message
