"""What an interrupt must not cut in half is brought to its end first."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from assesskit.pods.finishing import to_the_end


def test_its_value_comes_back() -> None:
    """It is a plain call when nothing interrupts."""
    assert to_the_end(lambda: 7) == 7


def test_its_error_comes_back() -> None:
    """What the call raises is raised to who asked."""

    def fails() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        to_the_end(fails)


def test_an_interrupt_waits_until_the_call_has_ended() -> None:
    """However often it is interrupted, the call ends before the interrupt is raised."""
    ended = threading.Event()
    begun = threading.Event()
    interrupted = threading.Event()

    def works() -> None:
        begun.set()
        assert interrupted.wait(10)
        ended.set()

    def interrupts() -> None:
        begun.wait()
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.05)
        interrupted.set()

    sender = threading.Thread(target=interrupts)
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        to_the_end(works)
    sender.join()
    assert ended.is_set()
