"""One build on the engine's classic builder: no network, limits, a deadline, and its output as clean lines."""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Any, Self

from docker.errors import APIError

from assesskit.checks.evidence import clean
from assesskit.errors import SubmissionFailed
from assesskit.pods.docker.engine import FAULTS, faults, labels, reason
from assesskit.pods.docker.flags import MIB
from assesskit.pods.docker.steps import MOST_WRITTEN, Steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker
    from requests import Response

    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import Limits, OnLine

LAST_LINES = 40
LINE_CHARACTERS = 500
OUTPUT_BUDGET = 4 * MIB
BAD_REQUEST = 400
"""What the engine answers to a Dockerfile it cannot read."""
STEP = re.compile(r"Step \d+/\d+ : (.*)")


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
        for line in map(_clean, whole):
            if step := STEP.match(line):
                self.step = step[1]
            if line:
                self._lines.append(line)
                self._on_line(line)
        self.error = self.error or _clean(str(message.get("error") or ""))

    def failure(self, why: str) -> SubmissionFailed:
        """Say that the build failed, at which step, with the last lines."""
        at = f" at: {self.step}" if self.step else ""
        return SubmissionFailed("build", f"{why}{at}", log="\n".join([*self._lines, _clean(self._partial)]).rstrip())


class Deadline:
    """Ends the one request of a client from outside when its time is up, even one that says nothing."""

    def __init__(self, seconds: float, client: docker.APIClient) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._response: Response | None = None
        self.passed = False
        client.hooks["response"].append(self._watch)

    def _watch(self, response: Response, *_: Any, **__: Any) -> None:
        self._response = response

    def _cut(self) -> None:
        self.passed = True
        if self._response is not None:
            self._response.raw.shutdown()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._response is not None:
            self._response.close()


def _clean(line: str) -> str:
    return clean(line, LINE_CHARACTERS).rstrip()


def build(engine: Engine, context: IO[bytes], tag: str, limits: Limits, on_line: OnLine, **options: Any) -> None:
    """Build `context`, a tar, as image `tag`; `options` go to the client's build call.

    Raises SubmissionFailed (phase ``build``) when the build fails, EngineError when the engine does.
    """
    steps = Steps(engine, limits, on_line)
    transcript = Transcript(steps.heard)
    with faults("building an image"):
        client = engine.another()
        client.timeout = math.ceil(limits.seconds)
        cores = min(math.ceil(limits.cpus), int(engine.api.info()["NCPU"]))
    options |= {"fileobj": context, "tag": tag, "container_limits": _limits(limits, cores)}
    try:
        with steps, Deadline(limits.seconds, client) as deadline:
            _follow(client, options, transcript, deadline)
        if deadline.passed:
            raise transcript.failure(f"the build took over {limits.seconds:g} s")
    finally:
        client.close()
    if steps.exceeded:
        raise transcript.failure(f"the build wrote over {MOST_WRITTEN // MIB} MiB")
    if transcript.error:
        raise transcript.failure(transcript.error)


def _follow(client: docker.APIClient, options: Any, transcript: Transcript, deadline: Deadline) -> None:
    try:
        for message in client.build(
            custom_context=True, rm=True, forcerm=True, decode=True, network_mode="none", labels=labels(), **options
        ):
            transcript.hear(message)
            if transcript.bytes > OUTPUT_BUDGET:
                raise transcript.failure(f"the build printed over {OUTPUT_BUDGET} bytes")
    except FAULTS as error:
        if deadline.passed:
            return
        if isinstance(error, APIError) and error.status_code == BAD_REQUEST:
            raise transcript.failure(reason(error)) from error
        with faults("building an image"):
            raise


def _limits(limits: Limits, cores: int) -> dict[str, Any]:
    """The classic builder caps cores by naming them."""
    memory = limits.memory_mb * MIB
    return {"memory": memory, "memswap": memory, "cpusetcpus": f"0-{cores - 1}"}
