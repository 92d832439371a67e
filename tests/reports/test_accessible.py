"""axe-core finds nothing against WCAG 2.2 AA in any page, and none of a hundred hostile texts does anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.checks.tracebuilder import span
from tests.reports import hostile, people, samples
from tests.reports.browsing import listened, started
from tests.reports.test_browser import PAGES, ROLES
from tests.reports.test_compare import compared
from tests.review.records import MakeDesk, assessment, desks, judge_all, written
from tests.review.test_app import BASE, client

from assesskit import reports
from assesskit.judging import Reviewed
from assesskit.reports import candidate, traces
from assesskit.reports.cohort import Cohort, Marked
from assesskit.reports.impact import Group, Impact
from assesskit.reports.traces import Live
from assesskit.review.app import Gate
from assesskit.review.desk import Desk, SubmittedFile, Work

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
FOREIGN = """hrefs => [...document.querySelectorAll(
    'script, img, iframe, object, embed, base, video, audio, marquee, template, noscript, xmp, link:not([rel=icon])')]
  .map(each => each.outerHTML.slice(0, 200)).concat(window.pwned ? ['pwned'] : [],
    [...document.querySelectorAll('*')].filter(each => [...each.attributes].some(one => one.name.startsWith('on')))
      .map(each => each.outerHTML.slice(0, 200)),
    [...document.querySelectorAll('a')].map(each => each.getAttribute('href'))
      .filter(each => !new RegExp(hrefs).test(each)))"""
"""What is in a page and not of ours, a link included that the pattern does not know."""
USABLE = """[...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
    .filter(each => !each.closest('details:not([open]) > :not(summary)'))"""
FOCUSED = f"() => [{USABLE}.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
"""Which of the things that can be used has the focus, and how it shows that."""
OURS = r"^(#[\w-]+|report\.html#criterion-\d+|report\.html)$"
OURS_IN_A_REVIEW = r"^(#main|/|/agreement|/judge/\d+)$"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as found:
        yield found


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return written(tmp_path / "one", assessment())


@pytest.fixture
def at(record: Path) -> MakeDesk:
    return desks(record)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_page()
    yield found
    found.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds, with where."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def test_axe_sees_what_is_wrong(page: Page):
    """Else the tests below could not fail."""
    text = PAGES["one-page"].replace('lang="en"', "").replace("--soft: #535e6c", "--soft: #cccccc")
    page.set_content(text.replace("'none'", "'unsafe-inline' 'none'").replace("style-src", "style-src-attr"))
    assert {each.partition(":")[0] for each in violations(page)} >= {"html-has-lang", "color-contrast"}


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("reviewed", "light"),
        ("reviewed", "dark"),
        ("harness-failed", "light"),
        ("one-page", "light"),
        ("one-page", "dark"),
        ("one-page-empty", "light"),
        ("compared", "light"),
        ("compared", "dark"),
    ],
)
def test_axe_finds_nothing_in_a_report(page: Page, name: str, scheme: str):
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_content(PAGES[name])
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert violations(page) == []


@pytest.mark.parametrize("name", ["one-page", "compared"])
def test_axe_finds_nothing_on_a_telephone(page: Page, name: str):
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_content(PAGES[name])
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_a_candidate_is_told(page: Page, scheme: str):
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_content(candidate.html(candidate.redacted(Reviewed(samples.assessment()), candidate.Detail.SEEN)))
    assert violations(page) == []


@pytest.mark.parametrize("path", ["/", "/judge/1", "/agreement", "/nowhere"])
def test_axe_finds_nothing_in_a_review(page: Page, at: MakeDesk, path: str):
    judge_all(at("Lee"))
    desk: Desk = at("Kim", "", files=(SubmittedFile("NOTES.md", "We chose SQLite."),))
    judge_all(desk, 3)
    page.set_content(client(desk, Gate()).get(path, base_url=BASE).text)
    assert violations(page) == []


@pytest.mark.parametrize("name", ["reviewed", "one-page", "compared"])
def test_tab_reaches_whatever_can_be_used_and_shows_where_it_is(page: Page, name: str):
    """Links, folds and tables that scroll: each once, in the order of the page, with a ring around it."""
    page.set_content(PAGES[name])
    usable = page.evaluate(f"{USABLE}.length")
    seen: list[int] = []
    for _ in range(usable):
        page.keyboard.press("Tab")
        at, ring = page.evaluate(FOCUSED)
        seen.append(at)
        assert ring == "solid", at
    assert seen == list(range(usable))


def test_there_are_a_hundred():
    assert len(set(hostile.HUNDRED)) >= 100


def test_a_hundred_hostile_texts_in_every_field_do_nothing_in_a_browser(page: Page):
    """In the full report, on one page and side by side: no element, no handler, no link, no request comes of them."""
    noise = listened(page)
    for text in hostile.HUNDRED:
        seen = people.reviewed(1, 3, hostile.everywhere(text), _names(text), _saved(text))
        forms = (
            reports.html(seen, ROLES),
            reports.one_page(seen, ROLES),
            reports.comparison(_cohort(seen, text), _groups(text)),
        )
        for form in forms:
            page.set_content(form)
            assert page.evaluate(FOREIGN, OURS) == [], text
            assert page.evaluate("document.title").endswith(("assessment report", "one page", "side by side")), text
    assert [each for each in noise if each != "data:,"] == []


def _cohort(seen: Reviewed, text: str) -> Cohort:
    return compared(seen, marked=(Marked(text, text),))


def _groups(text: str) -> Impact:
    return Impact((Group(text, 9, 9, 1.0, 1.0),), 0, 0)


def _names(text: str) -> tuple[str, str]:
    """Two names that the record takes: at most 80 characters."""
    return (text[:70].strip() or "K") + " 1", (text[:70].strip() or "L") + " 2"


def _saved(text: str) -> str:
    return text[:4000]


def test_a_review_shows_a_hundred_hostile_files_as_text(page: Page, at: MakeDesk):
    files = tuple(SubmittedFile(text[:200], text) for text in hostile.HUNDRED)
    noise = listened(page)
    page.set_content(client(at("Kim", "", files=files), Gate()).get("/judge/1", base_url=BASE).text)
    assert page.evaluate(FOREIGN, OURS_IN_A_REVIEW) == []
    assert [each for each in noise if each != "data:,"] == []
    assert page.locator("details").count() >= len(files)


def test_a_review_works_from_the_keyboard_alone(browser: Browser, record: Path):
    """From the address to the last task: Tab, arrows, Enter; no pointer, no script."""
    import threading

    from assesskit import journal
    from assesskit.review.serving import serve

    address: list[str] = []
    ready = threading.Event()

    def on_ready(told: str) -> None:
        address.append(told)
        ready.set()

    desk = Desk((Work(record),), "Kim", "Kim")
    serving = threading.Thread(target=serve, args=(desk, 0, on_ready))
    serving.start()
    assert ready.wait(10)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address[0])
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.goto(page.url + "judge/1")
    first = page.locator("#level-0:focus")  # autofocus comes with the first frame, which can be after the load event
    first.wait_for()
    page.keyboard.press("Space")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Three decisions.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/judge/2")
    first.wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agreement")
    page.get_by_role("button", name="Close the review").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The review is closed")
    context.close()
    serving.join(10)
    assert not serving.is_alive()
    said = journal.read(record).latest["kim"]
    assert [said[task.criterion.id].level for task in desk.tasks] == [2, 0]
    assert said[desk.tasks[0].criterion.id].note == "Three decisions."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("still", [False, True], ids=["live", "still"])
def test_a_page_of_traces_is_accessible_live_and_still(page: Page, scheme: Literal["light", "dark"], still: bool):
    """On a wide screen and on a narrow one, where nothing is cut off. That it loads itself anew is no fault: a link at
    its top stops that (WCAG 2.2.2), and axe-core, which does not see it, is told so."""
    spans = [span("1", name="POST /checkouts", service="gateway", end=12.0, status="ERROR"), span("2", "1", end=11.5)]
    live = Live(30.0, 40, 31, 2, {"till": "ended with status 1"})
    text = traces.page(traces.traces(spans), traces.Asked(still=still), "A shop", live)
    page.emulate_media(color_scheme=scheme)
    page.set_content(text)
    assert page.get_by_role("link", name="Go on" if still else "Stand still").count() == 1
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        found = Axe().run(page, options=RULES | {"rules": {"meta-refresh": {"enabled": False}}}).response["violations"]
        assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("svg.chart:visible").count() == 1
