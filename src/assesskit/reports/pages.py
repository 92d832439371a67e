"""Assessments rendered: the full report, one page for hiring managers, and Markdown.

A page is one file: no script, nothing loaded from anywhere, its one style sheet allowed by digest. Text a submission
wrote passes `inert.visible` and autoescaping on its way in, by the environment and not by each template's care.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from urllib.parse import quote, urlsplit

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assesskit import weighting
from assesskit.judging import Reviewed
from assesskit.model import Assessment
from assesskit.reports import asking, charts, diagnosis, evidence, inert, levels, plots, rollouts, views
from assesskit.weighting import Profile

Seen = Assessment | Reviewed
"""An assessment, or one with what people added."""


def reviewed(seen: Seen) -> Reviewed:
    """What people added; nothing, where only the assessment is given."""
    return seen if isinstance(seen, Reviewed) else Reviewed(seen)


def html(seen: Seen, profiles: Sequence[Profile] = ()) -> str:
    """The full report for interviewers, as one self-contained HTML page."""
    return _page("report.html.j2", seen, profiles)


def one_page(seen: Seen, profiles: Sequence[Profile] = (), full: str = "report.html") -> str:
    """The report for hiring managers, which prints to two A4 pages.

    `full` is the relative path of the full report, where the evidence is; raises ValueError for a link elsewhere.
    """
    return _page("page.html.j2", seen, profiles, full=relative(full))


def markdown(seen: Seen) -> str:
    """The report as Markdown: the same facts without charts and evidence."""
    held = reviewed(seen)
    return _texts().get_template("report.md.j2").render(assessment=held.now, reviewed=held)


def _page(template: str, seen: Seen, profiles: Sequence[Profile], **more: str) -> str:
    held = reviewed(seen)
    weighed = [(profile, weighting.weighted(views.held(held.now), profile)) for profile in profiles]
    return environment().get_template(template).render(assessment=held.now, reviewed=held, weighed=weighed, **more)


def relative(link: str) -> str:
    """A path for a link. Raises ValueError for one that leaves the folder's own tree for another scheme or host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link.startswith("/"):
        raise ValueError(f"{link!r}: a report's link is a relative path")
    return quote(os.fsencode(link))


@cache
def style() -> str:
    """The one style sheet of every page."""
    return files("assesskit.reports").joinpath("templates/report.css").read_text(encoding="utf-8")


@cache
def style_digest() -> str:
    """Its SHA-256 as a content security policy names it."""
    return b64encode(hashlib.sha256(style().encode()).digest()).decode()


@cache
def environment(more: BaseLoader | None = None) -> Environment:
    """Where pages are rendered; with a loader of further templates, which may extend ours."""
    ours = PackageLoader("assesskit.reports")
    found = Environment(
        loader=ChoiceLoader([more, ours]) if more else ours,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert.visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "style": Markup(style()),  # noqa: S704  our own file
        "style_digest": style_digest(),
        "charts": charts,
        "diagnosis": diagnosis,
        "plots": plots,
        "rollouts": rollouts,
        "views": views,
        "asking": asking,
        "levels_in_words": levels,
    }
    found.filters |= {"piece": evidence.piece, "message": evidence.message, "as_json": evidence.as_json}
    found.filters |= {"excerpt": inert.excerpt, "tail": inert.tail, "brief": inert.brief}
    return found


@cache
def _texts() -> Environment:
    found = Environment(
        loader=PackageLoader("assesskit.reports"),
        autoescape=False,  # noqa: S701  Markdown, not HTML: in_markdown escapes every value
        undefined=StrictUndefined,
        finalize=inert.in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"views": views, "levels_in_words": levels, "asking": asking}
    found.filters |= {"code_block": inert.code_block, "excerpt": inert.excerpt, "tail": inert.tail}
    return found
