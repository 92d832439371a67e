"""The service levels of both sides under load, in the shape of the assessment's `ServiceLevels`.

They are figures for people, and told whatever the verdicts are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assesskit.checks.latency import quantile
from assesskit.checks.measured import READS, RUSH, SIDES, WRITES, Kind, Measured, cost_ms
from assesskit.checks.services import Control, Service
from assesskit.checks.throughput import rate
from assesskit.instruments.load import Sample

SHOWN = 200
"""Latencies of a route and side that go into the assessment."""


def levels(seen: Mapping[Kind, Measured], control: Control, objective: float) -> dict[str, Any]:
    """Return what was seen of both sides; rates, shares and costs are None where they are not known."""
    sides = {side: _side(seen, control.service(side)) for side in SIDES}
    return {"objective": objective, "sides": {name: told for name, told in sides.items() if told["requests"]}}


def _side(seen: Mapping[Kind, Measured], service: Service) -> dict[str, Any]:
    """Latencies, failures, cost and saturation are those of the steady load; under all it can take, a side has no say
    in how much that is.
    """
    name = service.name
    steady = [seen[kind] for kind in (READS, WRITES) if kind in seen]
    samples = [sample for one in steady for sample in one.samples if sample.side == name]
    routes: dict[str, list[Sample]] = {}
    for sample in samples:
        routes.setdefault(sample.route, []).append(sample)
    cost, memory = cost_ms(steady, name), max((one.memory[name] or 0 for one in seen.values()), default=0)
    seconds = sum(one.seconds for one in steady)
    busy = None if cost is None else cost / 1000 * sum(one.sent[name] for one in steady) / seconds
    return {
        "requests": len(samples),
        "failed": sum(bool(sample.error) for sample in samples),
        "routes": {route: _route(found) for route, found in sorted(routes.items())},
        "throughput": _rounded(rate(seen[RUSH].samples, name, RUSH.clients)) if RUSH in seen else None,
        "cpu_ms": _rounded(cost),
        "cpu_share": None if busy is None or service.cpus is None else _rounded(busy / service.cpus),
        "memory_bytes": memory or None,
        "memory_share": _rounded(memory / service.memory_bytes) if memory and service.memory_bytes else None,
    }


def _route(samples: Sequence[Sample]) -> dict[str, Any]:
    ordered = sorted(sample.latency_ms for sample in samples)
    every = -(-len(ordered) // SHOWN)
    parts = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        "count": len(ordered),
        "failed": sum(bool(sample.error) for sample in samples),
        **{name: round(quantile(ordered, part), 3) for name, part in parts.items()},
        "samples_ms": [round(latency, 3) for latency in ordered[::every]],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
