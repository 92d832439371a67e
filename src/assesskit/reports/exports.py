"""The figures of a report for other programs: JSON, CSV, JUnit XML, and what an applicant tracking system asks for.

Text that others wrote is made visible first, as on the pages; in CSV nothing that a spreadsheet would run is left.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from assesskit import weighting
from assesskit.errors import UsageError
from assesskit.judging import Leveled, Reviewed, Sum, worth
from assesskit.model import Exercised, Outcome, Reliability, ServiceLevels, Value
from assesskit.reports import views
from assesskit.reports.asking import asked
from assesskit.reports.inert import visible
from assesskit.weighting import Band, Held, Profile

SCHEMA: Final = "assesskit/report/1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula in some spreadsheet, the full-width forms included."""


_IGNORED = " \"'"
"""What careless readers of CSV take away before they look."""


class CriterionRow(Value):
    """One criterion: how it stands, and the points it earned (None where nobody could judge it)."""

    id: str
    title: str
    competency: str
    kind: Literal["automatic", "judged"]
    points: int
    standing: views.Standing
    earned: float | None
    reason: str
    levels: dict[str, int]
    reliability: Reliability | None
    question: str


class RoleRow(Value):
    """The same results under one role's weights; bands by level, None where too little was judged."""

    role: str
    title: str
    share: float | None
    covered: float
    bands: dict[str, Band | None]


class Record(Value):
    """Whether the record is whole: the chain's problems, and the digest of its last entry."""

    chained: bool
    problems: tuple[str, ...]
    last_entry: str
    verdicts_digest: str


class Report(Value):
    """A report for programs: docs/report.schema.json."""

    schema_id: Literal["assesskit/report/1"] = SCHEMA
    run: str
    tool: str
    submission: str
    submission_digest: str
    exercise: Exercised
    seed: str | None
    started: datetime
    finished: datetime
    runtime: str
    isolated: bool
    outcome: Outcome
    failure: str
    score: Sum
    competencies: dict[str, Held]
    criteria: tuple[CriterionRow, ...]
    roles: tuple[RoleRow, ...]
    service_levels: ServiceLevels | None
    record: Record


def report(reviewed: Reviewed, profiles: Sequence[Profile]) -> Report:
    """What a report says, as values."""
    now, was = reviewed.now, reviewed.assessment
    return Report(
        run=now.run,
        tool=now.tool,
        submission=now.submission.name,
        submission_digest=now.submission.digest,
        exercise=now.exercise,
        seed=now.variant.seed,
        started=now.started,
        finished=now.finished,
        runtime=now.runtime.name,
        isolated=now.runtime.isolated,
        outcome=now.outcome,
        failure=now.failure.reason if now.failure else "",
        score=reviewed.sum,
        competencies=views.held(now),
        criteria=_criteria(reviewed),
        roles=tuple(_role(views.held(now), profile) for profile in profiles),
        service_levels=now.levels,
        record=Record(
            chained=reviewed.chained,
            problems=views.integrity(reviewed),
            last_entry=reviewed.last,
            verdicts_digest=was.digest(),
        ),
    )


def _criteria(reviewed: Reviewed) -> tuple[CriterionRow, ...]:
    now = reviewed.now
    return tuple(
        CriterionRow(
            id=result.criterion.id,
            title=result.criterion.title,
            competency=result.criterion.competency,
            kind=result.criterion.kind,
            points=result.criterion.points,
            standing=views.standing(result),
            earned=None if (part := worth(result)) is None else part * result.criterion.points,
            reason=views.seen(result),
            levels=result.by if isinstance(result, Leveled) else {},
            reliability=now.reliability.get(result.criterion.id),
            question=asked(result),
        )
        for result in now.results
    )


def _role(held: Mapping[str, Held], profile: Profile) -> RoleRow:
    found = weighting.weighted(held, profile)
    bands = {level.key: found.band(level) for level in profile.levels}
    return RoleRow(role=profile.key, title=profile.title, share=found.share, covered=found.covered, bands=bands)


def as_json(reviewed: Reviewed, profiles: Sequence[Profile]) -> str:
    """The report as JSON, in the shape of docs/report.schema.json."""
    return report(reviewed, profiles).model_dump_json(indent=2) + "\n"


def report_schema() -> str:
    """The JSON Schema of the exported report, as docs/report.schema.json publishes it."""
    schema = Report.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def as_csv(reviewed: Reviewed) -> str:
    """A line a criterion, for a spreadsheet; each says what is wrong with the record, if anything is."""
    made = report(reviewed, ())
    out = io.StringIO(newline="")
    lines = csv.writer(out, quoting=csv.QUOTE_ALL)
    heads = "submission run criterion title competency points standing earned reason record"
    lines.writerow(heads.split())
    record = cell("; ".join(made.record.problems))
    for each in made.criteria:
        texts = (made.submission, made.run, each.id, each.title, each.competency)
        earned = "" if each.earned is None else views.number(each.earned)
        lines.writerow([*map(cell, texts), each.points, each.standing, earned, cell(each.reason), record])
    return out.getvalue()


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection), on one line."""
    shown = " ".join(str(visible(text)).split(" ")).replace("\n", " ").replace("\t", " ")
    begins = (text.lstrip(_IGNORED).startswith(_FORMULA), shown.lstrip(_IGNORED).startswith(_FORMULA))
    return f"'{shown}" if any(begins) else shown


def as_junit(reviewed: Reviewed) -> str:
    """A suite a competency, a case a criterion: not met is a failure, what could not be judged is skipped."""
    now = reviewed.now
    xml = JUnitXml(_xml(f"{now.exercise.slug} {now.submission.name}"))
    for group in views.by_competency(now):
        suite = TestSuite(_xml(group.title))
        for number, told in enumerate(views.integrity(reviewed), start=1):
            suite.add_property(f"record-{number}", _xml(told))
        for result in group.results:
            case = TestCase(_xml(result.criterion.title), classname=_xml(result.criterion.id))
            case.time = sum(each.seconds for each in result.observations)
            match views.standing(result):
                case "not_met":
                    case.result = [Failure(_xml(views.seen(result)), "not met")]
                case "ungraded":
                    case.result = [Skipped(_xml(views.seen(result)))]
                case "leveled":
                    case.system_out = _xml(f"{views.word(result)}; {result.reason}")
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    return bytes(xml.tostring()).decode() + "\n"  # type: ignore[no-untyped-call]


def _xml(text: str) -> str:
    """Text without the two characters that `visible` leaves and XML 1.0 has no place for."""
    return str(visible(text)).replace("\ufffe", "⟨U+FFFE⟩").replace("\uffff", "⟨U+FFFF⟩")


def _is_https(url: str) -> bool:
    try:
        where = urlsplit(url)
    except ValueError:
        return False
    return where.scheme == "https" and bool(where.hostname) and url.isprintable() and " " not in url


def as_ats(reviewed: Reviewed, url: str) -> str:
    """The answer to `test_status` of Greenhouse's assessment partner API, for the partner's server to give.

    Source: developers.greenhouse.io/assessment.html. `url` is where people find the report; the score is the share of
    the judged points in percent, left out where none could be judged. Raises UsageError for an address that is none.
    """
    if not _is_https(url):
        raise UsageError(f"{url!r} is no https address", where="--url", hint="Say where people find the report.")
    now, sum_ = reviewed.now, reviewed.sum
    open_ = now.outcome == "harness_failed"
    score = {"partner_score": round(100 * sum_.earned / sum_.judged)} if sum_.judged and not open_ else {}
    record = {"Record": "; ".join(views.integrity(reviewed))} if views.integrity(reviewed) else {}
    told: dict[str, Any] = {
        "partner_status": "in progress" if open_ else "complete",
        "partner_profile_url": url,
        **score,
        "metadata": {
            "Outcome": views.outcome(now),
            "Points": f"{views.number(sum_.earned)} of {sum_.judged} judged, {sum_.total - sum_.judged} not judged",
            "Exercise": f"{now.exercise.slug} {now.exercise.version}",
            "Started At": now.started.isoformat(),
            "Completed At": now.finished.isoformat(),
            **record,
        },
    }
    return json.dumps(told, indent=2, ensure_ascii=True) + "\n"
