"""A session without checks: ``python -m assesskit.checks.watched``, started in the pod in the grader's place.

It begins as the grader's does: relays, collector and instruments come up, then the submission. Then there is gentle
traffic until somebody ends it, and besides the words of `wire` there is one more::

    {"type": "watched", "spans": [{…a span as of `collector`…}], "lost": 0,    that came since the last one
     "asked": 12, "well": 11,                          requests of ours so far, and those answered with 2xx or 3xx
     "ended": {"checkout": "ended with status 1"}}     programs of the submission that do not run
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import assesskit
from assesskit.checks.__main__ import broken_is_told, wire
from assesskit.checks.harness import Harness
from assesskit.checks.http import Client
from assesskit.checks.journey import Journey
from assesskit.checks.services import ended
from assesskit.checks.session import Start, staged
from assesskit.checks.traffic import Turn, journeys, things
from assesskit.checks.world import StageError, World
from assesskit.instruments.program import Program

EVERY = 1.0
"""Seconds from one turn to the next, and between two tellings."""
FORGET_EVERY = 60
"""Turns after which relays forget: what they record is for checks."""
LINE = 1024 * 1024
"""Bytes of spans in one line, about; a single span may be longer."""
GOOD = 400


class Counted:
    """What came of our requests."""

    def __init__(self) -> None:
        self.asked = self.well = 0

    def run(self, turns: Iterator[Turn], world: World) -> None:
        """Take turns for ever."""
        for number, turn in enumerate(turns, 1):
            began = time.monotonic()
            for exchange in turn():
                self.asked += 1
                self.well += exchange.response is not None and exchange.response.status < GOOD
            if number % FORGET_EVERY == 0:
                for relay in world.relays.values():
                    relay.reset()
                    relay.clear()
            time.sleep(max(0.0, began + EVERY - time.monotonic()))


def run(harness: Harness, hello: Mapping[str, Any]) -> None:
    """Bring everything up, and tell what is to be seen until nobody reads it. Raises StageError."""
    with ExitStack() as cleanup:
        world = staged(harness, {**hello, "collector": None, "instruments": ()}, cleanup)
        collector = _collected(hello, world, cleanup)
        harness.tell("instruments")
        if not Start(world).begin():
            return
        counted = Counted()
        threading.Thread(target=counted.run, args=(turns(world), world), daemon=True).start()
        while True:
            fresh = collector.ask("fresh")
            states = {name: world.services[name].status() for name in world.parts}
            told: dict[str, Any] = {
                "lost": fresh["lost"],
                "asked": counted.asked,
                "well": counted.well,
                "ended": {name: ended(state) for name, state in states.items() if not state["running"]},
            }
            for batch in batches(fresh["spans"]):
                harness.tell("watched", spans=batch, **told)
                told["lost"] = 0
            time.sleep(EVERY)


def batches(spans: Sequence[Any]) -> Iterator[list[Any]]:
    """Spans as lines hold them: at least one batch, which may be empty."""
    batch: list[Any] = []
    size = 0
    for span in spans:
        batch.append(span)
        size += len(json.dumps(span))
        if size >= LINE:
            yield batch
            batch, size = [], 0
    if batch or not spans:
        yield batch


def turns(world: World) -> Iterator[Turn]:
    """The traffic of an exercise. Raises StageError for one whose facts say none."""
    client = Client(world.submission.port)  # of our own: nobody keeps what is exchanged here
    if "journey" in world.facts:
        return journeys(client, Journey(**world.facts["journey"]), world.relays)
    if world.resource is not None:
        return things(client, world.resource, world.tokens, world.relays[world.resource.dependency])
    raise StageError("the exercise's facts have neither a journey nor a resource: there is nothing to ask")


def _collected(hello: Mapping[str, Any], world: World, cleanup: ExitStack) -> Program:
    """Start a collector that forgets, and what passes spans on to it."""
    told = hello["collector"]
    collector = Program("assesskit.instruments.recent", "collector")
    cleanup.callback(collector.stop)
    collector.ask("open", port=told["port"], tokens={token: name for name, token in told["tokens"].items()})
    for each in hello.get("instruments", ()):
        program = Program(each["module"], each["name"])
        cleanup.callback(program.stop)
        program.ask("open", port=each["port"], token=each["token"], collector=told["port"])
        world.instruments[each["name"]] = program
    return collector


def instead(session: Callable[[Harness, Mapping[str, Any]], None]) -> int:
    """Hold a session of another kind in the grader's place, until the harness goes away."""
    harness = wire()
    os.environ["PYTHONPATH"] = str(Path(assesskit.__file__).parents[1])  # instruments are processes that import us, too
    with broken_is_told(harness):
        session(harness, harness.hello())
    return 0


if __name__ == "__main__":
    sys.exit(instead(run))
