"""One build on the engine's classic builder: no network, limits, a deadline, and its output as clean lines."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from typing import IO, TYPE_CHECKING, Any, Self

from docker.errors import APIError

from assesskit.errors import SubmissionFailed
from assesskit.pods.docker.engine import FAULTS, faults, labels, reason
from assesskit.pods.docker.flags import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker
    from requests import Response

    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import Limits, OnLine

LAST_LINES = 40
LINE_CHARACTERS = 500
OUTPUT_BUDGET = 16 * MIB
BAD_REQUEST, SERVER_ERROR = 400, 500
STEP = re.compile(r"Step \d+/\d+ : (.*)")
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(line: str) -> str:
    """Take out of a line whatever could act on a terminal or turn text around, and cut it."""
    return UNPRINTABLE.sub("", ESCAPES.sub("", line)).expandtabs()[:LINE_CHARACTERS].rstrip()


class Transcript:
    """What a build said so far: its current step, its last lines, its error."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._partial = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self.step = ""
        self.error = ""
        self.bytes = 0

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take one message of the build stream."""
        text = str(message.get("stream") or "")
        self.bytes += len(text)
        *whole, self._partial = (self._partial + text).replace("\r", "\n").split("\n")
        for line in map(clean, whole):
            if step := STEP.match(line):
                self.step = step[1]
            if line:
                self._lines.append(line)
                self._on_line(line)
        self.error = self.error or clean(str(message.get("error") or ""))

    def failure(self, why: str) -> SubmissionFailed:
        """Say that the build failed, at which step, with the last lines."""
        at = f" at: {self.step}" if self.step else ""
        return SubmissionFailed("build", f"{why}{at}", log="\n".join([*self._lines, clean(self._partial)]).rstrip())


class Deadline:
    """Ends a request from outside when its time is up, even one that says nothing."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._responses: list[Response] = []
        self.passed = False

    def watch(self, response: Response, *_: Any, **__: Any) -> None:
        """Take a response whose body is about to be read."""
        self._responses.append(response)

    def _cut(self) -> None:
        self.passed = True
        for response in self._responses:
            response.raw.shutdown()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for response in self._responses:
            response.close()


def build(engine: Engine, context: IO[bytes], tag: str, limits: Limits, on_line: OnLine, **options: Any) -> None:
    """Build `context`, a tar, as image `tag`; `options` go to the client's build call.

    Raises SubmissionFailed (phase ``build``) when the build fails, EngineError when the engine does.
    """
    transcript = Transcript(on_line)
    with faults("building an image"):
        client = engine.another()
    try:
        with Deadline(limits.seconds) as deadline:
            client.hooks["response"].append(deadline.watch)
            client.timeout = math.ceil(limits.seconds)
            _follow(client, context, tag, limits, transcript, deadline, options)
    finally:
        client.close()
    if transcript.error:
        raise transcript.failure(transcript.error)


def _follow(
    client: docker.APIClient,
    context: IO[bytes],
    tag: str,
    limits: Limits,
    transcript: Transcript,
    deadline: Deadline,
    options: Mapping[str, Any],
) -> None:
    started = time.monotonic()
    try:
        for message in client.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            network_mode="none",
            container_limits=_limits(client, limits),
            labels=labels(),
            **options,
        ):
            transcript.hear(message)
            if transcript.bytes > OUTPUT_BUDGET:
                raise transcript.failure(f"the build printed over {OUTPUT_BUDGET} bytes")
    except FAULTS as error:
        if not deadline.passed:
            if isinstance(error, APIError) and BAD_REQUEST <= (error.status_code or 0) < SERVER_ERROR:
                raise transcript.failure(reason(error)) from error
            with faults("building an image"):
                raise
    if deadline.passed:
        raise transcript.failure(f"the build took over {limits.seconds:g} s ({time.monotonic() - started:.0f} s)")


def _limits(client: docker.APIClient, limits: Limits) -> Any:
    """The classic builder caps cores by naming them."""
    cores = min(math.ceil(limits.cpus), int(client.info()["NCPU"]))
    return {
        "memory": limits.memory_mb * MIB,
        "memswap": limits.memory_mb * MIB,
        "cpusetcpus": f"0-{cores - 1}",
    }
