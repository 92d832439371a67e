"""Calls that an interrupt must not cut in half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")


def to_the_end(call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises; an interrupt that comes meanwhile is raised after it.

    An engine goes on making a container after the request for it was given up, so a Ctrl-C in the middle would leave
    one that nobody knows of. Only the main thread is interrupted; on others this is a plain call.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    handlers = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return call()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if came:
            signal.raise_signal(came[0])
