"""Charts as inline SVG: small pure functions from values to markup.

Colours, fonts and patterns come from the page's style sheet by class: one chart serves light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol
from xml.etree.ElementTree import Element, SubElement

from markupsafe import Markup

from assesskit.judging import Leveled, worth
from assesskit.reports import critical
from assesskit.reports.drawing import WIDTH, Scale, label, line, markup, rect, short, svg, text_of
from assesskit.reports.views import WORDS, duration, number, of, word

if TYPE_CHECKING:
    from assesskit.judging import Sum
    from assesskit.model import CriterionResult
    from assesskit.reports.evidence import Latency, Span

MAX_SPANS = 60


def verdict_bar(results: Sequence[CriterionResult], most: int) -> Markup:
    """One segment a criterion, as long as its points; `most` points fill the width."""
    drawing = svg("bars", ", ".join(f"{result.criterion.title}: {word(result)}" for result in results))
    done = 0
    for verdict in WORDS:
        for result in of(results, verdict):
            box = _segment(drawing, verdict, done / most, result.criterion.points / most)
            text_of(SubElement(box, "title"), f"{result.criterion.title}: {word(result)}")
            if isinstance(result, Leveled):
                _segment(drawing, "reached", done / most, result.criterion.points * (worth(result) or 0) / most)
            done += result.criterion.points
    return markup(drawing)


def score_bar(score: Sum) -> Markup:
    """Points earned, not earned and not judged as parts of all points."""
    lost, open_ = score.judged - score.earned, score.total - score.judged
    drawing = svg("bars", f"{number(score.earned)} points earned, {number(lost)} not earned, {open_} not judged")
    done = 0.0
    for verdict, points in (("met", score.earned), ("not_met", lost), ("ungraded", open_)):
        if points:
            _segment(drawing, verdict, done / score.total, points / score.total)
            done += points
    return markup(drawing)


def _segment(drawing: Element, verdict: str, start: float, share: float) -> Element:
    """A part of a bar in shares of its width, which follows the page while height and pattern stay as they are."""
    box = {"x": f"{start:.2%}", "y": "1", "width": f"{share * 0.994:.2%}", "height": "16"}
    return SubElement(drawing, "rect", {"class": f"bar {verdict}", **box})


def waterfall(spans: Sequence[Span], *, narrow: bool = False, seconds: float = 0.0) -> Markup:
    """Spans on one time axis, children under their parents; at most `MAX_SPANS`, one that failed says so.

    A line below a bar is its part of the critical path. `narrow` has names above their bars, for two side by side;
    `seconds` is how much the axis shows at least, so that both have the same one.
    """
    rows = list(_tree(spans))[:MAX_SPANS]
    shape = _NARROW if narrow else _WIDE
    height = shape.top + shape.row * len(rows)
    parts = critical.path(spans)
    told = ", ".join(f"{service} {duration(spent)}" for service, spent in critical.by_service(parts).items())
    drawing = svg("chart", f"Waterfall of {len(rows)} spans; critical path: {told or 'none'}", (shape.width, height))
    low, high = min(span.start for span in spans), max(span.end for span in spans)
    scale = Scale(low, max(high, low + seconds), shape.left, shape.width - 70)
    for tick in scale.ticks(shape.ticks):
        line(drawing, "grid", (scale(tick), 20, scale(tick), height))
        label(drawing, (scale(tick), 12), duration(tick - low if narrow else tick), "tick middle")
    for row, (depth, span) in enumerate(rows):
        _span(drawing, scale, shape, shape.top + shape.row * row, depth, span)
        for part in parts:
            if part.span is span:
                y = shape.top + shape.row * row + shape.bar + 15
                line(drawing, "critical", (scale(part.start), y, max(scale(part.end), scale(part.start) + 1), y))
    return markup(drawing)


class _Shape(NamedTuple):
    """Of a waterfall, in pixels: where bars begin and rows, how high a row is, where in it the name and the bar are.

    `ticks` is how many there are about, `name` how many characters a name may have.
    """

    width: int
    left: int
    top: int
    row: int
    text: int
    bar: int
    ticks: int
    name: int


_WIDE = _Shape(WIDTH, 290, 30, 24, 14, 4, 5, 42)
_NARROW = _Shape(430, 14, 30, 38, 12, 16, 3, 58)


def _span(drawing: Element, scale: Scale, shape: _Shape, y: float, depth: int, span: Span) -> None:
    x, end = scale(span.start), scale(span.end)
    indent = 12 * min(depth, 6)
    name = f"{span.service}: {span.name}" if span.service else span.name
    label(drawing, (indent, y + shape.text), short(name, shape.name - 2 * min(depth, 6)), "name")
    rect(drawing, "span failed" if span.failed else "span", (x, y + shape.bar, max(end - x, 2), 13))
    took = duration(max(span.end - span.start, 0))
    label(drawing, (end + 6, y + shape.bar + 10), f"{took} error" if span.failed else took, "tick")


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
    drawing = svg("chart", "Distribution of latencies: " + ", ".join(sides), (WIDTH, height))
    across = Scale(0, max(side.p99 for side in sides.values()) * 1.1, 52, WIDTH - 16)
    up = Scale(0, 1, bottom, top)
    for tick in across.ticks(7):
        line(drawing, "grid", (across(tick), top, across(tick), bottom))
        label(drawing, (across(tick), bottom + 16), f"{tick:g} ms", "tick middle")
    for part in (0, 0.5, 0.95):
        line(drawing, "grid", (52, up(part), WIDTH - 16, up(part)))
        label(drawing, (46, up(part) + 4), f"{part:.0%}", "tick end")
    for index, (name, side) in enumerate(sides.items()):
        steps = _steps(sorted(side.samples_ms), across, up)
        SubElement(drawing, "path", {"class": f"side side-{index % 4}", "d": steps})
        x = 60 + 180 * index
        line(drawing, f"side side-{index % 4}", (x, height - 8, x + 28, height - 8))
        label(drawing, (x + 34, height - 4), short(name, 18), "name")
    return markup(drawing)


def _steps(samples: Sequence[float], across: Scale, up: Scale) -> str:
    path = [f"M{across.start:.1f} {up.start:.1f}"]
    for count, value in enumerate(samples, start=1):
        path.append(f"H{across(value):.1f}V{up(count / len(samples)):.1f}")
    return "".join((*path, f"H{across.end:.1f}"))


def difference(latency: Latency) -> Markup:
    """The measured difference with its interval, and the budget it was held against, on one axis."""
    drawing = svg("chart", f"Difference {latency.difference_ms:.1f} ms, budget {latency.budget_ms:.1f} ms", (WIDTH, 84))
    marks = (0.0, latency.low_ms, latency.high_ms, latency.budget_ms)
    margin = (max(marks) - min(marks)) * 0.08
    scale = Scale(min(marks) - margin, max(marks) + margin, 16, WIDTH - 16)
    for tick in scale.ticks(8):
        line(drawing, "grid", (scale(tick), 26, scale(tick), 62))
        label(drawing, (scale(tick), 78), f"{tick:g} ms", "tick middle")
    budget = scale(latency.budget_ms)
    line(drawing, "budget", (budget, 20, budget, 62))
    side = "end" if budget > WIDTH / 2 else "start"
    label(drawing, (budget + (-6 if side == "end" else 6), 16), f"budget {latency.budget_ms:g} ms", f"name {side}")
    rect(drawing, "interval", (scale(latency.low_ms), 38, max(scale(latency.high_ms) - scale(latency.low_ms), 2), 12))
    rect(drawing, "point", (scale(latency.difference_ms) - 2, 33, 4, 22))
    return markup(drawing)
