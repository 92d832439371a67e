"""What charts are drawn with: a scale, and elements of SVG whose colours, fonts and patterns the style sheet has.

The scale is our own because the pure-Python drawing libraries that have one also bring scripts or style elements, which
the page's content policy refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from assesskit.reports.inert import visible

WIDTH = 760


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


def svg(css: str, label: str, size: tuple[float, float] | None = None) -> Element:
    """An empty drawing: with a `size` it scales as a whole, without one its shares follow the width it is given."""
    view = {"viewBox": f"0 0 {size[0]:g} {size[1]:g}"} if size else {}
    return Element("svg", {"class": css, "role": "img", "aria-label": str(visible(short(label, 400))), **view})


def rect(parent: Element, css: str, box: tuple[float, float, float, float]) -> None:
    """A rectangle: x, y, width, height."""
    names = ("x", "y", "width", "height")
    SubElement(parent, "rect", {"class": css, **{n: f"{v:.1f}" for n, v in zip(names, box, strict=True)}})


def line(parent: Element, css: str, ends: tuple[float, float, float, float]) -> None:
    """A line: from x, y to x, y."""
    names = ("x1", "y1", "x2", "y2")
    SubElement(parent, "line", {"class": css, **{n: f"{v:.1f}" for n, v in zip(names, ends, strict=True)}})


def path(parent: Element, css: str, steps: str) -> None:
    """A path of SVG's own commands."""
    SubElement(parent, "path", {"class": css, "d": steps})


def label(parent: Element, at: tuple[float, float], text: str, css: str) -> None:
    """A text that begins, ends or is centred at a point, as its class says."""
    text_of(SubElement(parent, "text", {"class": css, "x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}"}), text)


def text_of(element: Element, text: str) -> None:
    """Give an element its text, with what cannot be seen shown."""
    element.text = str(visible(text))


def short(text: str, limit: int) -> str:
    """A text of at most `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def markup(drawing: Element) -> Markup:
    """A drawing as a page embeds it."""
    return Markup(tostring(drawing, encoding="unicode"))  # noqa: S704  ElementTree escaped every text and attribute
