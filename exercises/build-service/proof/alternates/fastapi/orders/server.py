"""uvicorn, with problem documents where it would answer itself, and with an early word about its end."""

from __future__ import annotations

import gc
import logging
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from orders.problems import for_status, to_json

log = logging.getLogger(__name__)


class Protocol(H11Protocol):
    def send_400_response(self, msg: str) -> None:
        """For what is not HTTP, so that no request reaches the application."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        problem = for_status(400)
        problem.detail = msg
        body = to_json(problem.document())
        headers = [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._orders = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn closes its sockets at its next tick; until then the application turns new requests away.
        self._orders.state.draining = True
        super().handle_exit(sig, frame)


def serve(app: FastAPI, port: int) -> None:
    options: dict[str, Any] = {
        "host": "0.0.0.0",  # noqa: S104
        "port": port,
        "http": Protocol,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 75,
        # An answer takes 3 seconds at most; with the spans of the last moment this stays well below 10.
        "timeout_graceful_shutdown": 5,
    }
    gc.collect()
    gc.freeze()  # what is here now stays; the collector need not look at it while a request waits
    Server(uvicorn.Config(app, **options), app).run()
