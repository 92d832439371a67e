from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

bind = f"127.0.0.1:{os.environ['PORT']}"  # the relays share our network namespace
workers = 1
worker_class = "gthread"
threads = 48
keepalive = 30
graceful_timeout = 5
control_socket_disable = True


def worker_exit(server: Arbiter, worker: Worker) -> None:
    from telemetry import flush

    worker.wsgi.extensions["consumer"].finish()
    flush()
