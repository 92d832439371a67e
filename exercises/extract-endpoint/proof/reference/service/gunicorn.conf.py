"""One process: its threads serve, and one each follows the feed and empties the outbox."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

bind = f"127.0.0.1:{os.environ['PORT']}"  # callers share our network namespace
workers = 1
worker_class = "gthread"
threads = 16
keepalive = 30
graceful_timeout = 8  # longer than any request takes
control_socket_disable = True


def worker_exit(server: Arbiter, worker: Worker) -> None:
    from invoicing.telemetry import flush

    flush()
