"""An assessment as the candidate may read it. What is left out is left out here, once, before anything is rendered.

Never in it, at any detail: hidden checks' names, what they sent, expected and kept as evidence; notes, questions and
anchors for interviewers; digests, machines, other people.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from pydantic import Field, StringConstraints

from assesskit.judging import Reviewed
from assesskit.model import Assessment, CriterionResult, Value
from assesskit.reports import inert, views

LOG_LINES = 40
Word = Annotated[
    str, StringConstraints(pattern=r"^(Met|Not met|Could not be judged|Awaits review|Level [0-3](\.\d)? of 3)$")
]
"""How a criterion stands, and nothing else: of levels their mean, and never who gave which."""


class Detail(StrEnum):
    """How much a candidate is told, each level with all of those before it.

    ``verdicts``: what each criterion asked and how it was judged. ``feedback``: what good looks like, and all that the
    public checks saw, which the candidate can see as well. ``seen``: what the hidden checks saw, in one line each; for
    an exercise that is not used any more, since it says what they looked at.
    """

    VERDICTS = "verdicts"
    FEEDBACK = "feedback"
    SEEN = "seen"


class Seen(Value):
    """What one check saw. Of a hidden one, the summary only."""

    summary: str
    told: dict[str, str] = Field(default_factory=dict)


class Line(Value):
    """One criterion: what it asked, how it was judged; at more detail what good looks like and what was seen."""

    title: str
    competency: str
    explanation: str
    points: int
    verdict: Word
    good: str = ""
    seen: tuple[Seen, ...] = ()


class CandidateReport(Value):
    """Everything a candidate's report holds. `failure` says why their program did not run, `log` is its last lines."""

    schema_id: Literal["assesskit/candidate-report/1"] = "assesskit/candidate-report/1"
    detail: Detail
    title: str
    version: str
    candidate: str
    graded: str
    outcome: str
    failure: str = ""
    log: str = ""
    earned: float
    judged: int
    total: int
    lines: tuple[Line, ...]


def redacted(reviewed: Reviewed, detail: Detail = Detail.FEEDBACK) -> CandidateReport:
    """What of an assessment, as it counts now, its candidate is told."""
    assessment, points = reviewed.now, reviewed.sum
    failed = assessment.failure if assessment.outcome == "submission_failed" else None
    return CandidateReport(
        detail=detail,
        title=assessment.exercise.title,
        version=assessment.exercise.version,
        candidate=assessment.submission.name,
        graded=views.when(assessment.started),
        outcome=views.outcome(assessment),
        failure=failed.reason if failed else "",
        log="\n".join(failed.log.splitlines()[-LOG_LINES:]) if failed else "",
        earned=points.earned,
        judged=points.judged,
        total=points.total,
        lines=tuple(_line(assessment, result, detail) for result in assessment.results),
    )


def _line(assessment: Assessment, result: CriterionResult, detail: Detail) -> Line:
    asked = result.criterion
    more = detail is not Detail.VERDICTS and asked.kind == "automatic"
    return Line(
        title=asked.title,
        competency=assessment.competencies.get(asked.competency, asked.competency),
        explanation=asked.explanation,
        points=asked.points,
        verdict=views.word(result),
        good=asked.feedback if more else "",
        seen=tuple(_seen(result, detail)) if more else (),
    )


def _seen(result: CriterionResult, detail: Detail) -> list[Seen]:
    """What the failed checks of a criterion saw; of one that is met there is nothing to tell."""
    failed = [each for each in result.observations if each.outcome == "failed"]
    public = [Seen(summary=each.summary, told=each.told()) for each in failed if each.visibility == "public"]
    hidden = [Seen(summary=each.summary) for each in failed if each.visibility == "hidden"]
    return public + (_once(hidden) if detail is Detail.SEEN else [])


def _once(seen: list[Seen]) -> list[Seen]:
    return list({each.summary: each for each in seen if each.summary}.values())


def html(report: CandidateReport) -> str:
    """The report as one self-contained HTML page."""
    return _environment(escaping=True).get_template("candidate.html.j2").render(report=report)


def markdown(report: CandidateReport) -> str:
    """The same as Markdown."""
    return _environment(escaping=False).get_template("candidate.md.j2").render(report=report)


@cache
def _environment(*, escaping: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("assesskit.reports"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        finalize=inert.visible if escaping else inert.in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code_block": inert.code_block, "excerpt": inert.excerpt}
    style = files("assesskit.reports").joinpath("templates/candidate.css").read_text(encoding="utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals |= {"many": views.many, "number": views.number, "style": Markup(style), "style_digest": digest}  # noqa: S704  our file
    return environment
