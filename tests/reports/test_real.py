"""The longest and the emptiest real assessment, at every width and on paper."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader
from tests.reports import people, real
from tests.reports.browsing import listened, started
from tests.reports.test_browser import CLIPPED

from assesskit import reports
from assesskit.judging import Reviewed
from assesskit.model import Gradings, Reliability
from assesskit.reports.cohort import cohort, row, titles_of

pytestmark = pytest.mark.browser

NOTE = "NOTES.md names three decisions, each with what it cost; the retry budget is argued from a measurement."


def longest() -> Reviewed:
    """Judged by two, every criterion measured: nothing is left out of any page."""
    found = real.longest()
    measured = Reliability(right=Gradings(graded=150), wrong=Gradings(graded=40, false=1, ungraded=3))
    told = found.model_copy(update={"reliability": {each.criterion.id: measured for each in found.results}})
    return people.reviewed(1, 3, told, note=NOTE)


def side_by_side() -> str:
    """Both, which stand on one page because they are of one exercise."""
    held = (longest(), Reviewed(real.emptiest()))
    rows = [row(each) for each in held]
    return reports.comparison(cohort(rows, (), people.roles(), {rows[0].terms: titles_of(held[0])}))


PAGES: dict[str, Callable[[], str]] = {
    "longest": lambda: reports.html(longest(), people.roles()),
    "longest-page": lambda: reports.one_page(longest(), people.roles()),
    "emptiest": lambda: reports.html(real.emptiest(), people.roles()),
    "emptiest-page": lambda: reports.one_page(real.emptiest(), people.roles()),
    "side-by-side": side_by_side,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_every_window_and_causes_no_noise(browser: Browser, tmp_path: Path, name: str):
    """At 1280, 768 and 390 pixels, everything unfolded."""
    page = browser.new_page()
    noise = listened(page)
    file = tmp_path / "page.html"
    file.write_text(PAGES[name](), encoding="utf-8")
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for width in (1280, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert page.evaluate(CLIPPED) == [], width
    assert [each for each in noise if each not in (file.as_uri(), "data:,")] == []
    page.close()


def printed(browser: Browser, text: str, folder: Path) -> list[str]:
    """The text of each sheet."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    sheets = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    page.close()
    return [" ".join(sheet.extract_text().split()) for sheet in sheets]


def test_the_one_page_prints_to_two_sheets(browser: Browser, tmp_path: Path):
    """Whole: the last line of it is there, and so is every criterion."""
    sheets = printed(browser, PAGES["longest-page"](), tmp_path)
    text = " ".join(sheets)
    assert len(sheets) == 2
    assert "This page does not say whether to hire." in text
    missing = [each.criterion.id for each in real.longest().results if bare(each.criterion.title) not in bare(text)]
    assert missing == []


def test_the_one_page_prints_to_two_sheets_however_much_there_is_to_say(browser: Browser, tmp_path: Path):
    """Every check failed with a long text or left open for a reason of its own, and the record was changed."""
    found = longest()
    long = (
        "the service answered with something else than what the contract asks for, in a way that takes long to tell "
        * 6
    )
    results = tuple(
        result.model_copy(
            update={
                "verdict": "ungraded" if at % 3 else "not_met",
                "reason": f"{at} {long}",
                "observations": tuple(
                    each.model_copy(
                        update={
                            "outcome": "inconclusive" if at % 3 else "failed",
                            "summary": f"{at} {long}",
                            "expected": long,
                        }
                    )
                    for each in result.observations
                ),
            }
        )
        for at, result in enumerate(found.assessment.results)
    )
    crowded = Reviewed(
        found.assessment.model_copy(update={"results": results}), found.entries, (long, long), chained=True
    )
    sheets = printed(browser, reports.one_page(crowded, people.roles()), tmp_path)
    assert len(sheets) == 2
    assert "This page does not say whether to hire." in " ".join(sheets)


def bare(text: str) -> str:
    """Text without what a line break or a ligature does to it."""
    return "".join(unicodedata.normalize("NFKC", text).replace("-", "").split())


def test_the_emptiest_prints_to_two_sheets_and_says_why(browser: Browser, tmp_path: Path):
    sheets = printed(browser, PAGES["emptiest-page"](), tmp_path)
    assert len(sheets) <= 2
    assert "the submission ended with status 2 before it was ready" in sheets[0]


def test_a_comparison_prints_with_its_heat_map_on_the_first_sheet(browser: Browser, tmp_path: Path):
    sheets = printed(browser, side_by_side(), tmp_path)
    assert all(
        bare(title) in bare(sheets[0]) for title in real.longest().competencies.values() if "incident" not in title
    )
