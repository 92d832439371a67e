"""Charts as inline SVG: small pure functions from values to markup.

Colours, fonts and patterns come from the page's style sheet by class: one chart serves light, dark and paper.
The scale is our own because the pure-Python drawing libraries that have one also bring scripts or style elements, which
the page's content policy refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from assesskit.reports.inert import visible
from assesskit.reports.views import WORDS, duration, of, word

if TYPE_CHECKING:
    from assesskit.model import CriterionResult, Score
    from assesskit.reports.evidence import Latency, Span

WIDTH = 760
MAX_SPANS = 60


@dataclass(frozen=True)
class Scale:
    """A linear scale from values `low` to `high` onto pixels `start` to `end`; values outside land on the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def ticks(self, about: int = 5) -> Iterator[float]:
        """Round values (1, 2 or 5 times a power of ten apart) inside the scale, roughly `about` of them."""
        rough = max(self.high - self.low, 1e-9) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        for index in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield index * step


def verdict_bar(results: Sequence[CriterionResult], most: int) -> Markup:
    """One segment a criterion, as long as its points; `most` points fill the width."""
    svg = _svg("bars", ", ".join(f"{result.criterion.title}: {word(result)}" for result in results))
    done = 0
    for verdict in WORDS:
        for result in of(results, verdict):
            rect = _segment(svg, verdict, done / most, result.criterion.points / most)
            _text_of(SubElement(rect, "title"), f"{result.criterion.title}: {word(result)}")
            done += result.criterion.points
    return _markup(svg)


def score_bar(score: Score) -> Markup:
    """Points earned, not earned and not judged as parts of all points."""
    lost, open_ = score.judged - score.earned, score.total - score.judged
    svg = _svg("bars", f"{score.earned} points earned, {lost} not earned, {open_} not judged")
    done = 0
    for verdict, points in (("met", score.earned), ("not_met", lost), ("ungraded", open_)):
        if points:
            _segment(svg, verdict, done / score.total, points / score.total)
            done += points
    return _markup(svg)


def _segment(svg: Element, verdict: str, start: float, share: float) -> Element:
    """A part of a bar in shares of its width, which follows the page while height and pattern stay as they are."""
    box = {"x": f"{start:.2%}", "y": "1", "width": f"{share * 0.994:.2%}", "height": "16"}
    return SubElement(svg, "rect", {"class": f"bar {verdict}", **box})


def waterfall(spans: Sequence[Span]) -> Markup:
    """Spans on one time axis, children under their parents; at most `MAX_SPANS`, one that failed says so."""
    rows = list(_tree(spans))[:MAX_SPANS]
    height = 30 + 24 * len(rows)
    svg = _svg("chart", f"Waterfall of {len(rows)} spans", (WIDTH, height))
    low, high = min(span.start for span in spans), max(span.end for span in spans)
    scale = Scale(low, high, 290, WIDTH - 70)
    for tick in scale.ticks():
        _line(svg, "grid", (scale(tick), 20, scale(tick), height))
        _label(svg, (scale(tick), 12), duration(tick), "tick middle")
    for row, (depth, span) in enumerate(rows):
        _span(svg, scale, 30 + 24 * row, depth, span)
    return _markup(svg)


def _span(svg: Element, scale: Scale, y: float, depth: int, span: Span) -> None:
    x, end = scale(span.start), scale(span.end)
    indent = 12 * min(depth, 6)
    name = f"{span.service}: {span.name}" if span.service else span.name
    _label(svg, (indent, y + 14), _short(name, 42 - 2 * min(depth, 6)), "name")
    _rect(svg, "span failed" if span.failed else "span", (x, y + 4, max(end - x, 2), 13))
    took = duration(max(span.end - span.start, 0))
    _label(svg, (end + 6, y + 14), f"{took} error" if span.failed else took, "tick")


def _tree(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Depth and span, parents before their children; what hangs in a ring or on a missing parent starts at depth 0."""
    known = {(span.trace_id, span.span_id) for span in spans}
    children: dict[tuple[str, str], list[Span]] = {}
    roots: list[Span] = []
    ordered = sorted(spans, key=lambda each: each.start)
    for span in ordered:
        parent = (span.trace_id, span.parent_id or "")
        (children.setdefault(parent, []) if parent in known else roots).append(span)
    drawn: set[tuple[str, str]] = set()
    waiting = [(0, span) for span in reversed([*roots, *ordered])]
    while waiting:
        depth, span = waiting.pop()
        identity = (span.trace_id, span.span_id)
        if identity not in drawn:
            drawn.add(identity)
            yield depth, span
            waiting.extend((depth + 1, child) for child in reversed(children.get(identity, [])))


class Latencies(Protocol):
    """What a distribution is drawn from, in ms."""

    @property
    def p99(self) -> float:
        """The 99th percentile."""

    @property
    def samples_ms(self) -> Sequence[float]:
        """Some of the latencies."""


def distribution(sides: Mapping[str, Latencies]) -> Markup:
    """Share of requests answered within a time, one stepped line a side; the axis ends past the slowest p99."""
    height, top, bottom = 220, 14, 180
    svg = _svg("chart", "Distribution of latencies: " + ", ".join(sides), (WIDTH, height))
    across = Scale(0, max(side.p99 for side in sides.values()) * 1.1, 52, WIDTH - 16)
    up = Scale(0, 1, bottom, top)
    for tick in across.ticks(7):
        _line(svg, "grid", (across(tick), top, across(tick), bottom))
        _label(svg, (across(tick), bottom + 16), f"{tick:g} ms", "tick middle")
    for part in (0, 0.5, 0.95):
        _line(svg, "grid", (52, up(part), WIDTH - 16, up(part)))
        _label(svg, (46, up(part) + 4), f"{part:.0%}", "tick end")
    for index, (name, side) in enumerate(sides.items()):
        steps = _steps(sorted(side.samples_ms), across, up)
        SubElement(svg, "path", {"class": f"side side-{index % 4}", "d": steps})
        x = 60 + 180 * index
        _line(svg, f"side side-{index % 4}", (x, height - 8, x + 28, height - 8))
        _label(svg, (x + 34, height - 4), _short(name, 18), "name")
    return _markup(svg)


def _steps(samples: Sequence[float], across: Scale, up: Scale) -> str:
    path = [f"M{across.start:.1f} {up.start:.1f}"]
    for count, value in enumerate(samples, start=1):
        path.append(f"H{across(value):.1f}V{up(count / len(samples)):.1f}")
    return "".join((*path, f"H{across.end:.1f}"))


def difference(latency: Latency) -> Markup:
    """The measured difference with its interval, and the budget it was held against, on one axis."""
    svg = _svg("chart", f"Difference {latency.difference_ms:.1f} ms, budget {latency.budget_ms:.1f} ms", (WIDTH, 84))
    marks = (0.0, latency.low_ms, latency.high_ms, latency.budget_ms)
    margin = (max(marks) - min(marks)) * 0.08
    scale = Scale(min(marks) - margin, max(marks) + margin, 16, WIDTH - 16)
    for tick in scale.ticks(8):
        _line(svg, "grid", (scale(tick), 26, scale(tick), 62))
        _label(svg, (scale(tick), 78), f"{tick:g} ms", "tick middle")
    budget = scale(latency.budget_ms)
    _line(svg, "budget", (budget, 20, budget, 62))
    side = "end" if budget > WIDTH / 2 else "start"
    _label(svg, (budget + (-6 if side == "end" else 6), 16), f"budget {latency.budget_ms:g} ms", f"name {side}")
    _rect(svg, "interval", (scale(latency.low_ms), 38, max(scale(latency.high_ms) - scale(latency.low_ms), 2), 12))
    _rect(svg, "point", (scale(latency.difference_ms) - 2, 33, 4, 22))
    return _markup(svg)


def _svg(css: str, label: str, size: tuple[float, float] | None = None) -> Element:
    """An empty drawing: with a `size` it scales as a whole, without one its shares follow the width it is given."""
    view = {"viewBox": f"0 0 {size[0]:g} {size[1]:g}"} if size else {}
    return Element("svg", {"class": css, "role": "img", "aria-label": str(visible(_short(label, 400))), **view})


def _rect(parent: Element, css: str, box: tuple[float, float, float, float]) -> None:
    names = ("x", "y", "width", "height")
    SubElement(parent, "rect", {"class": css, **{n: f"{v:.1f}" for n, v in zip(names, box, strict=True)}})


def _line(parent: Element, css: str, ends: tuple[float, float, float, float]) -> None:
    names = ("x1", "y1", "x2", "y2")
    SubElement(parent, "line", {"class": css, **{n: f"{v:.1f}" for n, v in zip(names, ends, strict=True)}})


def _label(parent: Element, at: tuple[float, float], text: str, css: str) -> None:
    _text_of(SubElement(parent, "text", {"class": css, "x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}"}), text)


def _text_of(element: Element, text: str) -> None:
    element.text = str(visible(text))


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _markup(svg: Element) -> Markup:
    return Markup(tostring(svg, encoding="unicode"))  # noqa: S704  ElementTree escaped every text and attribute
