"""Rate, errors and duration by route, over all workers."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
LABELS = ("method", "route", "status")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

_requests = Counter("http_requests_total", "Requests that were answered", LABELS)
_seconds = Histogram("http_request_duration_seconds", "How long they took", LABELS)


def count(method: str, route: str, status: int, seconds: float) -> None:
    labels = (method if method in METHODS else "other", route, str(status))
    _requests.labels(*labels).inc()
    _seconds.labels(*labels).observe(seconds)


def exposition() -> bytes:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
