"""The figures of a report for other programs: the same everywhere, and harmless there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml
from pypdf import PdfReader
from tests.reports import hostile, people, samples

from assesskit.errors import UsageError
from assesskit.judging import Reviewed
from assesskit.model import Assessment
from assesskit.reports import exports
from assesskit.reports.paper import as_pdf

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs/report.schema.json"
SAMPLES: dict[str, Reviewed] = {
    "graded": Reviewed(samples.assessment()),
    "reviewed": people.reviewed(2, 3),
    "submission_failed": Reviewed(samples.failed()),
    "harness_failed": Reviewed(samples.failed("harness_failed")),
    "hostile": Reviewed(hostile.assessment()),
}


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def named(name: str) -> Reviewed:
    """The sample under another name, its first reason the same text."""
    found = samples.assessment()
    first = found.results[2].model_copy(update={"reason": name, "observations": ()})
    held: Assessment = found.model_copy(
        update={
            "submission": found.submission.model_copy(update={"name": name}),
            "results": (first, *found.results[3:]),
        }
    )
    return Reviewed(held)


@pytest.mark.parametrize("sample", SAMPLES)
def test_json_is_what_the_published_schema_says(sample: str):
    told = json.loads(exports.as_json(SAMPLES[sample], (people.profile(),)))
    assert [error.message for error in Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(told)] == []


def test_the_published_schema_is_that_of_the_code():
    assert SCHEMA.read_text() == exports.report_schema()


def test_the_schema_refuses_what_nobody_knows():
    told = json.loads(exports.as_json(SAMPLES["graded"], ()))
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for broken in (told | {"more": 1}, told | {"score": {}}, {**told, "schema_id": "assesskit/report/2"}):
        assert not validator.is_valid(broken)


def test_every_form_has_the_same_figures():
    seen = SAMPLES["reviewed"]
    told = json.loads(exports.as_json(seen, (people.profile(),)))
    assert (told["score"]["earned"], told["score"]["judged"]) == (44.0, 63)
    lines = rows(exports.as_csv(seen))
    assert sum(float(line[7]) for line in lines[1:] if line[7]) == 44.0
    junit = JUnitXml.fromstring(exports.as_junit(seen).encode())
    states = [each["standing"] for each in told["criteria"]]
    assert (junit.tests, junit.failures, junit.skipped) == (
        len(states), states.count("not_met"), states.count("ungraded")
    )  # fmt: skip
    ats = json.loads(exports.as_ats(seen, "https://reports.example/1"))
    assert (ats["partner_score"], ats["metadata"]["Points"]) == (70, "44 of 63 judged, 4 not judged")


@pytest.mark.parametrize(
    "attack",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "\uff1d1", "=cmd|' /C calc'!A0",
        '"=1', '=HYPERLINK("http://evil.test")', "\ufeff=1",
    ],
)  # fmt: skip
def test_no_cell_begins_a_formula(attack: str):
    for line in rows(exports.as_csv(named(attack))):
        for cell in line:
            assert not cell.lstrip(" '\"\u200b\ufeff").startswith(("=", "+", "@", "\uff1d")) or cell.startswith("'")
            assert not cell.startswith(("\t", "\r", "\n", " ", "-", "="))
            assert "\n" not in cell


def test_csv_keeps_its_shape_whatever_a_cell_holds():
    lines = rows(exports.as_csv(SAMPLES["hostile"]))
    assert {len(line) for line in lines} == {10}
    assert len(lines) == 1 + len(hostile.assessment().results)


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_is_xml_that_others_read(sample: str):
    text = exports.as_junit(SAMPLES[sample])
    fromstring(text.encode())
    assert JUnitXml.fromstring(text.encode()).tests == len(SAMPLES[sample].now.results)


@pytest.mark.parametrize("odd", ["\x00\x01\x1b[2J", "\ufffe\uffff", "]]><x/>", '"><failure/>', "\ud800"])
def test_junit_has_no_character_that_xml_forbids(odd: str):
    root = fromstring(exports.as_junit(named(odd)).encode())
    assert {each.tag for each in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "skipped",
        "system-out",
    }


@pytest.mark.parametrize(
    "form",
    [
        lambda seen: exports.as_json(seen, ()),
        exports.as_csv,
        exports.as_junit,
        lambda seen: exports.as_ats(seen, "https://reports.example/1"),
        lambda seen: _text(as_pdf(seen, ())),
    ],
)
def test_every_form_says_that_the_record_was_changed(form: Callable[[Reviewed], str]):
    changed = Reviewed(samples.assessment(), (), ("line 2 of review.jsonl was changed",), chained=True)
    assert "line 2 of review.jsonl was changed" in form(changed)
    assert "review.jsonl was changed" not in form(SAMPLES["graded"])


@pytest.mark.parametrize(
    "url", ["", "http://x.test/1", "javascript:alert(1)", "https:///x", "https://x.test/ y", "x", "https://[x"]
)
def test_an_ats_needs_an_https_address(url: str):
    with pytest.raises(UsageError, match="is no https address"):
        exports.as_ats(SAMPLES["graded"], url)


def test_an_ats_gets_the_four_keys_of_test_status():
    told = json.loads(exports.as_ats(SAMPLES["graded"], "https://reports.example/C-0142"))
    assert list(told) == ["partner_status", "partner_profile_url", "partner_score", "metadata"]
    assert told["partner_status"] == "complete"
    assert all(isinstance(value, str) for value in told["metadata"].values())


def test_an_ats_gets_no_score_for_a_fault_of_ours():
    told = json.loads(exports.as_ats(SAMPLES["harness_failed"], "https://reports.example/C-0142"))
    assert told["partner_status"] == "in progress"
    assert "partner_score" not in told


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_pdf_says_what_the_page_says(sample: str):
    seen = SAMPLES[sample]
    text = _text(as_pdf(seen, (people.profile(),)))
    assert "Site reliability engineer" in text
    assert ("points judged" in text) or ("could be judged" in text)
    if sample == "reviewed":
        assert "44 of 63 points judged" in text
        assert "We saw this: Two simultaneous creates" in text


def test_a_pdf_shows_by_number_what_its_fonts_lack():
    text = _text(as_pdf(named("Zoë 日本 \u202e\x1b"), ()))
    assert "Zoë <U+65E5><U+672C> <U+27E8>U+202E<U+27E9>" in text


def test_a_pdf_runs_nothing_and_links_nowhere():
    data = as_pdf(SAMPLES["hostile"], ())
    for action in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/OpenAction <<", b"/EmbeddedFile"):
        assert action not in data


def _text(data: bytes) -> str:
    sheets: Any = PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(sheet.extract_text() for sheet in sheets).split())
