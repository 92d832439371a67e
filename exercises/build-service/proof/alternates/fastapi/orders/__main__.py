"""Starts the service. One process, one event loop: that is what makes the bookkeeping of running creates simple."""

from __future__ import annotations

import signal
import sys

# As PID 1 a process without a handler ignores SIGTERM, and the imports below take a moment.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def main() -> None:
    from orders import telemetry
    from orders.app import create_app
    from orders.config import Config
    from orders.server import serve

    config = Config.from_environment()
    telemetry.configure_logging()
    finish_tracing = telemetry.configure_tracing()
    try:
        serve(create_app(config), config.port)
    finally:
        finish_tracing()


if __name__ == "__main__":
    main()
