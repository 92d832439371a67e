"""A machine that stands still is told from a service that is late."""

from __future__ import annotations

import io
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service
from assesskit.checks.stall_watch import NAP, stood_still
from assesskit.checks.stalls import SHARE, SHORT, Stalls, WatchProgram
from assesskit.errors import GraderError


class Told:
    """A watch that has seen `stalled` seconds since it was first asked."""

    def __init__(self, stalled: float) -> None:
        self.stalled = stalled
        self.asked = False
        self.settled = 0

    def seconds(self) -> float:
        asked, self.asked = self.asked, True
        return 10.0 + self.stalled if asked else 10.0

    def settle(self) -> None:
        self.settled += 1


def watched(stalled: float) -> Stalls:
    """What is known of a moment in which this machine stood still for `stalled` seconds."""
    with Stalls(Told(stalled)) as stalls:
        pass
    return stalls


class Machine:
    """A machine on which a nap takes `longer`, and work takes `stretch` times its processor time."""

    def __init__(self, longer: float, stretch: float) -> None:
        self.longer = longer
        self.stretch = stretch
        self.now = self.worked = 0.0

    def nap(self, seconds: float) -> None:
        self.now += seconds + self.longer

    def processor(self) -> float:
        self.worked += 0.001
        self.now += 0.001 * self.stretch
        return self.worked


@pytest.mark.parametrize(
    ("longer", "stretch", "least", "most"),
    [(0.0, 1.0, 0.0, 0.001), (0.004, 1.0, 0.0, 0.001), (0.4, 1.0, 0.4, 0.401), (0.0, 101.0, 0.1, 0.7)],
    ids=["at rest", "a usual delay", "asleep too long", "kept from the processor"],
)
def test_a_stall_is_a_nap_or_work_that_takes_too_long(longer: float, stretch: float, least: float, most: float) -> None:
    """A program that wakes a few milliseconds late is what every machine has; one that has to wait while it works is
    on a busy one, though it may wake in time.
    """
    machine = Machine(longer, stretch)
    assert least <= stood_still(machine.nap, lambda: machine.now, machine.processor) <= most


@pytest.fixture
def program() -> Iterator[WatchProgram]:
    program = WatchProgram()
    program.settle()
    yield program
    program.stop()


def seen(program: WatchProgram, act: Callable[[], object]) -> float:
    with Stalls(program) as stalls:
        act()
    return stalls.seconds


def test_a_machine_that_stands_still_is_seen(program: WatchProgram) -> None:
    """Here it is the watch alone that gets no processor for a while."""

    def hold() -> None:
        program._process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        program._process.send_signal(signal.SIGCONT)
        program.settle()

    assert seen(program, hold) > 0.3 - 2 * NAP


def test_what_keeps_the_grader_busy_is_no_stall(program: WatchProgram) -> None:
    """Reading a costly answer keeps every thread of the grader from running, and excuses nobody."""
    began = time.monotonic()
    stalled = seen(program, lambda: sum(range(30_000_000)))
    assert stalled < (time.monotonic() - began) / 2


def test_a_watch_that_has_ended_is_a_fault_of_ours(program: WatchProgram) -> None:
    """Without it nobody could tell who was late."""
    program._process.kill()
    program._process.wait(5)
    with pytest.raises(GraderError, match="the stall watch"):
        Stalls(program).__enter__()


def test_what_went_on_before_and_after_is_not_counted() -> None:
    """Several look at one watch, each from its own beginning to its own end."""
    watch = Told(3.0)
    with Stalls(watch) as stalls:
        assert stalls.seconds == 3.0
        watch.stalled = 5.0
    watch.stalled = 12.0
    assert stalls.seconds == 5.0
    with Stalls(watch) as later:
        pass
    assert later.seconds == 0.0


@pytest.mark.parametrize(("seconds", "settled"), [(SHORT, 0), (SHORT + 0.001, 1)])
def test_only_what_took_long_enough_to_be_late_waits_for_the_watch(seconds: float, settled: int) -> None:
    """Most requests take milliseconds, and waiting for the end of a round each time would take longer than they do."""
    watch, clock = Told(0.0), iter([0.0, seconds])
    with Stalls(watch, lambda: next(clock)):
        pass
    assert watch.settled == settled


def test_what_is_in_time_passes_whatever_the_machine_did():
    """Up to the limit itself."""
    watched(0.4).expect_within(3.5, 3.5, "it took 3.5 s")


def test_lateness_that_a_stall_explains_cannot_be_judged():
    """The limit was missed while this machine stood still by a comparable time, and the reason says so."""
    with pytest.raises(Inconclusive, match=r"it took 4 s, but this machine stood still for 0\.4 s"):
        watched(0.4).expect_within(3.5 + 0.4 * SHARE, 3.5, "it took 4 s")


@pytest.mark.parametrize("longer", [0.0, 0.4])
def test_lateness_beyond_the_stalls_is_the_services(longer):
    """A short stall is no excuse for a long wait."""
    with pytest.raises(Failure, match="it took 8 s"):
        watched(longer).expect_within(8.0, 3.5, "it took 8 s", expected="3.5 s")


def test_a_service_that_is_never_ready_is_not_waited_for_without_end():
    """Whatever this machine does, at most twice the time it was given."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    harness = Harness(io.BytesIO(), io.BytesIO())
    harness.ask = lambda *_, **__: {"running": True}  # type: ignore[method-assign]
    with pytest.raises(Failure, match=r"was not ready within 0\.2 s"):
        Service("submission", {"port": port, "ready_path": "/readyz"}, harness).until_ready(0.2)
