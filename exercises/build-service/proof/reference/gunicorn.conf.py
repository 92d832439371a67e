"""Two workers with threads: a request that waits for the inventory holds one of 32, not the service."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

bind = f"127.0.0.1:{os.environ['PORT']}"  # the gateway shares our network namespace
workers = 2
worker_class = "gthread"
threads = 16
keepalive = 30
graceful_timeout = 15  # far longer than any request takes
control_socket_disable = True

os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))


def on_starting(server: Arbiter) -> None:
    from orders.app import database
    from orders.store import prepare

    prepare(database())


def worker_exit(server: Arbiter, worker: Worker) -> None:
    from orders.telemetry import flush

    flush()


def child_exit(server: Arbiter, worker: Worker) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
