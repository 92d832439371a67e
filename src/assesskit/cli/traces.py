"""The command `traces`: a recording in the browser, on this machine alone."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from assesskit.cli.told import told
from assesskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assesskit.instruments.collector import Span

LOOPBACK = "127.0.0.1"
RECORDING = Path("recording") / "traces.json"
PARAMETERS = 16


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("traces", rich_help_panel="Candidates")(traces)


@told
def traces(
    file: Annotated[Path, typer.Argument(help="Traces in Jaeger's query JSON.")] = RECORDING,
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; any free one if not given.", min=0, max=65535)] = 0,
) -> None:
    """Show recorded traces in the browser.

    Waterfalls, by service, error and duration; below /api it answers Jaeger's own tools. It ends with Ctrl-C.
    """
    from assesskit.instruments.jaeger_reading import read

    try:
        spans = read(file.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except ValueError as error:
        raise UsageError(f"is no recording: {error}", where=str(file)) from error
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler(spans, file.name))
    except OSError as error:
        raise UsageError(f"port {port} of {LOOPBACK} is taken", where="--port") from error
    print(f"http://{LOOPBACK}:{server.server_port}/  {len(spans)} spans of {file}; Ctrl-C ends it", flush=True)
    try:
        server.serve_forever(0.1)
    except KeyboardInterrupt:
        pass  # the way it is meant to end
    finally:
        server.server_close()


def handler(spans: Sequence[Span], title: str) -> type[BaseHTTPRequestHandler]:
    """Answers GETs of the page and of Jaeger's query API, for callers of this machine that name it so."""
    from assesskit.instruments.jaeger_query import query
    from assesskit.reports import traces as pages

    recorded = pages.traces(spans)

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
                self._answer(200, "text/html", pages.page(recorded, asked, title))
            else:
                status, body = query(spans, self.path)
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
