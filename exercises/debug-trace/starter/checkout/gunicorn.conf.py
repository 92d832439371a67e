from __future__ import annotations

import os

bind = f"127.0.0.1:{os.environ['PORT']}"  # the relays share our network namespace
workers = 1
worker_class = "gthread"
threads = 48
keepalive = 30
graceful_timeout = 5
control_socket_disable = True
