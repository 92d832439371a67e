"""`assesskit traces --live` starts a candidate's work as it is, and shows what it traces while it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.checks.tracebuilder import span

from assesskit.environment import live

ROOT = Path(__file__).parents[2]


@contextmanager
def watching(workspace: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command as plain processes; its address and process. It is ended by Ctrl-C, and leaves nothing."""
    command = [sys.executable, "-W", "error", "-m", "assesskit.cli", "traces", str(workspace), "--live"]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    with subprocess.Popen(
        [*command, "--runtime", "process"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().partition(" ")[0], running
        finally:
            below = psutil.Process(running.pid).children(recursive=True)
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0
            assert psutil.wait_procs(below, timeout=10)[1] == []


def services(address: str) -> set[str]:
    with urllib.request.urlopen(f"{address}api/services", timeout=10) as answer:
        return set(json.loads(answer.read())["data"])


def page(address: str, query: str = "") -> str:
    with urllib.request.urlopen(address + query, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of debug-trace, as it is given to candidates."""
    folder = tmp_path_factory.mktemp("live")
    command = [sys.executable, "-m", "assesskit.cli", "start", "debug-trace", str(folder / "work")]
    own = {"ASSESSKIT_KEY": str(folder / "key.pem"), "ASSESSKIT_LEDGER": str(folder / "ledger.jsonl")}
    env = os.environ | own | {"ASSESSKIT_CONTENT": str(ROOT)}
    subprocess.run([*command, "--no-services"], check=True, env=env, capture_output=True)
    return folder / "work"


@pytest.mark.alone
def test_a_system_of_several_programs_is_seen_while_it_runs(workspace: Path) -> None:
    """Five programs of the candidate's, on OpenTelemetry and on Jaeger's client over UDP; with errors now and then."""
    with watching(workspace) as (address, _):
        until = time.monotonic() + 60
        while services(address) != {"gateway", "checkout", "pricing", "inventory", "worker"}:
            assert time.monotonic() < until, services(address)
            time.sleep(0.5)
        while not re.search(r"Waterfall of", page(address, "?errors=1&service=checkout")):
            assert time.monotonic() < until, "one request in twelve finds payments failing"
            time.sleep(0.5)
        told = page(address, "?service=pricing")
        asked, well = map(int, re.findall(r"(\d+) requests of ours so far, (\d+) answered well", told)[0])
        assert asked >= 12
        assert well > asked / 2
        assert 'http-equiv="refresh"' in told


def test_work_that_does_not_start_is_told_with_its_last_words(workspace: Path, tmp_path: Path) -> None:
    """Which program, why, and what it said; nothing is left running."""
    broken = Path(shutil.copytree(workspace, tmp_path / "broken"))
    (broken / "checkout/app.py").write_text("raise RuntimeError('no checkout today')\n")
    command = [sys.executable, "-m", "assesskit.cli", "traces", str(broken), "--live", "--runtime", "process"]
    env = os.environ | {"ASSESSKIT_CONTENT": str(ROOT)}
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 2
    assert re.search("start: the checkout (ended|was not ready)", said.stderr)
    assert "no checkout today" in said.stderr


def test_only_the_latest_traces_are_kept() -> None:
    """By when something of them came last, and so many spans of one that never ends."""
    seen = live.Seen()

    def came(trace: str, count: int = 1) -> None:
        plain = [vars(span(f"{n + 1:x}", trace_id=trace)) | {"links": [], "events": []} for n in range(count)]
        seen.take({"spans": plain, "asked": 1, "well": 1, "lost": 1, "ended": {}})

    came("a" * 32, live.SPANS + 5)
    for number in range(live.TRACES):
        came(f"{number:032x}")
        came("a" * 32)
    spans = seen.spans()
    assert len({each.trace_id for each in spans}) == live.TRACES
    assert sum(each.trace_id == "a" * 32 for each in spans) == live.SPANS
    assert not any(each.trace_id == f"{0:032x}" for each in spans)
    assert seen.lost == 1 + 2 * live.TRACES
