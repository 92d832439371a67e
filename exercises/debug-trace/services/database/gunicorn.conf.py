"""One process, because what it knows is in its memory; threads, because callers wait for each other otherwise."""

from __future__ import annotations

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 1
threads = 32
worker_class = "gthread"
control_socket_disable = True
