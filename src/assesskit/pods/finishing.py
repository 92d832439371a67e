"""Calls that an interrupt must not cut in half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def to_the_end(call: Callable[[], Result]) -> Result:
    """Run `call` on a thread of its own and return what it returns, or raise what it raises.

    An interrupt that comes meanwhile is raised when the call has ended: an engine goes on making a container after the
    request for it was given up, so a Ctrl-C in the middle would leave one that nobody knows of.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised again below, on the thread that asked
            future.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    interrupt: KeyboardInterrupt | None = None
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt as seen:
            interrupt = seen
    if interrupt:
        raise interrupt
    return future.result()
