"""What a candidate reads first: the task, what counts, the time, the AI policy, and what happens to personal data."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from assesskit import __version__
from assesskit.content import Exercise

WHEEL = f"assesskit-{__version__}-py3-none-any.whl"
"""What candidates install: it is built in a checkout, and sent with the kit."""


def brief(exercise: Exercise, level: str | None) -> tuple[str, str]:
    """The brief as Markdown and as one self-contained HTML page."""
    criteria = _criteria(exercise)
    text = _rendered(
        "brief.md.j2",
        text=(exercise.folder / exercise.spec.candidate.brief).read_text(encoding="utf-8"),
        exercise=exercise,
        level=level,
        criteria=criteria,
        public=sum(points for _, points, who in criteria if who in {"public", "both"}),
        total=sum(points for _, points, _ in criteria),
    )
    body = Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # noqa: S704  escaped by it
    return text, _rendered("brief.html.j2", title=exercise.spec.title, body=body)


def readme(exercise: Exercise, candidate: str) -> str:
    """How to begin, for somebody who has just opened the kit."""
    return _rendered("kit.md.j2", exercise=exercise, candidate=candidate, wheel=WHEEL)


def _criteria(exercise: Exercise) -> list[tuple[str, int, str]]:
    """Title, points and who judges: ``public`` checks, ``hidden`` ones, ``both``, or ``people``."""
    told = []
    for criterion in exercise.criteria:
        shown = any(check.visibility == "public" for check in exercise.checks[criterion.id])
        by_checks = "hidden" if not shown else "both" if criterion.id in exercise.looked_at_again else "public"
        who = "people" if criterion.kind == "judged" else by_checks
        told.append((criterion.title, criterion.points, who))
    return told


def _rendered(name: str, **values: Any) -> str:
    template = _environment().get_template(name)
    return template.render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("assesskit.kits", "pages"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
