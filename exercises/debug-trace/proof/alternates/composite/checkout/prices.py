"""What the lines of a checkout cost: asked for side by side, because they have nothing to do with each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from calls import FailedError
from opentelemetry import context, trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from calls import Deadline, Edge

THREADS = 64

tracer = trace.get_tracer(__name__)


class UnknownHamperError(Exception):
    """There is no such hamper."""


class Prices:
    def __init__(self, pricing: Edge) -> None:
        self._pricing = pricing
        self._pool = ThreadPoolExecutor(THREADS)

    def of(self, lines: Sequence[Mapping[str, Any]], deadline: Deadline) -> list[int]:
        """Pence of each line. Raises UnknownHamperError, FailedError, TooLateError."""
        with tracer.start_as_current_span("price lines", attributes={"lines": len(lines)}):
            here = context.get_current()
            asked = [self._pool.submit(self._price, line, deadline, here) for line in lines]
            return [one.result() for one in asked]

    def _price(self, line: Mapping[str, Any], deadline: Deadline, caller: context.Context) -> int:
        token = context.attach(caller)
        try:
            path = f"/prices/{line['hamper']}?quantity={line['quantity']}"
            answer = self._pricing.send("GET", path, deadline, attributes={"hamper": line["hamper"]})
        finally:
            context.detach(token)
        if answer.status_code == 404:
            raise UnknownHamperError(line["hamper"])
        if answer.status_code != 200:
            raise FailedError(f"pricing answered {answer.status_code}")
        return int(answer.json()["pence"])
