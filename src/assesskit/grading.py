"""Talks with the grader in the pod: its observations come out, control over the pod's services goes in.

The words are those of `checks.wire`. The grader drives: this side only answers, so a run's order is read in one place,
the grader program.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from assesskit.errors import GraderError, SubmissionFailed
from assesskit.events import CheckEnded, ChecksPlanned, CheckStarted, OnEvent
from assesskit.model import Observation, ServiceLevels, Usage, Value
from assesskit.phases import Phases
from assesskit.pods import Channel, Exit, Pod, Service, ServiceSpec

LOG_EXCERPT = 4000
"""Bytes of a submission's newest output kept with a failure."""
LATE_SECONDS = 60.0
"""How much longer than its own seconds a grader gets to end its last check, tell the rest and finish."""

Message = Mapping[str, Any]
Told = TypeVar("Told", bound=Value)


@dataclass
class Record:
    """What a grader session has told so far; complete only when `finished`."""

    planned: dict[str, tuple[str, ...]] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    levels: ServiceLevels | None = None
    load_seconds: float = 0.0
    finished: bool = False


class Cast:
    """The services of a pod by name, started when the grader asks for them."""

    def __init__(self, pod: Pod, specs: Mapping[str, ServiceSpec]) -> None:
        self._pod = pod
        self._specs = specs
        self._services: dict[str, Service] = {}

    def start(self, name: str) -> Service:
        """Start a service, or start it again after it ended. Raises KeyError for a name nobody knows."""
        service = self._services.get(name)
        if service is None:
            service = self._services[name] = self._pod.start(self._specs[name])
        else:
            service.start()
        return service

    def __getitem__(self, name: str) -> Service:
        return self._services[name]

    def started(self) -> Mapping[str, Service]:
        """Every service started so far."""
        return dict(self._services)

    def under_test(self) -> list[Service]:
        """The submission's programs that were started so far."""
        return [service for name, service in self._services.items() if self._specs[name].role == "submission"]

    def usage(self) -> dict[str, Usage]:
        """What each service that runs has used; asked at once, since an engine takes its time over each."""
        running = {name: service for name, service in self._services.items() if service.exit() is None}
        with ThreadPoolExecutor() as pool:
            return dict(zip(running, pool.map(lambda service: service.usage(), running.values()), strict=True))


def excerpt(service: Service, limit: int = LOG_EXCERPT) -> dict[str, str]:
    """Return the newest lines of each stream a service printed, within `limit` bytes, decoded with replacement."""
    output = service.output()
    return {
        "stdout": _newest(output.stdout, limit),
        "stderr": _newest(output.stderr, limit),
    }


def _newest(printed: bytes, limit: int) -> str:
    """Return the newest whole lines within `limit` bytes; of a single longer line, its end."""
    kept = printed[-limit:]
    if len(printed) > limit and b"\n" in kept[:-1]:
        kept = kept.partition(b"\n")[2]
    return kept.decode("utf-8", "replace")


class Session:
    """One conversation with one grader.

    `quiet_lock` is the host's one lock for load windows: two pods that measure at once would disturb each other.
    """

    def __init__(
        self, run: str, nonce: str, cast: Cast, *, quiet_lock: Path, phases: Phases, on_event: OnEvent
    ) -> None:
        self._run = run
        self._nonce = nonce
        self._cast = cast
        self._phases = phases
        self._on_event = on_event
        self._lock = FileLock(quiet_lock)
        self.record = Record()

    def converse(self, grader: Service, hello: Message) -> None:
        """Carry the conversation to its end; `record` holds what was said, also when this raises.

        Raises GraderError when the grader crashes, breaks the protocol or is not through LATE_SECONDS after the seconds
        it was given, SubmissionFailed when the submission never serves, EngineError when the engine fails.
        """
        seconds = hello["seconds"] + LATE_SECONDS
        channel = grader.channel
        channel.send(_line(hello))
        try:
            for line in _lines(channel, time.monotonic() + seconds):
                answer = self._hear(_parsed(line, self._nonce))
                if answer is not None:
                    channel.send(_line(answer))
                if self.record.finished:
                    return
        except TimeoutError:
            raise GraderError(
                f"the grader did not finish within {seconds:g} s",
                where="grader",
                hint="grade again; if it repeats, look at it by hand",
            ) from None
        finally:
            self._lock.release(force=True)
        raise GraderError(f"the grader ended in the middle ({_how(grader)})", where="grader")

    def _hear(self, message: Message) -> Message | None:
        """Take one line of the grader's; return the reply, if it asked for one."""
        match message["type"]:
            case "control":
                return self._control(message)
            case "instruments":
                self._phases.begin("start", "starting the service and waiting until it is ready")
            case "serving":
                self._phases.begin("checks", "running the checks")
            case "submission_failed":
                raise SubmissionFailed(message["phase"], message["reason"], log=self._last_lines(message["reason"]))
            case "planned":
                self.record.planned = {key: tuple(checks) for key, checks in message["checks"].items()}
                self._on_event(ChecksPlanned(self._run, self.record.planned))
            case "observation":
                self._lock.release(force=True)  # a check that was given up while it waited for it has it now
                self._observe(message["observation"])
            case "finished":
                self.record.finished = True
            case "broken":
                raise GraderError("the grader broke", where="grader", hint=str(message["detail"])[-LOG_EXCERPT:])
            case _:
                self._keep(message)
        return None

    def _keep(self, message: Message) -> None:
        """Keep what was measured."""
        match message["type"]:
            case "load":
                self.record.load_seconds += message["seconds"]
            case "levels":
                self.record.levels = _valid(ServiceLevels, message["levels"])
            case "report":
                self.record.report = message["report"]
            case other:
                raise GraderError(f"unknown message {other!r}", where="grader")

    def _observe(self, raw: Message) -> None:
        observation = _valid(Observation, raw)
        self.record.observations.append(observation)
        self._on_event(CheckEnded(self._run, observation))

    def _last_lines(self, reason: str) -> str:
        """What the program that the reason names printed last, and what those that have ended did."""
        tested = self._cast.under_test()
        shown = [one for one in tested if one.name in reason.split() or one.exit() is not None]
        return "\n".join(text for service in shown for text in excerpt(service).values() if text)

    def _control(self, ask: Message) -> Message:
        reply: dict[str, Any] = {"type": "reply", "id": ask["id"]}
        try:
            return reply | {"ok": True, "result": self._act(ask)}
        except KeyError as missing:
            return reply | {"ok": False, "error": f"no such service, or a word is missing: {missing}"}

    def _act(self, ask: Message) -> dict[str, Any]:
        """Do what the grader asks. Raises KeyError for a service that is not there."""
        match ask["action"]:
            case "begin":
                self._on_event(CheckStarted(self._run, ask["criterion"], ask["check"]))
                return {}
            case "start":
                return self._start(ask)
            case "quiet":
                return self._quiet(ask)
            case "loud":
                self._lock.release()
                return {}
        return _steer(self._cast[ask["service"]], ask)

    def _start(self, ask: Message) -> dict[str, Any]:
        service = self._cast.start(ask["service"])
        return {"uid": service.uid}

    def _quiet(self, ask: Message) -> dict[str, Any]:
        try:
            self._lock.acquire(timeout=float(ask["timeout"]))
        except Timeout:
            return {"quiet": False}
        return {"quiet": True}


def _valid(kind: type[Told], raw: object) -> Told:
    """Return what the grader told as a value. Raises GraderError when it is none."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise GraderError(f"what it told is no {kind.__name__}: {error}", where="grader") from None


def _lines(channel: Channel, until: float) -> Iterator[bytes]:
    """Yield lines until they end. Raises TimeoutError at `until`, a time of the monotonic clock."""
    while (left := until - time.monotonic()) > 0:
        line = next(channel.lines(left), None)
        if line is None:
            return
        yield line
    raise TimeoutError


def _line(message: Message) -> bytes:
    return json.dumps(message).encode()


def _parsed(line: bytes, nonce: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict) or message.get("nonce") != nonce or "type" not in message:
        raise GraderError(f"a line that is not the grader's: {line[:200]!r}", where="grader")
    return message


def _how(grader: Service) -> str:
    ended = grader.exit()
    log = excerpt(grader)["stderr"]
    if ended is None:
        return f"its output closed while it ran; {log}"
    return f"exit status {ended.status}{', out of memory' if ended.oom else ''}; {log}"


def _steer(service: Service, ask: Message) -> dict[str, Any]:
    """Do to a running service what the grader asks; see `checks.wire` for the actions."""
    match ask["action"]:
        case "stop":
            return _exited(service.stop(float(ask["grace"])))
        case "signal":
            service.signal(ask["signal"])
        case "pause":
            service.pause()
        case "resume":
            service.resume()
        case "status":
            return _status(service.exit())
        case "wait":
            return _await(service, float(ask["timeout"]))
        case "usage":
            return service.usage().model_dump()
        case "logs":
            return dict(excerpt(service, int(ask["limit"])))
        case other:
            raise KeyError(other)
    return {}


def _exited(ended: Exit) -> dict[str, Any]:
    return {"status": ended.status, "oom": ended.oom}


def _status(ended: Exit | None) -> dict[str, Any]:
    return {"running": True} if ended is None else {"running": False, **_exited(ended)}


def _await(service: Service, timeout: float) -> dict[str, Any]:
    """Wait without killing: the grader decides what a service that is still there means."""
    deadline = time.monotonic() + timeout
    while (ended := service.exit()) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return _status(ended)
