"""Assessments rendered: `html`, `markdown` and `summary`.

A page is one file: no script, nothing loaded from anywhere, its one style sheet allowed by digest. Text a submission
wrote passes `inert.visible` and autoescaping on its way in, by the environment and not by each template's care.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assesskit.reports import charts, evidence, inert, levels, views

if TYPE_CHECKING:
    from assesskit.model import Assessment


def html(assessment: Assessment) -> str:
    """The full report for interviewers and hiring managers, as one self-contained HTML page."""
    return _pages().get_template("report.html.j2").render(assessment=assessment)


def markdown(assessment: Assessment) -> str:
    """The report as Markdown: the same facts without charts and evidence."""
    return _texts().get_template("report.md.j2").render(assessment=assessment)


def summary(assessments: Sequence[Assessment], links: Mapping[str, str]) -> str:
    """Several gradings side by side by criterion, only where they may be compared, as one self-contained HTML page.

    `links` maps a run to the relative path of its report; a run without one is not linked. Raises ValueError for a link
    that leaves the folder's own tree for another scheme or host.
    """
    hrefs = {run: _relative(link) for run, link in links.items()}
    cohorts = views.cohorts(assessments)
    return _pages().get_template("summary.html.j2").render(cohorts=cohorts, links=hrefs)


def _relative(link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link.startswith("/"):
        raise ValueError(f"{link!r}: a report's link is a relative path")
    return quote(link)


@cache
def _pages() -> Environment:
    environment = Environment(
        loader=PackageLoader("assesskit.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert.visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("assesskit.reports").joinpath("templates/report.css").read_text(encoding="utf-8")
    environment.globals |= {
        "style": Markup(style),  # noqa: S704  our own file
        "style_digest": b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "charts": charts,
        "views": views,
        "levels_in_words": levels,
    }
    environment.filters |= {"piece": evidence.piece, "message": evidence.message, "as_json": evidence.as_json}
    environment.filters |= {"excerpt": inert.excerpt, "tail": inert.tail}
    return environment


@cache
def _texts() -> Environment:
    environment = Environment(
        loader=PackageLoader("assesskit.reports"),
        autoescape=False,  # noqa: S701  Markdown, not HTML: in_markdown escapes every value
        undefined=StrictUndefined,
        finalize=inert.in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"views": views, "levels_in_words": levels}
    environment.filters |= {"code_block": inert.code_block, "excerpt": inert.excerpt, "tail": inert.tail}
    return environment
