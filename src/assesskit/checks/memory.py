"""Whether a service stays within its memory: nothing of it is killed for its limit, and it does not grow for ever.

A process that is killed and started anew behind a server looks well from outside; only the engine has seen it.

A service that warms up and one that leaks look alike for a while. What is bounded stops growing once it is full, what
leaks goes on. So growth is looked at over and over: it is well as soon as two windows in a row add little for each
request, and a leak only where, after many requests, no two ever did. The service is started anew first, because a leak
would for long be hidden in what earlier work has left free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assesskit.checks.creation import CREATED
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.latency import Verdict
from assesskit.checks.services import Control, Service, ended
from assesskit.instruments.load import Load, RequestTemplate

CLIENTS = 8
"""They ask again as soon as they are answered."""
SECONDS = 2.0
"""Of a window of load, and of the load that comes before the first."""
FEWEST_WINDOWS, MOST_WINDOWS = 5, 9
"""So many are seen at least before growth is called a leak, and at most."""
GRACE = 2.0
"""Seconds to stop in."""
MB, KB = 1e6, 1e3
STEP = 1.2 * MB
"""Runtimes ask for memory in pieces of nearly this size; one of them is no growth, however few the requests."""


@dataclass
class Growth:
    """What was seen of a service under load: how many things it had `made` before each look at it, and what its
    processes held then, in bytes. The first look is at the end of the warming up. Requests that were turned away are
    not counted: they leave nothing, and would make little of what the others leave.
    """

    made: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)

    @property
    def windows(self) -> int:
        """How many windows were seen whole."""
        return max(0, len(self.held) - 1)

    def added(self, window: int) -> tuple[int, int]:
        """Bytes that this window and the next one have added, and by how many requests."""
        return self.held[window + 2] - self.held[window], self.made[window + 2] - self.made[window]


def judge(seen: Growth, each_kb: float, fewest: int) -> Verdict:
    """Met when two windows in a row have added at most `each_kb` for a request; not met when no two have, after
    `fewest` requests or more; inconclusive as long as too little was seen."""
    added = [seen.added(window) for window in range(seen.windows - 1)]
    if any(grown <= max(STEP, each_kb * KB * requests) for grown, requests in added):
        return "met"
    enough = seen.windows >= FEWEST_WINDOWS and seen.made[-1] >= fewest
    return "not_met" if enough else "inconclusive"


def expect_within_limits(
    control: Control,
    service: Service,
    requests: Sequence[RequestTemplate],
    each_kb: float,
    fewest: int,
    evidence: Evidence,
) -> None:
    """Nothing of the service was killed for its memory until now, nor is it under a load of `requests`, and after
    `fewest` of them at the latest its processes grow by at most `each_kb` for each.

    The service is restarted twice. Raises Inconclusive where the runtime does not tell, or the machine is too slow.
    """
    _expect_none_killed(service, "during the checks")
    with control.quietly():
        seen = _loaded(control, service, requests, each_kb, fewest)
    told = f"{CLIENTS} clients that send {requests[0].route} again as soon as they are answered"
    if not (state := service.status())["running"] and not state["oom"]:
        raise Failure(f"{told}: the service {ended(state)}", sent=told, expected="a service that goes on")
    _expect_none_killed(service, "under load")
    if not seen.made[-1]:
        raise Failure("under load nothing was made", sent=told, expected="201")
    _tell(seen, each_kb, evidence)
    _require(seen, told, each_kb, fewest)


def _expect_none_killed(service: Service, when: str) -> None:
    """Start the service anew; the engine knows for certain what was killed only of a service that has ended."""
    service.stop(GRACE)
    killed = service.usage()["oom"]
    service.start()
    service.until_ready()
    if killed is None:
        raise Inconclusive("without a Docker engine nothing keeps to a limit of memory")
    if killed:
        limit = f"{service.memory_bytes / 2**20:.0f} MB" if service.memory_bytes else "its limit"
        raise Failure(
            f"a process of the service was killed because the service had used up its memory {when}",
            received=f"{limit} in use; the system ended a process, whatever was under way in it is lost",
            expected="a service that has bounds and keeps to them: requests at once, their size, buffers, caches",
        )


def _loaded(
    control: Control, service: Service, requests: Sequence[RequestTemplate], each_kb: float, fewest: int
) -> Growth:
    """Offer windows of load until its growth can be judged."""
    seen = Growth()
    load = Load(
        {service.name: service.port},
        {service.name: requests},
        window_seconds=SECONDS,
        windows=1,
        warmup_seconds=0.0,
        clients=CLIENTS,
    )
    for _ in range(1 + MOST_WINDOWS):
        samples = control.offer(load)
        held = service.usage()["private_bytes"]
        if held is None:
            raise Inconclusive("this runtime does not tell the memory of a service")
        made = sum(sample.status == CREATED for sample in samples)
        seen.made.append(made + (seen.made[-1] if seen.made else 0))
        seen.held.append(held)
        if judge(seen, each_kb, fewest) != "inconclusive" or not service.status()["running"]:
            break
    return seen


def _tell(seen: Growth, each_kb: float, evidence: Evidence) -> None:
    evidence.figure("memory of its processes once they were warm", round(seen.held[0] / MB, 1), "MB")
    evidence.figure(f"memory of its processes after {seen.made[-1]} good answers", round(seen.held[-1] / MB, 1), "MB")
    if seen.windows > 1:
        grown, requests = seen.added(seen.windows - 2)
        evidence.figure(
            "what each of the last requests has added", round(grown / max(1, requests) / KB, 1), "kB", each_kb
        )


def _require(seen: Growth, told: str, each_kb: float, fewest: int) -> None:
    verdict = judge(seen, each_kb, fewest)
    if verdict == "met":
        return
    if verdict == "inconclusive":
        seconds = len(seen.made) * SECONDS
        raise Inconclusive(f"only {seen.made[-1]} requests were answered well in {seconds:g} s of load")
    typical = (seen.held[-1] - seen.held[0]) / max(1, seen.made[-1] - seen.made[0]) / KB
    raise Failure(
        f"the memory of the service grows with every request: {typical:.0f} kB for each",
        sent=told,
        received=f"{seen.held[0] / MB:.0f} MB at first, and {seen.held[-1] / MB:.0f} MB in the end",
        expected=f"after {fewest} requests at the latest at most {each_kb:g} kB more for each: what is kept has bounds",
    )
