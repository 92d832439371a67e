"""Memory under load, on small services that really answer; the engine's figures are given."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.checks.test_comparison import serving

from assesskit.checks import memory
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.memory import FEWEST_WINDOWS, Growth, expect_within_limits, judge
from assesskit.checks.services import Control, Service
from assesskit.instruments.load import FRESH, RequestTemplate, Sample

EACH_KB, FEWEST = 8.0, 1500
WARM = 50_000_000


class Engine(Harness):
    """Tells the memory of a service: at each look `each` bytes more, and what became of it at its ends, in turn."""

    def __init__(self, each: int | None = 0, killed: tuple[bool | None, ...] = (False, False)) -> None:
        super().__init__(io.BytesIO(), io.BytesIO())
        self.each = each
        self.held = WARM
        self.killed = iter(killed)
        self.asked: list[str] = []
        self.ended = False

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        del service, arguments
        self.asked.append(action)
        match action:
            case "stop" | "start":
                self.ended = action == "stop"
            case "quiet":
                return {"quiet": True}
            case "status":
                return {"running": True}
            case "usage" if self.ended:
                return {"oom": next(self.killed), "private_bytes": None}
            case "usage":
                self.held += self.each or 0
                return {"oom": False, "private_bytes": None if self.each is None else self.held}
        return {}

    def tell(self, kind: str, **fields: Any) -> None:
        """Nobody listens."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A service that makes whatever is posted, and a few short windows: the generator takes its time to start."""
    monkeypatch.setattr(memory, "SECONDS", 0.1)
    monkeypatch.setattr(memory, "FEWEST_WINDOWS", 2)
    monkeypatch.setattr(memory, "MOST_WINDOWS", 2)
    with serving(None) as listening:
        yield listening


def measure(engine: Engine, port: int, *, method: str = "POST", fewest: int = 1) -> Evidence:
    service = Service("submission", {"port": port, "ready_path": "/readyz", "memory_bytes": 256 * 2**20}, engine)
    headers = {"Content-Type": "application/json", "Idempotency-Key": FRESH}
    write = RequestTemplate(method, "/x", headers, json.dumps({"mark": FRESH}), expect=201, route="POST /x")
    evidence = Evidence()
    control = Control({"submission": service}, engine)
    expect_within_limits(control, service, [write], EACH_KB, fewest, evidence)
    return evidence


def grown(*looks: tuple[int, float]) -> Growth:
    """Looks at a service: good answers in all, and MB that it held."""
    return Growth([made for made, _ in looks], [round(held * 1e6) for _, held in looks])


def test_a_service_that_stops_growing_stays_within() -> None:
    """However much it took to become warm."""
    assert judge(grown((400, 80), (800, 96), (1200, 104), (1600, 104.5), (2000, 104.8)), EACH_KB, FEWEST) == "met"


def test_a_collector_that_takes_its_time_is_no_leak() -> None:
    """A heap that grows and is swept, over and over, has two windows that add little."""
    assert judge(grown((400, 20), (900, 29), (1400, 38), (1900, 22), (2400, 31)), EACH_KB, FEWEST) == "met"


def test_a_slow_service_may_take_a_piece_of_memory() -> None:
    """A few requests on a busy machine, and less than runtimes ask for at once."""
    assert judge(grown((30, 74), (55, 74.5), (80, 74.9)), EACH_KB, FEWEST) == "met"


def test_a_leak_never_pauses() -> None:
    """Sixteen kB for each request, in every window."""
    looks = [(300 * at, 60 + 300 * at * 0.016) for at in range(1, FEWEST_WINDOWS + 2)]
    assert judge(grown(*looks), EACH_KB, FEWEST) == "not_met"


@pytest.mark.parametrize(
    "looks", [[], [(900, 60)], [(900, 60), (1800, 80)], [(90 * at, 60 + 9 * at) for at in range(9)]]
)
def test_too_little_to_tell_is_not_judged(looks: list[tuple[int, float]]) -> None:
    """Too few windows, or too few requests: a service may still be warming up."""
    assert judge(grown(*looks), EACH_KB, FEWEST) == "inconclusive"


@pytest.mark.parametrize(("each", "verdict"), [(2_000, "met"), (16_000, "not_met")])
def test_noise_of_megabytes_hides_neither(each: int, verdict: str) -> None:
    """What a runtime takes and gives back between two looks, measured as up to 3 MB."""
    draw = random.Random(1)
    for _ in range(50):
        looks: list[tuple[int, float]] = []
        sent = 0
        while (told := judge(grown(*looks), EACH_KB, FEWEST)) == "inconclusive" and len(looks) < 10:
            sent += 600
            looks.append((sent, 60 + sent * each / 1e6 + draw.uniform(0, 3)))
        assert told == verdict


def test_a_bounded_service_passes_after_two_windows(port: int) -> None:
    """It is started anew twice, and its figures are told."""
    engine = Engine(each=0)
    evidence = measure(engine, port)
    assert engine.asked.count("start") == 2
    figures = [one["data"] for one in evidence.collected() if one["kind"] == "figure"]
    assert [one["limit"] for one in figures] == [None, None, EACH_KB]


def test_a_leak_is_told_with_its_size(port: int) -> None:
    """What each request has added, and where that led."""
    with pytest.raises(Failure, match=r"grows with every request: \d+ kB for each") as caught:
        measure(Engine(each=50_000_000), port)
    assert caught.value.received == "100 MB at first, and 200 MB in the end"


def test_what_is_turned_away_hides_no_leak(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen kB for each that is made are no less when nine of ten are refused."""
    made, refused = (
        Sample("submission", 0, 0.0, 0.0, 1.0, status, error, 2) for status, error in ((201, ""), (429, "status 429"))
    )
    monkeypatch.setattr(Control, "offer", lambda *_: [made] * 100 + [refused] * 900)
    with pytest.raises(Failure, match="grows with every request: 16 kB for each"):
        measure(Engine(each=1_600_000), port)


@pytest.mark.parametrize(("killed", "when"), [((True,), "during the checks"), ((False, True), "under load")])
def test_a_process_that_was_killed_shows(port: int, killed: tuple[bool, ...], when: str) -> None:
    """Before the load or under it, whether or not the service went on."""
    with pytest.raises(Failure, match=f"used up its memory {when}") as caught:
        measure(Engine(killed=killed), port)
    assert caught.value.received.startswith("256 MB in use")


def test_nothing_made_is_no_sign_of_bounds(port: int) -> None:
    """Who refuses everything has not been seen at work."""
    with pytest.raises(Failure, match="under load nothing was made"):
        measure(Engine(), port, method="GET")


@pytest.mark.parametrize("engine", [Engine(killed=(None,)), Engine(each=None)])
def test_a_runtime_that_tells_no_memory_judges_none(port: int, engine: Engine) -> None:
    """Plain processes have no limit to be killed for."""
    with pytest.raises(Inconclusive):
        measure(engine, port)


def test_too_few_requests_are_not_judged(port: int) -> None:
    """A slow machine cannot tell a leak."""
    with pytest.raises(Inconclusive, match=r"only \d+ requests were answered well"):
        measure(Engine(each=50_000_000), port, fewest=10**9)
