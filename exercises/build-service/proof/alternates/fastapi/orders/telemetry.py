"""Logs, traces and figures."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 5)
LABELS = ["route", "method", "status"]
REQUESTS = Counter("http_requests_total", "Requests that were answered.", LABELS)
DURATION = Histogram("http_request_duration_seconds", "How long they took.", LABELS, buckets=BUCKETS)
RESERVATIONS = Histogram(
    "inventory_reservation_duration_seconds", "Reservations, retries included.", ["outcome"], buckets=BUCKETS
)
DEPENDENCY_UP = Gauge("dependency_up", "1 while it is available.", ["dependency"])

PLATFORM = frozenset({"/livez", "/readyz", "/metrics"})
KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        line |= {name: value for name, value in vars(record).items() if name not in KNOWN and value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)


def configure_logging() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


class _NotProbes(Sampler):
    """Probes come every second; a trace of each would bury the others. If a caller traces one, we do too."""

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *args: Any, **kwargs: Any) -> SamplingResult:
        if name.partition(" ")[2] in PLATFORM:
            return SamplingResult(Decision.DROP)
        return ALWAYS_ON.should_sample(parent_context, trace_id, name, *args, **kwargs)

    def get_description(self) -> str:
        return "NotProbes"


def configure_tracing() -> Callable[[], None]:
    """Starts to export spans; the function it returns sends the rest, and never takes long."""
    provider = TracerProvider(
        sampler=ParentBased(root=_NotProbes()),
        resource=Resource.create({"service.name": "orders"}),
        shutdown_on_exit=False,
    )
    # Small batches often: encoding a large one would hold the interpreter while requests wait.
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(timeout=3), schedule_delay_millis=500, max_export_batch_size=128)
    )
    trace.set_tracer_provider(provider)

    def finish() -> None:
        # A collector that hangs must not hold us: the thread is a daemon, and is left behind.
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(2.0)

    return finish
