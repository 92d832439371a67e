"""Writes what is right about a recording of debug-trace, and what is wrong about it on purpose, from what it shows.

    python -m scripts.findings          write the findings of all sets anew

That is findings.yaml of every right program, and the patches of those wrong programs that cite spans. Nothing of it is
made by hand, so a new recording costs nothing. The plan is an author's, and stays as it is written.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping
from pathlib import Path

from assesskit.checks.diagnosis import FITTING, recorded
from assesskit.checks.span_recording import Recording
from scripts.faults import EXERCISE, exercise, own_files, symptoms

FILE = "findings.yaml"
CITED, EVERYWHERE = 4, 20
"""Spans that a right finding cites, and that are cited for everything by who knows nothing."""
TRIGGERS = (
    "pool-too-small",
    "stampede",
    "one-query-for-each-part",
    "lines-one-after-the-other",
    "deadline-ignored",
)
"""What hurts as well, in the sequence in which somebody would blame it."""
Cited = Mapping[str, list[str]]


def spread(spans: list[str], count: int) -> list[str]:
    """So many of them, from all over."""
    return [spans[place * len(spans) // count] for place in range(min(count, len(spans)))]


def said(cause: str, service: str, findings: Cited) -> str:
    """A findings.yaml, with the plan that the reference has."""
    written = (EXERCISE / exercise().spec.proof.reference / FILE).read_text(encoding="utf-8")
    lines = ["# Ids are those of spans in recording/traces.json.", "root_cause:", f"  kind: {cause}"]
    lines += [f"  service: {service}", "findings:"]
    for kind, spans in findings.items():
        lines += [f"  - kind: {kind}", "    evidence:", *(f'      - "{one}"' for one in spans)]
    return "\n".join(lines) + "\n" + written[written.index("plan:") :]


class Answers:
    """What may be said about a recording."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        begun = {one.span_id: (one.start, one.span_id) for one in recording.spans}
        self.truth = {
            kind: sorted(spans, key=begun.__getitem__) for kind, spans in symptoms().fitting(recording).items()
        }
        self.real = {kind: spread(spans, CITED) for kind, spans in self.truth.items() if spans}
        self.cause = symptoms().root_cause(self.truth)
        self.trigger = next(kind for kind in TRIGGERS if kind in self.real and kind != self.cause)

    def right(self) -> str:
        """What is right, the root cause in the service nearest to the customer."""
        return said(self.cause, self._service(self.cause), self.real)

    def wrong(self) -> dict[str, str]:
        """What each of the wrong programs says that cite spans."""
        cause, service = self.cause, self._service(self.cause)
        others = {kind: spans for kind, spans in self.real.items() if kind != cause}
        both = [cause, self.trigger]
        absent = [kind for kind in (*TRIGGERS, *self.truth) if kind not in self.real][:2]
        first = [one.span_id for one in self.recording.spans[:2]]
        guessed = {kind: [span] for kind, span in zip(absent, first, strict=True)}
        return {
            "cause-without-evidence": said(cause, service, others),
            "cites-everything": said(cause, service, self._everything()),
            "guesses": said(
                self.trigger, self._service(self.trigger), {**guessed, self.trigger: self.real[self.trigger][:1]}
            ),
            "half-of-it-found": said(cause, service, {kind: self.real[kind] for kind in self.real if kind in both}),
            "trigger-for-cause": said(self.trigger, self._service(self.trigger), self.real),
        }

    def _everything(self) -> dict[str, list[str]]:
        """All kinds, each with the same spans, of which too few show any."""
        spans = sorted(self.recording.by_id)
        everywhere = random.Random(len(spans)).sample(spans, EVERYWHERE)
        for kind, spans in self.truth.items():
            if len({*everywhere} & {*spans}) >= FITTING * len(everywhere):
                raise SystemExit(f"{kind} fits most of the spans that are cited for everything")
        return dict.fromkeys(self.truth, everywhere)

    def _service(self, kind: str) -> str:
        there = {self.recording.by_id[one].service for one in self.truth[kind]}
        return next(part.name for part in exercise().spec.submission.parts if part.name in there)


def write_findings(name: str) -> dict[str, int]:
    """Write all that is said about the recording of a set; return how many spans show each kind that it has."""
    folder = own_files(name)
    proof = exercise().spec.proof
    answers = Answers(recorded(folder / "recording" / "traces.json", "hamper"))
    right = answers.right()
    for program in (proof.reference, *(one.program for one in proof.alternates)):
        _write(folder / program / FILE, right)
    for mutant, text in answers.wrong().items():
        lines = difflib.unified_diff(
            right.splitlines(keepends=True), text.splitlines(keepends=True), f"a/{FILE}", f"b/{FILE}"
        )
        _write(folder / "proof" / "mutants" / mutant / "change.patch", "".join(lines))
    return {kind: len(spans) for kind, spans in answers.truth.items() if spans}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for NAME in exercise().sets:
        print(NAME, write_findings(NAME))
