"""The page of recorded traces shows what is asked for, and whatever a recording says stays text."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from tests.checks.tracebuilder import OTHER, TRACE, calling, span
from tests.reports.reading import Page

from assesskit.reports.traces import OF_A_PAGE, Asked, Live, page, traces

FAILED = [
    span("1", name="POST /checkouts", service="gateway", end=12.0, status="ERROR"),
    calling("2", "1", "till", 503, service="gateway", status="ERROR", start=10.1, end=11.9),
]
QUICK = [span("3", trace_id=OTHER, service="pricing", start=20.0, end=20.01)]
HOSTILE = "<script>alert(1)</script>\u202e\x00"


def shown(asked: Asked, spans=(*FAILED, *QUICK)) -> Page:
    return Page(page(traces(spans), asked, "traces.json"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [TRACE, OTHER]),
        ({"service": ["gateway"]}, [TRACE]),
        ({"service": ["nobody"]}, []),
        ({"errors": ["1"]}, [TRACE]),
        ({"longer": ["11"]}, [TRACE]),
        ({"longer": ["10"]}, [TRACE, OTHER]),
        ({"trace": [" " + OTHER[:8].upper() + " "]}, [OTHER]),
        ({"errors": ["1"], "service": ["pricing"]}, []),
        ({"longer": ["-1"], "page": ["x"], "errors": ["yes"]}, [TRACE, OTHER]),
        ({"longer": ["9" * 40], "page": ["9" * 40]}, [TRACE, OTHER]),
    ],
)
def test_traces_are_found_by_what_is_asked(query, found):
    read = shown(Asked.of(query))
    assert [one for one in (TRACE, OTHER) if one in read.text] == found
    assert f"{len(found)} of 2 traces" in read.text
    assert read.unclosed == []


def test_a_trace_tells_its_start_its_end_and_its_errors():
    read = shown(Asked(errors=True))
    assert "0.00 s, 2000 ms, 2 spans of gateway, 2 with ERROR" in read.text
    assert "gateway: POST /checkouts" in read.text
    assert "peer.service=till, http.response.status_code=503" in read.text


def test_waterfalls_are_sound_xml_and_mark_errors_in_words():
    html = page(traces(FAILED), Asked(), "traces.json")
    drawings = re.findall(r"<svg class=\"chart\".*?</svg>", html, re.DOTALL)
    assert len(drawings) == 2, "one for a wide screen and one for a narrow one, of which one is shown"
    for drawing in drawings:
        assert "Waterfall of 2 spans" in ET.fromstring(drawing).attrib["aria-label"]
        assert "error" in drawing


def test_many_traces_come_in_pages_that_keep_what_is_asked():
    many = [span(f"{n}", trace_id=f"{n + 1:032x}", service="a b", start=n, end=n + 1) for n in range(OF_A_PAGE * 2 + 1)]
    asked = Asked(service="a b", page=2)
    read = shown(asked, many)
    assert "page 2 of 3" in read.text
    assert {"/?service=a+b&page=1", "/?service=a+b&page=3"} <= set(read.attributes("href"))
    assert "page 3 of 3" in shown(Asked(page=99), many).text
    assert "No trace fits" in shown(Asked(), []).text


def test_what_a_recording_says_stays_text():
    odd = [span("1", name=HOSTILE, service=HOSTILE, attributes={HOSTILE: HOSTILE}, status="ERROR")]
    html = page(traces(odd), Asked(service=HOSTILE, trace=HOSTILE), HOSTILE) + page(traces(odd), Asked(), HOSTILE)
    read = Page(html)
    assert "script" not in read.tags
    assert read.unclosed == []
    assert "\u202e" not in html
    assert "\x00" not in html


def test_odd_traces_are_borne():
    odd = [
        span("1", "1"),
        span("2", "3"),
        span("3", "2"),
        span("4", start=9.0, end=1.0),
        span("5", attributes={f"key {n}": "x" for n in range(10_000)}),
    ]
    assert shown(Asked(), odd).unclosed == []


LIVE = Live(now=30.0, asked=40, well=31, lost=2, ended={"till": "ended with status 1"})


def live(asked: Asked, spans=(*FAILED, *QUICK)) -> tuple[str, Page]:
    html = page(traces(spans), asked, "A shop", LIVE)
    return html, Page(html)


def test_a_live_page_loads_itself_anew_and_tells_how_things_go():
    """The latest trace first, how requests went, which program has ended, and what had no room."""
    html, read = live(Asked())
    assert '<meta http-equiv="refresh" content="4">' in html
    assert html.index(OTHER) < html.index(TRACE)
    for words in ("40 requests of ours so far, 31 answered well", "2 spans came too fast", "ended with status 1"):
        assert words in read.text
    assert "10 s ago" in read.text
    assert "refresh" not in page(traces(FAILED), Asked(), "a recording")


def test_a_live_page_is_filtered_by_links_since_it_would_empty_a_form():
    """By service and by error; asked to stand still, it has the form, and stays as it is."""
    html, read = live(Asked(service="gateway"))
    assert "form" not in read.tags
    assert {"/?page=1", "/?service=pricing&page=1", "/?service=gateway&errors=1&page=1"} <= set(read.attributes("href"))
    assert TRACE in html
    assert OTHER not in html
    still, read = live(Asked(service="gateway", still=True))
    assert 'http-equiv="refresh"' not in still
    assert "form" in read.tags
    assert '<input type="hidden" name="still" value="1">' in still
    assert "/?service=gateway&page=1" in read.attributes("href")
    assert Asked.of({"still": ["1"], "errors": ["1"]}) == Asked(still=True, errors=True)


def test_before_the_first_span_a_live_page_says_so():
    assert "No span has come yet" in live(Asked(), [])[1].text


def test_what_live_programs_say_stays_text():
    odd = [span("1", name=HOSTILE, service=HOSTILE, attributes={HOSTILE: HOSTILE}, status="ERROR")]
    html = page(traces(odd), Asked(service=HOSTILE), HOSTILE, Live(1.0, 1, 1, 0, {HOSTILE: HOSTILE}))
    read = Page(html)
    assert "script" not in read.tags
    assert read.unclosed == []
    assert "\u202e" not in html
