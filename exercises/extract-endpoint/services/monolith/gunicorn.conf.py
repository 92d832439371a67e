"""Two workers over one database file, which is filled before they start."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 2
threads = 16
worker_class = "gthread"
keepalive = 30
control_socket_disable = True

os.environ.setdefault("BACKOFFICE_DATABASE", os.path.join(tempfile.mkdtemp(prefix="backoffice-"), "backoffice.db"))  # noqa: PTH118


def on_starting(server: Arbiter) -> None:
    from pathlib import Path

    from backoffice.database import prepare

    prepare(Path(os.environ["BACKOFFICE_DATABASE"]))
