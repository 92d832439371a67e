"""The router of a move between commands: in front of the monolith, and of the service that a candidate runs by hand.

It runs as it does for checks, in the pod of the services, with the event bus beside it. `checks.routed` is its side.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from assesskit.assess import new_run
from assesskit.content import Exercise
from assesskit.errors import EngineError, UsageError
from assesskit.grading import excerpt
from assesskit.pods import Image, Pod, Service
from assesskit.staging import Secrets, grader_files, hello, service_specs, tested

COMMAND = ("python", "-m", "assesskit.checks.routed")
ROUTER, EVENTS = "router", "sink"
Mode = Literal["monolith", "shadow", "mirror", "canary", "primary"]
MODES: tuple[Mode, ...] = get_args(Mode)
MOST = 100.0
UP_SECONDS, STEER_SECONDS = 60.0, 15.0
"""In which it is up, and does what it is told."""
FOR_EVER = 30 * 24 * 3600.0


def routable(exercise: Exercise) -> bool:
    """Whether the exercise is a move with a router."""
    return "rollout" in exercise.spec.grader.facts


class Routing:
    """A router that leads everybody to the monolith until it is told otherwise.

    `by_hand` is the environment of a service that somebody runs where the pod's ports are this machine's own; a folder
    that lasts is theirs to bring, and empty in it. `broken` says why there is no router any more. Raises EngineError
    when it does not come up.
    """

    def __init__(
        self,
        exercise: Exercise,
        pod: Pod,
        images: Mapping[str, Image],
        services: Mapping[str, Service],
        hidden: Secrets,
    ) -> None:
        self.mode: Mode = "monolith"
        self.percent = 0.0
        first = tested(exercise)[0].name
        specs = service_specs(exercise, {**images, first: images["grader"]}, pod, hidden, grader_files(exercise, ()))
        self.by_hand = dict(specs[first].env)
        self.service = pod.start(replace(specs["grader"], command=COMMAND))
        self._nonce = hidden.nonce
        self._orders: queue.Queue[tuple[Mode, float]] = queue.Queue()
        self._ready = threading.Event()
        self.broken = ""
        began = hello(exercise, new_run(), pod, hidden, services, tests=(), criteria=())
        self.service.channel.send(json.dumps(began).encode())
        threading.Thread(target=self._converse, name=ROUTER, daemon=True).start()
        self._wait(UP_SECONDS)

    def steer(self, mode: str, percent: float) -> None:
        """Lead everybody so from now on. Raises UsageError for what is no mode, EngineError when it has ended."""
        if mode not in MODES:
            raise UsageError(f"is no mode; there are: {', '.join(MODES)}", where=str(mode)[:40])
        if mode == "canary" and not 0 < percent < MOST:
            raise UsageError("a canary needs a share of the accounts, more than 0 and less than 100", where="percent")
        share = percent if mode == "canary" else 0.0
        self._expect_whole()
        self._ready.clear()
        self._orders.put((mode, share))
        self._wait(STEER_SECONDS)
        self.mode, self.percent = mode, share

    def _wait(self, seconds: float) -> None:
        if not self._ready.wait(seconds):
            raise EngineError(f"did not answer within {seconds:g} s", where=ROUTER)
        self._expect_whole()

    def _expect_whole(self) -> None:
        if self.broken:
            raise EngineError(self.broken, where=ROUTER)

    def _converse(self) -> None:
        """Each question of its means that what it was told is done, and waits for what is to be done next."""
        try:
            for said in self._lines():
                self._ready.set()
                mode, percent = self._orders.get()
                told = {"type": "reply", "id": said["id"], "ok": True, "result": {"mode": mode, "percent": percent}}
                self.service.channel.send(json.dumps(told).encode())
            last = excerpt(self.service)["stderr"].strip().splitlines()
            self.broken = f"it has ended: {last[-1] if last else 'it said nothing'}"
        except EngineError as error:
            self.broken = str(error)
        finally:
            self._ready.set()

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self.service.channel.lines(FOR_EVER):
            said = json.loads(line)
            if said.get("nonce") == self._nonce and said["type"] == "control":
                yield said
            elif said.get("nonce") == self._nonce and said["type"] == "broken":
                raise EngineError(str(said["detail"]).strip().splitlines()[-1])
