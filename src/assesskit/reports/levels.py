"""Service levels in words: a row for each indicator, a column for each side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assesskit.model import RouteLevel, ServiceLevels, SideLevel
from assesskit.reports.views import size


@dataclass(frozen=True)
class Row:
    """One indicator: its name, and its text for each side in the order of `ServiceLevels.sides`."""

    name: str
    by_side: tuple[str, ...]


def rows(levels: ServiceLevels) -> tuple[Row, ...]:
    """Availability, error budget, rate, cost and saturation of every side."""
    told: dict[str, Callable[[SideLevel], str]] = {
        "Good answers": lambda side: f"{side.availability:.2%} of {side.requests}",
        f"Error budget burn (objective {levels.objective:.3%})": lambda side: f"{levels.burn(side):.1f} times",
        "Good answers a second, at most": lambda side: _number(side.throughput, "{:.0f}"),
        "Processor time of a request": lambda side: _number(side.cpu_ms, "{:.1f} ms"),
        "Processor, of its limit": lambda side: _number(side.cpu_share, "{:.0%}"),
        "Memory at most, of its limit": _memory,
    }
    return tuple(Row(name, tuple(text(side) for side in levels.sides.values())) for name, text in told.items())


def routes(levels: ServiceLevels) -> dict[str, dict[str, RouteLevel]]:
    """Every route with the sides that answered it."""
    names = dict.fromkeys(route for side in levels.sides.values() for route in side.routes)
    return {
        route: {name: side.routes[route] for name, side in levels.sides.items() if route in side.routes}
        for route in names
    }


def slowest(levels: ServiceLevels) -> dict[str, dict[str, RouteLevel]]:
    """The route on which some side took longest, with the sides that answered it; none where none was measured."""
    found = routes(levels)
    worst = max(found, key=lambda route: max(side.p95 for side in found[route].values()), default=None)
    return {} if worst is None else {worst: found[worst]}


def _memory(side: SideLevel) -> str:
    share = "" if side.memory_share is None else f" ({side.memory_share:.0%})"
    return size(side.memory_bytes) + share


def _number(value: float | None, form: str) -> str:
    return "not known" if value is None else form.format(value)
