"""A candidate's whole system in a pod of its own, under gentle traffic, with its spans told as they come.

The pod is the one that `check` opens, with our services, relays and instruments, and the submission as it is now. In
the grader's place runs `checks.watched`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from assesskit.assess import new_run
from assesskit.content import Exercise
from assesskit.errors import AssesskitError, SubmissionError, SubmissionFailed
from assesskit.grading import Cast, Message, Session
from assesskit.instruments.collector import Span
from assesskit.phases import Phases
from assesskit.pods import PodRuntime, Service
from assesskit.staging import Secrets, grader_files, hello, pod_spec, programs, service_specs

COMMAND = ("python", "-m", "assesskit.checks.watched")
LONGEST = 12 * 3600.0
"""Seconds that somebody may watch."""
LOG_MB = 8
"""Of the watching program: what it tells goes through a log too, and a flood would end it."""
TRACES = 300
SPANS = 500
"""Kept: so many of the latest traces, and so many spans of one."""


class Seen:
    """What is known of a system that runs: the latest traces, and how its requests went. Safe to use from threads."""

    def __init__(self) -> None:
        self._held = threading.Lock()
        self._traces: OrderedDict[str, list[Span]] = OrderedDict()
        self.asked = self.well = self.lost = 0
        self.ended: Mapping[str, str] = {}

    def take(self, said: Message) -> None:
        """Take a line of `checks.watched`."""
        with self._held:
            self.asked, self.well, self.ended = said["asked"], said["well"], said["ended"]
            self.lost += said["lost"]
            for plain in said["spans"]:
                links = tuple((trace, span) for trace, span in plain["links"])
                span = Span(**{**plain, "links": links, "events": tuple(plain["events"])})
                kept = self._traces.setdefault(span.trace_id, [])
                self._traces.move_to_end(span.trace_id)
                if len(kept) < SPANS:
                    kept.append(span)
            while len(self._traces) > TRACES:
                self._traces.popitem(last=False)

    def spans(self) -> list[Span]:
        """Those of the latest traces."""
        with self._held:
            return [span for trace in self._traces.values() for span in trace]


class _Watching(Session):
    """The conversation with `checks.watched`."""

    seen: Seen
    serving: Callable[[], None]

    def _hear(self, message: Message) -> Message | None:
        if message["type"] == "watched":
            self.seen.take(message)
            return None
        if message["type"] == "serving":
            self.serving()
        return super()._hear(message)


class System:
    """An exercise's system with the submission in `folder`. A context manager: within it everything runs.

    `failure` says why it runs no more. Entering raises SubmissionError when the submission does not build or start,
    EngineError or GraderError for a fault of ours.
    """

    def __init__(self, exercise: Exercise, folder: Path, runtime: PodRuntime, on_line: Callable[[str], None]) -> None:
        self.seen = Seen()
        self.failure: AssesskitError | None = None
        self._exercise, self._folder, self._runtime, self._on_line = exercise, folder, runtime, on_line
        self._ready = threading.Event()
        self._stack = ExitStack()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            try:
                self._begin()
            except SubmissionFailed as failed:
                raise _refused(failed) from failed
            self._ready.wait()
            if self.failure is not None:
                raise self.failure
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End all of it; that the conversation ends with it is no failure."""
        self._stack.close()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        """Build all, open the pod, start what is ours, and let the conversation begin on a thread."""
        exercise, name = self._exercise, new_run()
        images = {}
        for key, program in programs(exercise, self._folder, reference=False).items():
            self._on_line(f"building {key}")
            images[key] = self._runtime.build(program, self._on_line)
        self._on_line("starting everything")
        pod = self._stack.enter_context(self._runtime.open(replace(pod_spec(exercise, name), seconds=LONGEST)))
        hidden = Secrets()
        specs = service_specs(exercise, images, pod, hidden, grader_files(exercise, ()))
        watched = specs["grader"]
        limits = replace(watched.limits, log_mb=LOG_MB)
        cast = Cast(pod, {**specs, "grader": replace(watched, command=COMMAND, limits=limits)})
        ours = {service.name: cast.start(service.name) for service in exercise.spec.services}
        session = _Watching(
            name,
            hidden.nonce,
            cast,
            quiet_lock=self._folder.with_name("quiet.lock"),
            phases=Phases(name, lambda _: None),
            on_event=lambda _: None,
        )
        session.seen, session.serving = self.seen, self._ready.set
        first = {**hello(exercise, name, pod, hidden, ours, tests=(), criteria=()), "seconds": LONGEST}
        grader = cast.start("grader")
        self._thread = threading.Thread(target=self._converse, args=(session, grader, first), daemon=True)
        self._thread.start()

    def _converse(self, session: _Watching, grader: Service, first: Message) -> None:
        try:
            session.converse(grader, first)
        except SubmissionFailed as failed:
            self.failure = _refused(failed)
        except AssesskitError as error:
            self.failure = error
        finally:
            self._ready.set()


def _refused(failed: SubmissionFailed) -> SubmissionError:
    log = f"\n{failed.log}" if failed.log else ""
    return SubmissionError(f"{failed.reason}{log}", where=failed.phase, hint="Mend it, and start it again.")
