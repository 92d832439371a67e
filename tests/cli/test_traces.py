"""`assesskit traces` shows a recording to this machine, and says what is wrong with a file that is none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "fixtures" / "traces" / "debug-trace" / "traces.json"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "assesskit.cli", "traces", str(RECORDING)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        yield serving.stdout.readline().split()[0]
        serving.send_signal(signal.SIGINT)
        assert serving.wait(10) == 0


def get(url: str, host: str = "127.0.0.1") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_and_jaegers_api_are_served(address):
    status, page = get(f"{address}?service=pricing&longer=500")
    assert (status, "traces.json" in page, "Waterfall of" in page) == (200, True, True)
    status, found = get(f"{address}api/services")
    assert (status, "pricing" in json.loads(found)["data"]) == (200, True)
    assert get(f"{address}elsewhere")[0] == 404
    assert get(f"{address}?{'a=1&' * 20}")[0] == 400


def test_a_foreign_name_that_leads_here_is_refused(address):
    assert get(address, host="evil.test") == (403, "this page is for 127.0.0.1 only")


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), ("{", "is no recording"), ('{"data": 1}', "is no recording")],
)
def test_a_file_that_is_no_recording_is_told(run, tmp_path, content, told):
    file = tmp_path / "traces.json"
    if content is not None:
        file.write_text(content)
    done = run("traces", file)
    assert (done.returncode, told in done.stderr) == (2, True)


def test_what_cannot_be_watched_is_said_before_anything_is_built(run, root):
    """An exercise that does not say what its programs are asked."""
    said = run("start", "tiny", "--no-services")
    assert "traces --live" not in said.stdout
    done = run("traces", "tiny", "--live")
    assert (done.returncode, "there is nothing to watch" in done.stderr) == (2, True)


def test_without_a_recording_the_other_way_is_named(run):
    assert "`assesskit traces --live`" in run("traces").stderr
