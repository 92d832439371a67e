"""The inventory, seen from here."""

from __future__ import annotations

import requests
import telemetry
from opentracing import Format
from requests.adapters import HTTPAdapter

LONGEST = 2.0
"""Seconds, whatever a caller says."""


class FailedError(Exception):
    """It is not there, or said 5xx."""


class TooLateError(Exception):
    """The caller's time is up."""


def seconds(timeout_ms: str) -> float:
    """How long a caller waits, by what it says. Raises TooLateError when it does not any more."""
    if not timeout_ms.isdecimal():
        return LONGEST
    if int(timeout_ms) == 0:
        raise TooLateError
    return min(LONGEST, int(timeout_ms) / 1000)


class Inventory:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32, pool_block=True))

    def pence(self, hamper: str, timeout_ms: str) -> int | None:
        """What a hamper's parts cost together; None for an unknown hamper. Raises FailedError, TooLateError."""
        left = seconds(timeout_ms)
        with telemetry.client_span("GET inventory") as scope:
            scope.span.set_tag("peer.service", "inventory")
            scope.span.set_tag("hamper", hamper)
            headers = {"X-Timeout-Ms": str(int(left * 1000))}
            telemetry.tracer().inject(scope.span, Format.HTTP_HEADERS, headers)
            try:
                answer = self._session.get(f"{self._url}/items/{hamper}", headers=headers, timeout=left)
                scope.span.set_tag("http.status_code", answer.status_code)
                if answer.status_code >= 500:
                    raise FailedError(f"inventory answered {answer.status_code}")
            except requests.Timeout as error:
                telemetry.failed(scope.span, error)
                raise TooLateError from error
            except (requests.RequestException, FailedError) as error:
                telemetry.failed(scope.span, error)
                raise FailedError(str(error)) from error
        return None if answer.status_code == 404 else int(answer.json()["pence"])
