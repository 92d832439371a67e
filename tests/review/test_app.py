"""The review pages: who gets in, what is shown, what is kept."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.reports import hostile
from tests.reports.reading import Page
from tests.review.records import NAME, NOW, MakeDesk, judge_all
from werkzeug.test import TestResponse

from assesskit import journal
from assesskit.errors import UsageError
from assesskit.review.app import Gate, application
from assesskit.review.desk import Desk, SubmittedFile
from assesskit.review.serving import serve

BASE = "http://127.0.0.1:4000"


def client(desk: Desk, gate: Gate, *, inside: bool = True) -> FlaskClient:
    """A browser; inside, it has brought the token."""
    found = application(desk, gate, lambda: None).test_client()
    if inside:
        assert found.get(f"/?token={gate.token}", base_url=BASE).status_code == 303
    return found


def post(browser: FlaskClient, path: str, gate: Gate, **fields: str) -> TestResponse:
    return browser.post(path, data={"form": gate.form, "seen": "", **fields}, base_url=BASE)


@pytest.mark.parametrize(
    "path", ["/", "/judge/1", "/agreement", "/?token=", "/?token=wrong", "/nowhere", "/judge/1?token=x"]
)
def test_a_browser_without_the_token_sees_nothing(at: MakeDesk, path: str):
    said = client(at(), Gate(), inside=False).get(path, base_url=BASE)
    assert said.status_code == 403
    assert "Decisions" not in said.text
    assert "It works once" in said.text


def test_a_post_without_the_token_keeps_nothing(at: MakeDesk, record: Path):
    gate = Gate()
    said = post(client(at(), gate, inside=False), "/judge/1", gate, level="3")
    assert said.status_code == 403
    assert journal.read(record).latest == {}


def test_the_token_works_once(at: MakeDesk):
    gate = Gate()
    first, second = client(at(), gate), application(at(), gate, lambda: None).test_client()
    assert first.get("/", base_url=BASE).status_code == 200
    assert second.get(f"/?token={gate.token}", base_url=BASE).status_code == 403


def test_a_guessed_cookie_opens_nothing_before_the_token_was_used(at: MakeDesk):
    gate = Gate()
    browser = client(at(), gate, inside=False)
    browser.set_cookie("assesskit_review", gate.cookie, domain="127.0.0.1")
    assert browser.get("/", base_url=BASE).status_code == 403


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test"])
def test_another_host_name_for_this_address_is_refused(at: MakeDesk, host: str):
    gate = Gate()
    browser = application(at(), gate, lambda: None).test_client()
    assert browser.get(f"/?token={gate.token}", base_url=f"http://{host}").status_code == 421
    assert not gate.used


def test_a_form_from_elsewhere_is_refused(at: MakeDesk, record: Path):
    browser = client(at(), Gate())
    for form in ({}, {"form": "guessed"}):
        assert browser.post("/judge/1", data={"level": "3", **form}, base_url=BASE).status_code == 403
    assert journal.read(record).latest == {}


def test_the_cookie_is_for_this_browser_only(at: MakeDesk):
    gate = Gate()
    said = application(at(), gate, lambda: None).test_client().get(f"/?token={gate.token}", base_url=BASE)
    cookie = said.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert gate.token not in said.headers["Location"]


def test_every_page_forbids_scripts_frames_and_caches(at: MakeDesk):
    browser = client(at(), Gate())
    for path in ("/", "/judge/1", "/agreement", "/nowhere"):
        said = browser.get(path, base_url=BASE)
        assert "default-src 'none'" in said.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in said.headers["Content-Security-Policy"]
        assert said.headers["Cache-Control"] == "no-store"
        assert "script" not in Page(said.text).tags


def test_the_page_has_anchors_evidence_and_no_name(at: MakeDesk):
    files = (SubmittedFile("NOTES.md", "We chose SQLite <b>because</b>"),)
    said = client(at(files=files), Gate()).get("/judge/1", base_url=BASE).text
    page = Page(said)
    assert NAME not in said
    for words in ("Costs are named.", "hello [candidate] was answered with 500", "We chose SQLite <b>because</b>"):
        assert words in page.text
    assert page.unclosed == []
    assert page.attributes("type").count("radio") == 4


def test_a_level_is_kept_and_the_next_task_opened(at: MakeDesk, record: Path):
    gate = Gate()
    browser = client(at(), gate)
    said = post(browser, "/judge/1", gate, level="2", note="Three decisions.")
    assert (said.status_code, said.headers["Location"]) == (303, "/judge/2")
    assert post(browser, "/judge/2", gate, level="0").headers["Location"] == "/agreement"
    assert [entry.level for entry in journal.read(record).latest["kim"].values()] == [2, 0]


@pytest.mark.parametrize("level", ["", "4", "-1", "two", "1.5", "\uff12"])
def test_what_is_no_level_is_told_and_what_was_typed_stays(at: MakeDesk, record: Path, level: str):
    gate = Gate()
    said = post(client(at(), gate), "/judge/1", gate, level=level, note="half a thought")
    assert said.status_code == 400
    assert "choose a level" in said.text
    assert "half a thought" in said.text
    assert journal.read(record).latest == {}


def test_a_window_that_is_behind_is_told_and_overwrites_nothing(at: MakeDesk, record: Path):
    gate = Gate()
    browser = client(at(), gate)
    post(browser, "/judge/1", gate, level="2")
    said = post(browser, "/judge/1", gate, level="0", reason="I had it open", note="my long note")
    assert said.status_code == 409
    assert "in another window meanwhile" in said.text
    assert "my long note" in said.text
    assert {entry.level for entry in journal.read(record).latest["kim"].values()} == {2}


def test_a_second_person_under_the_name_is_refused(at: MakeDesk, record: Path):
    judge_all(at("Kim", "one"))
    gate = Gate()
    seen = journal.last_of(journal.read(record).entries, "Kim", at("kim", "two").task(1).criterion.id)
    said = post(client(at("kim", "two"), gate), "/judge/1", gate, level="3", reason="mine", seen=seen)
    assert said.status_code == 400
    assert "made on another account" in said.text


def test_a_form_that_is_too_long_is_refused(at: MakeDesk):
    gate = Gate()
    assert post(client(at(), gate), "/judge/1", gate, level="1", note="x" * 70_000).status_code == 413


def test_the_other_is_shown_once_both_are_in(at: MakeDesk):
    judge_all(at("Lee"), 3)
    gate = Gate()
    browser = client(at("Kim"), gate)
    assert "Lee" not in browser.get("/judge/1", base_url=BASE).text
    assert "not to be seen yet" in browser.get("/agreement", base_url=BASE).text
    for path in ("/judge/1", "/judge/2"):
        post(browser, path, gate, level="1")
    told = Page(browser.get("/agreement", base_url=BASE).text).text
    assert "0 of 2 pairs of levels are the same (0 %)" in told
    assert told.count("apart: talk about it") == 2
    assert "Lee said level 3" in Page(browser.get("/judge/1", base_url=BASE).text).text


def test_hostile_notes_names_and_files_stay_text(at: MakeDesk):
    name = hostile.ATTACKS[1][:78]
    other = at(name, "x")
    for task in other.tasks:
        other.save(task, level=1, note=hostile.HOSTILE[:3900], reason="", seen="", now=NOW)
    desk = at("Kim", "", files=(SubmittedFile(hostile.HOSTILE, hostile.HOSTILE),))
    judge_all(desk)
    browser = client(desk, Gate())
    for path in ("/", "/judge/1", "/agreement"):
        page = Page(browser.get(path, base_url=BASE).text)
        assert page.unclosed == []
        assert not page.tags & {"script", "img", "iframe"}


def test_it_serves_on_loopback_until_it_is_closed(at: MakeDesk):
    """The whole thing over a socket: the address works once, and closing ends the server."""
    told: list[str] = []
    ready = threading.Event()
    desk = at()

    def on_ready(address: str) -> None:
        told.append(address)
        ready.set()

    serving = threading.Thread(target=serve, args=(desk, 0, on_ready))
    serving.start()
    assert ready.wait(10)
    assert told[0].startswith("http://127.0.0.1:")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = opener.open(told[0]).read().decode()
    form = Page(page).attributes("value")[0]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(told[0]).close()
    home = told[0].split("?")[0]
    assert b"The review is closed" in opener.open(f"{home}finish", f"form={form}".encode()).read()
    serving.join(10)
    assert not serving.is_alive()


def test_a_port_that_is_taken_is_told(at: MakeDesk):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="is taken"):
            serve(at(), taken.getsockname()[1], lambda _address: None)
