"""One piece of evidence of each kind, as the checks of the order-service exercise record them."""

from __future__ import annotations

import math
import random

from assesskit.model import Evidence

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def exchange() -> Evidence:
    """A create that was answered twice with different orders."""
    return Evidence(
        kind="exchange",
        title="Second of two simultaneous creates with one key",
        data={
            "sent": {
                "method": "POST",
                "url": "/v1/orders",
                "headers": {
                    "Authorization": "Bearer [redacted]",
                    "Content-Type": "application/json",
                    "Idempotency-Key": "k-7f3a",
                    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
                },
                "body": '{"sku": "SKU-1042", "quantity": 2}',
            },
            "received": {
                "status": 201,
                "headers": [["content-type", "application/json"], ["location", "/v1/orders/ord_02"]],
                "body": '{"id": "ord_02", "sku": "SKU-1042", "quantity": 2, "status": "confirmed"}',
            },
            "seconds": 0.214,
        },
    )


def relay() -> Evidence:
    """Two reservations where one was expected."""
    call = {"method": "POST", "path": "/reservations", "key": "SKU-1042", "status": 201, "headers": {}}
    return Evidence(
        kind="relay",
        title="Calls that reached the inventory for SKU-1042",
        data={
            "calls": [
                {**call, "at": 0.012, "attempt": 1, "fault": "delay 0.2 s", "seconds": 0.203},
                {**call, "at": 0.013, "attempt": 2, "fault": None, "seconds": 0.004},
            ]
        },
    )


def spans() -> Evidence:
    """A trace in which the call to the dependency fails."""
    rows: list[tuple[str, str | None, str, str, str, float, float, str]] = [
        ("a1", None, "gateway", "POST /v1/orders", "client", 0, 0.231, "UNSET"),
        ("b2", "a1", "orders", "POST /v1/orders", "server", 0.006, 0.226, "ERROR"),
        ("c3", "b2", "orders", "SELECT idempotency_keys", "internal", 0.011, 0.014, "UNSET"),
        ("d4", "b2", "orders", "POST inventory /reservations", "client", 0.018, 0.206, "ERROR"),
        ("e5", "d4", "inventory", "POST /reservations", "server", 0.021, 0.2, "UNSET"),
        ("f6", "b2", "orders", "INSERT orders", "internal", 0.208, 0.219, "UNSET"),
    ]
    names = ("span_id", "parent_id", "service", "name", "kind", "start", "end", "status")
    return Evidence(
        kind="spans",
        title="The trace as the collector received it",
        data={"spans": [{"trace_id": TRACE} | dict(zip(names, row, strict=True)) for row in rows]},
    )


def latency(budget: float = 15.0) -> Evidence:
    """A side that is about eight milliseconds slower than the reference."""
    draw = random.Random(7)
    sides = {}
    for name, middle in (("submission", 13.0), ("reference", 5.0)):
        samples = sorted(middle * math.exp(draw.gauss(0, 0.35)) for _ in range(300))
        figures = {f"p{part}": samples[int(len(samples) * part / 100)] for part in (50, 95, 99)}
        sides[name] = figures | {"count": 720, "samples_ms": samples}
    data = {"budget_ms": budget, "difference_ms": 8.1, "low_ms": 7.2, "high_ms": 9.3, "sides": sides, "windows": 24}
    return Evidence(kind="latency", title="Reading one order, beside the reference", data=data)


def log() -> Evidence:
    """What the service printed."""
    line = f'{{"level": "error", "event": "inventory timeout", "trace_id": "{TRACE}", "duration_ms": 30%02d}}'
    lines = [line % number for number in range(1, 10)]
    return Evidence(kind="log", title="The service's log during the hang", data={"lines": lines})


def figure() -> Evidence:
    """A number and its limit."""
    return Evidence(kind="figure", title="Slowest answer", data={"value": 30.02, "unit": "s", "limit": 3.0})


def note(text: str = "One worker process served all requests.") -> Evidence:
    """Something in words."""
    return Evidence(kind="note", title="Workers seen", data={"text": text})
