"""The one page as a PDF, by fpdf2, for archives that take nothing else.

Its built-in fonts know Windows-1252; a character outside is shown by its number, as unseen ones are everywhere. For the
looks of the page itself, print it from a browser.
"""

from __future__ import annotations

from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from assesskit import weighting
from assesskit.judging import Reviewed
from assesskit.reports import levels, views
from assesskit.reports.asking import asked, follow_ups
from assesskit.reports.inert import excerpt, visible
from assesskit.weighting import Profile

FONT = "helvetica"
LINE = 4.6
"""Millimetres."""
MARKS = {"met": "+", "not_met": "x", "ungraded": "o", "leveled": "#"}


def as_pdf(reviewed: Reviewed, profiles: Sequence[Profile]) -> bytes:
    """The one page, on as many sheets as it takes."""
    now, sum_ = reviewed.now, reviewed.sum
    sheet = _Sheet(views.when(now.finished))
    sheet.title(now.exercise.title)
    sheet.text(f"Submission {now.submission.name}, graded {views.when(now.started)}", grey=True)
    sheet.text(views.outcome(now))
    for line in views.integrity(reviewed):
        sheet.text(f"This record: {line}")
    if now.failure:
        sheet.text(f"Reason: {now.failure.reason}")
    sheet.text(f"{views.number(sum_.earned)} of {sum_.judged} points judged. {views.left_out(now)}")
    sheet.text(views.sureness(now), grey=True)
    sheet.head("By competency (+ met, x not met, # level by people, o not judged)")
    for group in views.by_competency(now):
        points = f"{views.number(group.earned)} of {group.judged}" if group.judged else "not judged"
        marks = ", ".join(f"{MARKS[views.standing(each)]} {each.criterion.title}" for each in group.results)
        sheet.text(f"{group.title}: {points}. {marks}")
    if profiles:
        sheet.head("What roles ask for")
    for profile in profiles:
        found = weighting.weighted(views.held(now), profile)
        share = "not judged" if found.share is None else f"{found.share:.0%}"
        bands = ", ".join(f"{level.title}: {views.BANDS[found.band(level)]}" for level in profile.levels)
        sheet.text(f"{profile.title}: {share}, of {found.covered:.0%} of its weight judged. {bands}")
    _rest(sheet, reviewed)
    return bytes(sheet.pdf.output())


def _rest(sheet: _Sheet, reviewed: Reviewed) -> None:
    now = reviewed.now
    if gaps := views.heaviest(views.gaps(now.results)):
        sheet.head("Gaps")
    for result in gaps:
        sheet.text(f"{result.criterion.title}: {views.seen(result)}")
    if open_ := views.open_reasons(now.results):
        sheet.head("What could not be judged, and why")
    for why, some in open_:
        sheet.text(f"{', '.join(each.criterion.title for each in some)}: {why}")
    if follow := follow_ups(now.results, 3):
        sheet.head("Ask in the interview")
    for result in follow:
        sheet.text(f"{asked(result)} A good answer has: {result.criterion.feedback}")
    if now.levels and now.levels.sides:
        sheet.head(f"Under load: {', '.join(now.levels.sides)}")
        for row in levels.rows(now.levels):
            sheet.text(f"{row.name}: {', '.join(row.by_side)}")
    sheet.head("By digest")
    what = now.exercise
    sheet.text(
        f"run {now.run}, exercise {what.digest}, checks {what.graders_digest}, rubric {what.rubric_digest}", grey=True
    )


class _Sheet:
    """Writes headings and paragraphs down a page of A4."""

    def __init__(self, footer: str) -> None:
        self.pdf = FPDF(format="A4")
        self.pdf.core_fonts_encoding = "windows-1252"
        self.pdf.set_title("Assessment")
        self.pdf.set_creator(f"assesskit, {footer}")
        self.pdf.set_margin(14)
        self.pdf.add_page()

    def title(self, text: str) -> None:
        """The name of the page."""
        self._write(text, 15, "B", 0)

    def head(self, text: str) -> None:
        """A heading, with some room above."""
        self.pdf.ln(2)
        self._write(text, 10.5, "B", 0)

    def text(self, text: str, *, grey: bool = False) -> None:
        """A paragraph."""
        self._write(text, 9, "", 90 if grey else 0)

    def _write(self, text: str, size: float, weight: str, grey: int) -> None:
        self.pdf.set_font(FONT, weight, size)
        self.pdf.set_text_color(grey)
        line = LINE * size / 9
        self.pdf.multi_cell(0, line, _known(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")


def _known(text: str) -> str:
    """Text of characters that the font has, on one line."""
    shown = excerpt(" ".join(str(visible(text)).split()), 1200)
    return "".join(each if _encodable(each) else f"<U+{ord(each):04X}>" for each in shown)


def _encodable(character: str) -> bool:
    try:
        character.encode("windows-1252")
    except UnicodeEncodeError:
        return False
    return True
