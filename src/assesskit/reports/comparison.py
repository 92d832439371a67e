"""The page that lays assessments side by side."""

from __future__ import annotations

from assesskit.reports.cohort import MATRIX, Cohort
from assesskit.reports.impact import Impact
from assesskit.reports.pages import environment, relative

SHOWN_FIRST = 20
SHADES = 5


def comparison(cohort: Cohort, impact: Impact | None = None) -> str:
    """One self-contained page. Raises ValueError for a link that leaves the folder's own tree."""
    links = {row.run: relative(row.link) for row in cohort.rows if row.link}
    marked = [(one, relative(one.link) if one.link else "") for one in cohort.marked]
    template = environment().get_template("compare.html.j2")
    return template.render(
        cohort=cohort,
        impact=impact,
        links=links,
        marked=marked,
        shade=shade,
        first=SHOWN_FIRST,
        matrix=len(cohort.rows) <= MATRIX,
    )


def shade(share: float | None) -> str:
    """The class of a heat map's cell; the cell says the share in words as well."""
    return "none" if share is None else str(min(int(share * SHADES), SHADES - 1))
