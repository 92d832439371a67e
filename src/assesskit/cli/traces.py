"""The command `traces`: a recording in the browser, or one's own system as it runs; on this machine alone."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import parse_qs, urlsplit

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, Kind, RuntimeOption
from assesskit.cli.told import say, told
from assesskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assesskit.content import Exercise
    from assesskit.instruments.collector import Span
    from assesskit.reports.traces import Live

LOOPBACK = "127.0.0.1"
RECORDING = Path("recording") / "traces.json"
PARAMETERS = 16
LOOK_SECONDS = 0.2


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("traces", rich_help_panel="Candidates")(traces)


class Source(NamedTuple):
    """What is shown: spans as they are now, under a title; `live` tells of a system that runs."""

    title: str
    spans: Callable[[], Sequence[Span]]
    live: Callable[[], Live | None] = lambda: None


@told
def traces(
    file: Annotated[Path | None, typer.Argument(help="Traces in Jaeger's query JSON; or a workspace, live.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Start your work as it is, with gentle traffic, and show what it traces.")
    ] = False,
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; any free one if not given.", min=0, max=65535)] = 0,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
) -> None:
    """Show traces in the browser: a recording, or those of your own work while it runs.

    Waterfalls, by service, error and duration; below /api it answers Jaeger's own tools. It ends with Ctrl-C.
    """
    if live:
        _watch(file or Path(), port, runtime, content)
        return
    from assesskit.instruments.jaeger_reading import read

    file = file or RECORDING
    try:
        spans = read(file.read_bytes())
    except OSError as error:
        hint = "`assesskit traces --live` shows those of your own work." if file == RECORDING else ""
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error
    except ValueError as error:
        raise UsageError(f"is no recording: {error}", where=str(file)) from error
    with _server(Source(file.name, lambda: spans), port) as server:
        print(f"{_address(server)}  {len(spans)} spans of {file}; Ctrl-C ends it", flush=True)
        _serve(server, lambda: True)


def watchable(exercise: Exercise) -> bool:
    """Whether the exercise says what its programs are asked on a quiet day; see `checks.traffic`."""
    return not {"journey", "resource"}.isdisjoint(exercise.spec.grader.facts)


def _watch(workspace: Path, port: int, kind: Kind, content: Path | None) -> None:
    """Start what lies in the workspace, and show its traces until Ctrl-C or until it is over."""
    from assesskit.cli.candidate import exercise_of
    from assesskit.cli.workspace import PLACES, one_line
    from assesskit.environment.live import System
    from assesskit.kits import take
    from assesskit.reports.traces import Live

    exercise = exercise_of(workspace, content)
    if not watchable(exercise):
        raise UsageError(
            "is a task whose programs nobody of ours asks anything: there is nothing to watch", where="--live"
        )
    where = settings.runtime(kind)
    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary, ExitStack() as stack:
        taken = take(workspace, exercise, Path(temporary) / "submission")
        say(f"building and starting your work {PLACES[where.name]}; the first time takes a minute or two …")
        with one_line() as on_line:
            system = stack.enter_context(System(exercise, taken.folder, where, on_line))
        seen = system.seen

        def now() -> Live:
            return Live(time.time(), seen.asked, seen.well, seen.lost, dict(seen.ended))

        with _server(Source(exercise.spec.title, seen.spans, now), port) as server:
            print(f"{_address(server)}  your work as it was just now; Ctrl-C ends it", flush=True)
            _serve(server, lambda: system.failure is None)
        if system.failure is not None:
            raise system.failure


def _server(source: Source, port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler(source))
    except OSError as error:
        raise UsageError(f"port {port} of {LOOPBACK} is taken", where="--port") from error


def _address(server: ThreadingHTTPServer) -> str:
    return f"http://{LOOPBACK}:{server.server_port}/"


def _serve(server: ThreadingHTTPServer, wanted: Callable[[], bool]) -> None:
    """Answer until Ctrl-C, which is the way it is meant to end, or until nobody wants it any more."""
    server.timeout = LOOK_SECONDS
    try:
        while wanted():
            server.handle_request()
    except KeyboardInterrupt:
        pass


def handler(source: Source) -> type[BaseHTTPRequestHandler]:
    """Answers GETs of the page and of Jaeger's query API, for callers of this machine that name it so."""
    from assesskit.instruments.jaeger_query import query
    from assesskit.reports import traces as pages

    class Asked(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if self.headers.get("Host", "").partition(":")[0] not in {LOOPBACK, "localhost"}:
                self._answer(403, "text/plain", "this page is for 127.0.0.1 only")  # a foreign name may lead here
            elif parts.path == "/":
                try:
                    asked = pages.Asked.of(parse_qs(parts.query, max_num_fields=PARAMETERS))
                except ValueError:
                    self._answer(400, "text/plain", "too many parameters")
                    return
                page = pages.page(pages.traces(source.spans()), asked, source.title, source.live())
                self._answer(200, "text/html", page)
            else:
                status, body = query(source.spans(), self.path)
                self._answer(status, "application/json", json.dumps(body))

        def _answer(self, status: int, kind: str, text: str) -> None:
            sent = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Asked
