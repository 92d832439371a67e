"""A machine that stands still is told from a service that is late."""

from __future__ import annotations

import io
import socket
import threading
import time

import pytest

from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service
from assesskit.checks.stalls import NAP, SHARE, Stalls


class Machine:
    """A machine on which a sleep takes `longer`; it lets one sleep pass and then holds the thread until the end."""

    def __init__(self, longer: float) -> None:
        self.longer = longer
        self.now = 0.0
        self.slept = threading.Event()
        self.over = threading.Event()

    def sleep(self, seconds: float) -> None:
        if self.slept.is_set():
            self.over.wait(5)
        self.now += seconds + (0.0 if self.slept.is_set() else self.longer)

    def clock(self) -> float:
        if self.now:
            self.slept.set()
        return self.now


def watched(longer: float) -> Stalls:
    """What a watch has added up on a machine that once slept `longer` than asked."""
    machine = Machine(longer)
    with Stalls(machine.sleep, machine.clock) as stalls:
        assert machine.slept.wait(5)
        machine.over.set()
    return stalls


@pytest.mark.parametrize(("longer", "seconds"), [(0.0, 0.0), (0.004, 0.0), (0.4, 0.4)])
def test_only_what_is_unusual_counts_as_a_stall(longer, seconds):
    """A thread that wakes a few milliseconds late is what every machine has."""
    assert watched(longer).seconds == pytest.approx(seconds)


def test_what_is_in_time_passes_whatever_the_machine_did():
    """Up to the limit itself."""
    watched(0.4).expect_within(3.5, 3.5, "it took 3.5 s")


def test_lateness_that_a_stall_explains_cannot_be_judged():
    """The limit was missed while the grader stood still by a comparable time, and the reason says so."""
    with pytest.raises(Inconclusive, match=r"it took 4 s, but the grader itself stood still for 0\.4 s"):
        watched(0.4).expect_within(3.5 + 0.4 * SHARE, 3.5, "it took 4 s")


@pytest.mark.parametrize("longer", [0.0, 0.4])
def test_lateness_beyond_the_stalls_is_the_services(longer):
    """A short stall is no excuse for a long wait."""
    with pytest.raises(Failure, match="it took 8 s"):
        watched(longer).expect_within(8.0, 3.5, "it took 8 s", expected="3.5 s")


def test_a_watch_ends_with_its_moment():
    """Its thread is gone when the time to judge is over, and a machine at rest has stood still for nearly nothing."""
    with Stalls() as stalls:
        time.sleep(3 * NAP)
    assert not [thread for thread in threading.enumerate() if thread.name == "stalls"]
    assert stalls.explained < SHARE * 3  # only that it adds up lateness and no sleep


def test_a_service_that_is_never_ready_is_not_waited_for_without_end():
    """Whatever this machine does, at most twice the time it was given."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    harness = Harness(io.BytesIO(), io.BytesIO())
    harness.ask = lambda *_, **__: {"running": True}  # type: ignore[method-assign]
    with pytest.raises(Failure, match=r"was not ready within 0\.2 s"):
        Service("submission", {"port": port, "ready_path": "/readyz"}, harness).until_ready(0.2)
