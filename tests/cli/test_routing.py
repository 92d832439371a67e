"""The router of a move between commands: it leads callers as told, also to a service that somebody runs by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from tests.endtoend.conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]
MOVED, STAYS = "/accounts/A-1001/invoices", "/items"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Commands in a workspace of extract-endpoint, whose services run as plain processes until the end."""
    here = tmp_path_factory.mktemp("route")
    own = {"ASSESSKIT_KEY": str(here / "key.pem"), "ASSESSKIT_LEDGER": str(here / "ledger.jsonl")}

    def run(*words: str, root: str = "", folder: str = "work") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "assesskit.cli", *words]
        env = os.environ | own | {"ASSESSKIT_CONTENT": root}
        return subprocess.run(
            command, cwd=here / folder, env=env, capture_output=True, text=True, check=False, timeout=300
        )

    began = run("start", "extract-endpoint", "work", "--runtime", "process", root=str(ROOT), folder=".")
    assert "router      http://" in began.stdout, began.stderr
    keeper = json.loads((here / "work/.git/assesskit/keeper.json").read_text())
    below = psutil.Process(keeper["pid"]).children(recursive=True)
    try:
        yield run
    finally:
        assert run("stop").returncode == 0
    assert psutil.wait_procs(below, timeout=10)[1] == []


class ByHand(BaseHTTPRequestHandler):
    """Answers everything alike, and keeps the modes it was asked in."""

    modes: list[str | None] = []  # noqa: RUF012  of one test

    def do_GET(self) -> None:
        self.modes.append(self.headers.get("Rollout-Mode"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def side(router: str, path: str) -> str | None:
    with urllib.request.urlopen(router + path, timeout=10) as answer:
        return str(answer.headers["Rollout-Side"])


def test_the_router_leads_where_it_is_told(walk: Run) -> None:
    """At first to the monolith; then copies, or some accounts, or all, to whoever listens in the service's place."""
    led = json.loads(walk("route", "--json").stdout)
    router = led["urls"]["router"]
    assert (led["mode"], side(router, MOVED), side(router, STAYS)) == ("monolith", "monolith", "monolith")
    assert {"PORT", "MONOLITH_URL", "EVENTS_URL"} <= led["environment"].keys()
    assert "DATA_DIR=    # a folder of your own" in walk("route").stdout
    with ThreadingHTTPServer(("127.0.0.1", int(led["environment"]["PORT"])), ByHand) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        try:
            assert "copies of reads to your service" in walk("route", "shadow").stdout
            assert (side(router, MOVED), side(router, STAYS)) == ("monolith", "monolith")
            walk("route", "monolith")  # waits for the copy
            assert ByHand.modes == ["shadow"]
            assert json.loads(walk("route", "primary", "--json").stdout)["mode"] == "primary"
            assert (side(router, MOVED), side(router, STAYS)) == ("service", "monolith")
            assert "leads 99 % of the accounts" in walk("route", "canary", "--percent", "99").stdout
            walk("route", "monolith")
            assert side(router, MOVED) == "monolith"
            assert set(ByHand.modes[1:]) == {"live"}
        finally:
            service.shutdown()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("route", "sideways"), "sideways"),
        (("route", "canary", "--percent", "100"), "more than 0 and less than 100"),
        (("reset", "router"), "no such service; there are: monolith"),
    ],
)
def test_what_it_cannot_do_is_said(walk: Run, words: tuple[str, ...], told: str) -> None:
    said = walk(*words)
    assert (said.returncode, told in said.stderr) == (2, True), said.stderr
    assert json.loads(walk("status", "--json").stdout)["services"] == {"monolith": "running", "router": "running"}


def test_what_it_said_can_be_read(walk: Run) -> None:
    said = walk("logs", "router")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "router has said nothing\n")
