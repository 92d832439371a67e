"""The review pages on a loopback port, until the reviewer says that they are done."""

from __future__ import annotations

import threading
from collections.abc import Callable

from werkzeug.serving import WSGIRequestHandler, make_server

from assesskit.errors import UsageError
from assesskit.review.app import Gate, application
from assesskit.review.desk import Desk

LOOPBACK = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Logs nothing: an address has the token in it."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  werkzeug's name
        """Say nothing."""


def serve(desk: Desk, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until the reviewer finishes; `on_ready` is told the address, token and all. Raises UsageError for a port
    that is taken."""
    gate = Gate()
    done = threading.Event()
    try:
        server = make_server(LOOPBACK, port, application(desk, gate, done.set), threaded=True, request_handler=_Quiet)
    except (OSError, SystemExit) as error:
        raise UsageError(f"port {port} of {LOOPBACK} is taken", where="--port") from error
    serving = threading.Thread(target=server.serve_forever, name="review", daemon=True)
    serving.start()
    try:
        on_ready(f"http://{LOOPBACK}:{server.server_port}/?token={gate.token}")
        done.wait()
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
