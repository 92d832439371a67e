"""Holds the steps of a build to limits that the engine's builder does not know: processes, and bytes written."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from assesskit.pods.docker.engine import FAULTS

if TYPE_CHECKING:
    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import Limits, OnLine

RUNNING = re.compile(r" ---> Running in ([0-9a-f]{12})")
MOST_WRITTEN = 4 * 1024 * 1024 * 1024
"""Bytes that all steps of a build together may write."""
POLL = 0.5


class Steps:
    """Watches the containers a build runs its steps in; the builder names each in its output, which goes to `on_line`.

    A step that prints such a line itself gains nothing: what is not there is not watched, and it knows only itself.
    """

    def __init__(self, engine: Engine, limits: Limits, on_line: OnLine) -> None:
        self._engine = engine
        self._on_line = on_line
        self._pids = limits.pids
        self._written: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="build-steps", daemon=True)
        self.exceeded = False

    def heard(self, line: str) -> None:
        """Take a line of the builder's output; the step that it begins may have so many processes from now on."""
        if found := RUNNING.fullmatch(line):
            api: Any = self._engine.api
            with suppress(*FAULTS):  # it has ended already, or never was
                url = api._url("/containers/{0}/update", found[1])  # noqa: SLF001  the SDK's own call leaves pids out
                api._raise_for_status(api._post_json(url, {"PidsLimit": self._pids}))  # noqa: SLF001
                self._written.setdefault(found[1], 0)
        self._on_line(line)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(POLL) and not self.exceeded:
            with suppress(*FAULTS):  # the build itself learns of an engine that is gone
                self._look()

    def _look(self) -> None:
        for container in list(self._written)[-1:]:
            for found in self._engine.api.containers(size=True, filters={"id": container}):
                self._written[container] = found.get("SizeRw") or 0
            self.exceeded = sum(self._written.values()) > MOST_WRITTEN
            if self.exceeded:
                self._engine.api.kill(container)
