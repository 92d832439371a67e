"""Receipts are written by a worker: a message asks for one, and carries the trace it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import propagate, trace

if TYPE_CHECKING:
    from calls import Deadline, Edge

tracer = trace.get_tracer(__name__)


class Receipts:
    def __init__(self, queue: Edge) -> None:
        self._queue = queue

    def ask_for(self, order: str, total: int, deadline: Deadline) -> None:
        """Raises FailedError, TooLateError."""
        with tracer.start_as_current_span("receipts publish", kind=trace.SpanKind.PRODUCER):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            message = {"order": order, "total": total, "headers": headers}
            self._queue.send("POST", "/messages", deadline, json=message, attributes={"order": order})
