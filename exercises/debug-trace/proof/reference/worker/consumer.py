"""Takes messages from the queue. A message is deleted when its receipt is written, so none is lost."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from calls import Deadline, FailedError, TooLateError
from opentelemetry import propagate, trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from calls import Edge

tracer = trace.get_tracer(__name__)
log = logging.getLogger("service")


class Consumer(threading.Thread):
    def __init__(self, queue: Edge) -> None:
        super().__init__(name="consumer", daemon=True)
        self._queue = queue
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                taken = self._take()
                if taken:
                    self._write(taken["id"], taken["message"])
            except (FailedError, TooLateError):
                log.warning("the queue is not available")
                time.sleep(0.5)

    def finish(self) -> None:
        """Take no further message, and wait until the last one's receipt is written."""
        self._stopping.set()
        self.join(4)

    def _take(self) -> dict[str, Any] | None:
        answer = self._queue.poll("/messages/next?wait=1")
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    def _write(self, name: str, message: Mapping[str, Any]) -> None:
        """Write the receipt: here, a line in the log."""
        caller = propagate.extract(message.get("headers", {}))
        with tracer.start_as_current_span("receipts process", context=caller, kind=trace.SpanKind.CONSUMER):
            log.info("receipt", extra={"fields": {"order": message["order"], "total": message["total"]}})
            self._queue.send("DELETE", f"/messages/{name}", Deadline(2.0))
