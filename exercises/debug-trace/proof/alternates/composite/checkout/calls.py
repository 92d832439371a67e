"""Calls to other services: each is a span, and none goes on after the request's deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests
from opentelemetry import propagate, trace
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = "X-Timeout-Ms"
"""The header that says how many milliseconds a caller will wait."""
LONGEST = 2.0
"""Seconds that a request may take, whatever its caller says."""

tracer = trace.get_tracer(__name__)


class FailedError(Exception):
    """The other service is not there, or said 5xx."""


class TooLateError(Exception):
    """The request's time is up."""


class Deadline:
    """When the caller stops waiting."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Deadline:
        told = headers.get(TIMEOUT, "")
        return cls(min(LONGEST, int(told) / 1000) if told.isdecimal() else LONGEST)

    def left(self) -> float:
        """Seconds that are left. Raises TooLateError when there are none."""
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TooLateError
        return seconds


class Edge:
    """Another service, at most `connections` calls to it at a time."""

    def __init__(self, name: str, url: str, connections: int = 32) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=connections, pool_block=True))

    def send(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        attributes: Mapping[str, str | int] | None = None,
    ) -> requests.Response:
        """One call. Raises FailedError, TooLateError."""
        with tracer.start_as_current_span(
            f"{method} {self._name}", kind=trace.SpanKind.CLIENT, attributes=attributes
        ) as span:
            left = deadline.left()
            span.set_attribute("peer.service", self._name)
            span.set_attribute("timeout_ms", int(left * 1000))
            sent = {**(headers or {}), TIMEOUT: str(int(left * 1000))}
            propagate.inject(sent)
            try:
                answer = self._session.request(method, self._url + path, json=json, headers=sent, timeout=left)
            except requests.Timeout as error:
                raise TooLateError(self._name) from error
            except requests.RequestException as error:
                raise FailedError(self._name) from error
            span.set_attribute("http.response.status_code", answer.status_code)
            if answer.status_code >= 500:
                raise FailedError(f"{self._name} answered {answer.status_code}")
            return answer
