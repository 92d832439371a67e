"""The pages in a real browser: they fit, they run nothing, and paper shows what matters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from tests.reports import hostile, moved, people, samples
from tests.reports.browsing import listened, started
from tests.reports.test_compare import compared, named

from assesskit import reports

pytestmark = pytest.mark.browser

ROLES = (people.profile(), people.profile("lead", "Tech lead / architect", resilience=40))
PAGES = {
    "graded": reports.html(samples.assessment()),
    "reviewed": reports.html(people.reviewed(1, 3, note="The price is named."), ROLES),
    "one-page": reports.one_page(people.reviewed(2, 3), ROLES),
    "one-page-hostile": reports.one_page(hostile.assessment(), ROLES),
    "one-page-empty": reports.one_page(samples.failed("harness_failed"), ROLES),
    "compared": reports.comparison(compared(*(named(f"C-{index}") for index in range(5)), named("odd", levels=None))),
    "compared-hostile": reports.comparison(compared(hostile.assessment())),
    "submission-failed": reports.html(samples.failed()),
    "harness-failed": reports.html(samples.failed("harness_failed")),
    "moved": reports.html(moved.assessment()),
    "hostile": reports.html(hostile.assessment()),
}
CLIPPED = """() => [...document.querySelectorAll('main *')].filter(each => !each.closest('.scroll, svg, .off')
    && each.getClientRects().length
    && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 200))"""
FAINT = """() => {
  const channel = part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const rgba = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(each => channel(each / 255)).reduce((sum, each, index) =>
    sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    const found = rgba(getComputedStyle(element).backgroundColor);
    return found[3] === 0 && element.parentElement ? ground(element.parentElement) : found;
  };
  return [...document.querySelectorAll('body *')].filter(each => !each.closest('svg')
    && [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(each => {
      const [a, b] = [light(rgba(getComputedStyle(each).color)), light(ground(each))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), each.outerHTML.slice(0, 200)];
    }).filter(([ratio]) => !(ratio >= 4.5));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as found:
        yield found


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def show(page: Page, name: str, folder: Path, width: int, scheme: str = "light") -> list[str]:
    """Open one of the pages with everything unfolded; return what a page that only shows things must not cause."""
    noise = listened(page)
    file = folder / "page.html"
    file.write_text(PAGES[name], encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    return [each for each in noise if each not in (file.as_uri(), "data:,")]


@pytest.mark.parametrize(
    ("name", "width"),
    [
        *((name, width) for name in PAGES for width in (1280, 390)),
        ("reviewed", 768),
        ("one-page", 768),
        ("compared", 768),
    ],
)
def test_a_page_fits_its_window_and_causes_no_noise(opened: Page, tmp_path: Path, name: str, width: int):
    assert show(opened, name, tmp_path, width) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate(CLIPPED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["reviewed", "harness-failed", "one-page", "compared"])
def test_text_stands_out_from_its_ground_by_at_least_four_and_a_half(
    opened: Page, tmp_path: Path, name: str, scheme: str
):
    show(opened, name, tmp_path, 1280, scheme)
    assert opened.evaluate(FAINT) == []


def test_the_style_sheet_is_applied_under_the_content_policy(opened: Page, tmp_path: Path):
    show(opened, "graded", tmp_path, 1280)
    assert opened.evaluate("getComputedStyle(document.querySelector('.bar.met')).fill") == "rgb(28, 107, 80)"


def test_the_keyboard_reaches_the_content_first_and_shows_where_it_is(opened: Page, tmp_path: Path):
    show(opened, "graded", tmp_path, 1280)
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert opened.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.fixture(scope="module")
def sheets(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The text of each printed page of the graded report."""
    file = tmp_path_factory.mktemp("print") / "page.html"
    file.write_text(PAGES["graded"], encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    page.close()
    return [" ".join(sheet.extract_text().split()) for sheet in printed]


def test_paper_opens_the_evidence_of_what_was_not_met(sheets: list[str]):
    text = " ".join(sheets)
    for words in ("39 of 57 points judged", "Could not be judged", "Calls that reached the inventory", "220 ms error"):
        assert words in text


def test_paper_holds_the_end_of_a_log(sheets: list[str]):
    text = " ".join(sheets)
    assert '"duration_ms": 3009' in text
    assert '"duration_ms": 3003' not in text
    assert "3 earlier lines in the page on screen" in text


def test_paper_leaves_out_what_stays_folded(sheets: list[str]):
    text = " ".join(sheets)
    assert "Questions about what was met" not in text
    assert "1 piece of evidence, shown in the page on screen" in text


def test_the_first_two_sheets_hold_the_result_and_the_questions(sheets: list[str]):
    first = " ".join(sheets[:2])
    assert "By competency" in first
    assert "Questions to ask" in first
    assert any(sheet.startswith("Criteria and evidence") for sheet in sheets[2:4])
