"""A candidate's way from the kit to the archive, and an interviewer's from the archive to what it tells."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import typer
from tests.cli.conftest import Run
from tests.content.tiny import build

from assesskit import __version__
from assesskit.cli import again, inviting, settings
from assesskit.cli import told as cli_told
from assesskit.content import load
from assesskit.environment.where import Where
from assesskit.errors import EngineError, RuntimeUnavailableError
from assesskit.kits import inviting as kits_inviting
from assesskit.kits import start as make
from assesskit.signatures import signer_at

SERVE = """
import http.server, os, sys
counted = [0]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        counted[0] += self.path == "/count"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(counted[0]).encode())
print("here I am", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
STOCK = {
    "exercises/tiny/services/stock/Dockerfile": 'FROM ${BASE_IMAGE}\nCMD ["python", "serve.py"]\n',
    "exercises/tiny/services/stock/serve.py": SERVE,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The tiny exercise with a service that serves."""
    return build(tmp_path / "content", STOCK)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where commands run."""
    return tmp_path / "here"


@pytest.fixture
def walk(run: Run, tmp_path: Path) -> Run:
    """Run commands as one interviewer, and as a candidate who has no content root."""
    env = {"ASSESSKIT_KEY": str(tmp_path / "key.pem"), "ASSESSKIT_LEDGER": str(tmp_path / "ledger.jsonl")}

    def walk(*words: str | Path, **more: str):
        interviews = words[0] in {"keys", "invite", "grade"}
        return run(*words, **(env | ({} if interviews else {"ASSESSKIT_CONTENT": ""}) | more))

    return walk


@pytest.fixture
def invited(walk: Run) -> str:
    """The name of a kit."""
    words = ("--candidate", "C-0142", "--name", "Ada Lovelace", "--extra-time", "1.5", "--level", "senior")
    said = walk("invite", "tiny", *words)
    assert said.returncode == 0, said.stderr
    return "tiny-C-0142.kit.zip"


@pytest.fixture
def started(walk: Run, invited: str, here: Path):
    """A workspace whose service runs; it is stopped in the end."""
    said = walk("start", invited, "--minutes", "45")
    assert said.returncode == 0, said.stderr
    yield said
    walk("stop", "tiny")


def answer(walk: Run, path: str) -> str:
    url = json.loads(walk("status", "tiny", "--json").stdout)["urls"]["stock"]
    with urllib.request.urlopen(url + path, timeout=5) as response:
        return str(response.read().decode())


def test_an_invitation_tells_the_ledger_all_and_the_kit_only_what_is_for_it(
    walk: Run, invited: str, here: Path, tmp_path: Path
) -> None:
    """Name and extra time are in the ledger alone; what the candidate is to type names their time box."""
    line = json.loads((tmp_path / "ledger.jsonl").read_text())
    assert (line["name"], line["minutes"], line["manifest"]["level"]) == ("Ada Lovelace", 45, "senior")
    with zipfile.ZipFile(here / invited) as archive:
        inside = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Ada" not in inside
    assert b'"minutes": 30' in inside
    key = json.loads(walk("keys", "--json").stdout)["public"]
    assert line["manifest"]["key"] == key
    again = walk("invite", "tiny", "--candidate", "C-0142")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    told = walk("invite", "tiny", "--candidate", "C-7", "--extra-time", "2")
    assert f"assesskit start tiny-C-7.kit.zip --key {key} --minutes 60" in told.stderr
    assert f"Send the file, and assesskit-{__version__}-py3-none-any.whl" in told.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"candidate": "Ada Lovelace"}, "--candidate: is no alias"),
        ({"candidate": "../x"}, "--candidate: is no alias"),
        ({"extra_time": 0.5}, "--extra-time: must be from 1 to 10"),
        ({"extra_time": math.nan}, "--extra-time: must be from 1 to 10"),
        ({"seed": ""}, "seed: is no seed"),
    ],
)
def test_an_invitation_that_makes_no_sense_writes_nothing(root: Path, tmp_path: Path, monkeypatch, capsys, asked, said):
    """Names for aliases, less than the usual time, a seed that is none."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ASSESSKIT_LEDGER", str(tmp_path / "ledger.jsonl"))
    monkeypatch.setenv("ASSESSKIT_KEY", str(tmp_path / "key.pem"))
    with pytest.raises(typer.Exit) as ended:
        inviting.invite("tiny", **({"candidate": "C-1", "content": root} | asked))
    assert ended.value.exit_code == 2
    assert said in capsys.readouterr().err
    assert list((tmp_path / "here").iterdir()) == []
    assert not (tmp_path / "ledger.jsonl").exists()


def test_a_kit_is_started_stopped_and_gone_on_with(walk: Run, started, here: Path) -> None:
    """Services and clock run, stop together, and go on with the next start; the work is never touched."""
    assert "stock       http://127.0.0.1:" in started.stdout
    assert "used of 45 minutes" in started.stdout
    assert "Use what you like." in started.stdout
    (here / "tiny" / "app.py").write_text("mine\n")
    said = json.loads(walk("status", "tiny", "--json").stdout)
    assert (said["minutes"], said["running"], said["services"]) == (45, True, {"stock": "running"})
    assert "services    stopped" in walk("stop", "tiny").stdout
    said = walk("status", "tiny")
    assert "the clock stands" in said.stdout
    assert "stock       not running" in said.stdout
    assert "none were running" in walk("stop", "tiny").stdout
    assert walk("start", "tiny").returncode == 0
    assert walk("start", "tiny-C-0142.kit.zip").returncode == 0
    assert json.loads(walk("status", "tiny", "--json").stdout)["running"]
    assert (here / "tiny" / "app.py").read_text() == "mine\n"


def test_a_service_is_listened_to_and_started_anew(walk: Run, started) -> None:
    """`logs` prints what it said, `reset` makes it forget; a name that is none is told with those there are."""
    assert (answer(walk, "/count"), answer(walk, "/count")) == ("1", "2")
    assert "here I am" in walk("logs", "stock", "--workspace", "tiny").stdout
    assert walk("reset", "stock", "--workspace", "tiny").returncode == 0
    assert answer(walk, "/count") == "1"
    wrong = walk("reset", "store", "--workspace", "tiny")
    assert (wrong.returncode, "there are: stock" in wrong.stderr) == (2, True)


def test_what_keeps_the_services_may_be_killed_and_leaves_none(walk: Run, started, here: Path) -> None:
    """Killed in the middle, its services end; status says so, and start brings new ones."""
    kept = json.loads((here / "tiny/.git/assesskit/keeper.json").read_text())
    services = psutil.Process(kept["pid"]).children(recursive=True)
    os.kill(kept["pid"], signal.SIGKILL)
    assert psutil.wait_procs(services, timeout=10)[1] == []
    assert "not running" in walk("status", "tiny").stdout
    assert walk("logs", "stock", "--workspace", "tiny").returncode == 2
    assert "stock       http://" in walk("start", "tiny").stdout


def test_two_kits_live_side_by_side(walk: Run, started, here: Path) -> None:
    """Each in a folder of its own, with ports of its own; one in the folder of another is refused."""
    assert walk("invite", "tiny", "--candidate", "C-2").returncode == 0
    refused = walk("start", "tiny-C-2.kit.zip")
    assert refused.returncode == 2
    assert "is the workspace of another kit" in refused.stderr
    second = walk("start", "tiny-C-2.kit.zip", "second")
    assert second.returncode == 0
    urls = {json.loads(walk("status", name, "--json").stdout)["urls"]["stock"] for name in ("tiny", "second")}
    assert len(urls) == 2
    walk("stop", "second")


def test_a_service_that_cannot_start_keeps_nobody_from_working(walk: Run, root: Path, here: Path) -> None:
    """The workspace is there, and what went wrong is told."""
    (root / "exercises/tiny/services/stock/serve.py").write_text("raise SystemExit('no stock today')")
    walk("invite", "tiny", "--candidate", "C-3")
    said = walk("start", "tiny-C-3.kit.zip")
    assert said.returncode == 0
    assert "The services are not up" in said.stderr
    assert "no stock today" in said.stderr
    assert (here / "tiny/README.md").is_file()


def test_a_kit_that_was_changed_starts_nothing(walk: Run, invited: str, here: Path) -> None:
    """Not a file is written, not a process started; the same for another's key."""
    wrong = walk("start", invited, "--key", "ab" * 32)
    assert (wrong.returncode, "not with the one named" in wrong.stderr) == (2, True)
    data = bytearray((here / invited).read_bytes())
    at = data.index(b"kit.json") + 40
    data[at] ^= 1
    (here / invited).write_bytes(data)
    assert walk("start", invited).returncode == 2
    assert walk("start", "no-such.kit.zip").returncode == 2
    assert [path.name for path in here.iterdir()] == [invited]


def test_a_kit_that_a_browser_unpacked_is_started_where_it_lies(walk: Run, invited: str, here: Path) -> None:
    """Its folder is the kit, also when one stands in it and names nothing."""
    with zipfile.ZipFile(here / invited) as archive:
        archive.extractall(here / "kit")
    said = walk("start", "--no-services", cwd=here / "kit")
    assert said.returncode == 0, said.stderr
    assert (here / "kit/tiny/README.md").is_file()
    assert walk("start", "--no-services", cwd=here / "kit/tiny").returncode == 0


def test_a_kit_of_another_version_that_can_be_read_says_what_to_install(
    root: Path, here: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a candidate could see other verdicts than their interviewer."""
    monkeypatch.setattr(kits_inviting, "__version__", "0.0.9")
    invitation = kits_inviting.Invitation("C-1", None, "0" * 16)
    key = signer_at(tmp_path / "key.pem")
    (here / "old.zip").write_bytes(kits_inviting.invite(load(root, "tiny"), invitation, key, now=datetime.now(UTC))[1])
    said = run("start", "old.zip", "--no-services")
    assert said.returncode == 0
    assert "made with assesskit 0.0.9" in said.stderr
    assert "pip install assesskit" not in said.stderr


def test_a_submission_comes_back_with_its_notes(
    walk: Run, invited: str, root: Path, here: Path, tmp_path: Path
) -> None:
    """It lists what it holds, needs no engine and no network, and may be written again; grade says what is odd."""
    assert walk("start", invited, "--no-services").returncode == 0
    words = ("--no-check", "--ai", "None.", "--next", "Sleep.")
    for _ in range(2):
        said = walk("submit", "tiny", *words)
        assert said.returncode == 0, said.stderr
    assert "app.py" in said.stdout
    archive = here / "C-0142-tiny-submission.zip"
    told = json.loads(zipfile.ZipFile(archive).read("submission.json"))
    assert (told["ai"], told["next"], told["kit"]["manifest"]["candidate"]) == ("None.", "Sleep.", "C-0142")
    key = json.loads(walk("keys", "--json").stdout)["public"]
    colleague = {"ASSESSKIT_KEY": str(tmp_path / "other.pem"), "ASSESSKIT_LEDGER": str(tmp_path / "other.jsonl")}
    graded = walk("grade", archive.name, **colleague)
    assert graded.returncode == 3, "there is no engine here, and nothing before that was wrong"
    assert "is not in your ledger" in graded.stderr
    assert f"neither yours nor your colleagues': {key}" in graded.stderr
    (root / "exercises/interviewer-keys.toml").write_text(f'[keys]\nada = "{key}"\n')
    assert "colleagues" not in walk("grade", archive.name, **colleague).stderr


def test_a_submission_with_a_secret_is_refused_with_a_list(walk: Run, invited: str, here: Path) -> None:
    """Before anything is written, and with the way to let a made-up one through."""
    walk("start", invited, "--no-services")
    (here / "tiny/config.py").write_text("KEY = 'AKIA" + "ABCDEFGHIJKLMNOP'\n")
    refused = walk("submit", "tiny", "--no-check")
    assert refused.returncode == 2
    assert "'config.py': line 1, AWS Access Key" in refused.stderr
    assert "--allow FILE" in refused.stderr
    assert not (here / "C-0142-tiny-submission.zip").exists()
    assert walk("submit", "tiny", "--no-check", "--allow", "config.py").returncode == 0


def test_a_workspace_without_a_kit_has_no_clock(walk: Run, root: Path, here: Path) -> None:
    """Such as a program made by itself: it is told so."""
    make(load(root, "tiny"), here / "tiny", now=datetime.now(UTC))
    said = walk("status", "tiny")
    assert said.returncode == 2
    assert "was not started from a kit" in said.stderr


def test_every_command_says_that_git_is_gone_and_what_to_do(walk: Run, invited: str, here: Path) -> None:
    """What a workspace keeps beside git's own is lost with it; the work is not."""
    walk("start", invited, "--no-services")
    shutil.rmtree(here / "tiny/.git")
    for command in ("start", "status", "check", "submit", "stop"):
        said = walk(command, "tiny")
        assert said.returncode == 2
        assert "has lost its .git folder" in said.stderr
        assert "your work copied there" in said.stderr
    assert walk("start", invited, "anew", "--no-services").returncode == 0


def test_whoever_reads_the_first_line_only_is_told_of_no_fault(tmp_path: Path, root: Path) -> None:
    """As `assesskit show … | head -1` does."""
    command = f"{sys.executable} -u -m assesskit.cli show tiny | head -1; exit ${{PIPESTATUS[0]}}"
    env = os.environ | {"ASSESSKIT_CONTENT": str(root)}
    said = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert said.stdout == "Say hello (tiny 1.2.0, 30 minutes)\n"
    assert said.stderr == ""
    assert said.returncode in {0, 141}


def test_output_that_nobody_reads_ends_a_command_as_a_pipe_does(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """And a pipe of ours that breaks stays a fault of ours."""

    def gone() -> None:
        raise BrokenPipeError

    class Unread(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            return nowhere

    with pytest.raises(typer.Exit) as ended:
        cli_told.told(gone)()
    assert ended.value.exit_code == 4
    assert "fault of assesskit" in capsys.readouterr().err
    nowhere = os.open(os.devnull, os.O_WRONLY)
    monkeypatch.setattr(sys, "stdout", Unread())
    try:
        with pytest.raises(typer.Exit) as ended:
            cli_told.told(gone)()
    finally:
        os.close(nowhere)
    assert ended.value.exit_code == 141
    theirs, ours = os.pipe()
    os.close(theirs)
    with os.fdopen(ours, "w") as unbuffered:  # as with `python -u`: nothing is left that a flush could write
        monkeypatch.setattr(sys, "stdout", unbuffered)
        with pytest.raises(typer.Exit) as ended:
            cli_told.told(gone)()
    assert ended.value.exit_code == 141


def test_an_interrupt_that_python_swallows_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the end of an object no exception gets out; the command must end all the same."""

    class Ending:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "unraisablehook", again)
    with pytest.raises(KeyboardInterrupt):
        swallowed(Ending())


def swallowed(_ending: object) -> None:
    """Let an object end, and do something afterwards."""
    del _ending
    time.sleep(5)


@pytest.mark.parametrize(("cause", "told"), [(EngineError("no such image"), True), (OSError("no socket"), False)])
def test_docker_that_lacks_an_image_is_not_passed_over_in_silence(
    monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path, cause: Exception, told: bool
) -> None:
    """One command would make it work, and the candidate reads which; without Docker there is nothing to say."""

    class Lacking:
        def check(self) -> None:
            raise RuntimeUnavailableError("there is no image", where="docker", hint="`docker pull it`") from cause

    monkeypatch.setenv("ASSESSKIT_CACHE", str(tmp_path))
    opened = Where.opened
    monkeypatch.setattr(Where, "opened", lambda self: Lacking() if self.runtime == "docker" else opened(self))
    assert settings.where(settings.Kind.AUTO).runtime == "process"
    assert ("`docker pull it`" in capsys.readouterr().err) is told
