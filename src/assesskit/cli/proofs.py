"""What `prove` tells: how claims stand, each as it is shown, and the sums."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assesskit.cli.told import say

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.model import Reliability
    from assesskit.proof.record import Standing
    from assesskit.prove import Repeated, Shown

NAMED = 6
"""Claims a line names before it only counts the rest."""
EVIDENCE = Path("false-verdicts")
"""Where gradings with a wrong verdict are kept, to be looked into: beside the assessments of people, which are compared
with one another and not with our wrong programs."""


class Progress:
    """A line for each grading as it ends, with how far the whole is. `quiet` where a machine reads the sum."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._quiet = quiet
        self._began = time.monotonic()
        self._done = 0
        self.false: list[dict[str, str]] = []
        self.faults = 0

    def shown(self, shown: Shown) -> None:
        """Tell a claim."""
        fails = ", ".join(shown.claim.fails) or "nothing"
        again = f" (graded {shown.runs} times: too noisy to measure)" if shown.runs > 1 else ""
        self._line(f"{'holds' if shown.held else 'FALSE':6} {shown.claim.name:28} fails {fails}{again}", shown.problems)

    def repeated(self, repeated: Repeated) -> None:
        """Tell a grading; keep it whole when a verdict of it is wrong."""
        problems = []
        if repeated.false:
            kept = _evidence(repeated)
            for each in repeated.false:
                told = {"program": repeated.claim.name, **each.model_dump(), "folder": str(kept)}
                self.false.append(told)
                problems.append(f"{each.criterion} is {each.verdict}: {each.reason} (run {each.run}, kept in {kept})")
        unjudged = f", not judged: {', '.join(repeated.ungraded)}" if repeated.ungraded else ""
        fault = repeated.assessment.outcome == "harness_failed"
        self.faults += fault
        word = "FALSE" if problems else "our fault" if fault else "as claimed"
        self._line(f"{word:10} {repeated.claim.name:28} grading {repeated.gradings}{unjudged}", problems)

    def _line(self, text: str, problems: Sequence[str]) -> None:
        self._done += 1
        if not self._quiet:
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            print(f"{self._done:3} of {self._total} {minutes:3}:{seconds:02}  {text}", flush=True)
            for problem in problems:
                print("       " + problem.replace("\n", "\n       "), flush=True)


def _evidence(repeated: Repeated) -> Path:
    from assesskit.reports import html
    from assesskit.store import RunFolder, write, write_assessment

    folder = RunFolder.create(EVIDENCE, repeated.claim.name, repeated.assessment.run)
    write_assessment(folder.assessment, repeated.assessment)
    write(folder.html, html(repeated.assessment).encode())
    return folder.path


def tell_standing(stands: Sequence[Standing]) -> None:
    """Say how many claims have a current proof, and why each of the others has none."""
    say(f"{sum(each.kept for each in stands)} of {len(stands)} claims have a current proof")
    reasons: dict[str, list[str]] = {}
    for each in stands:
        if each.refused:
            say(f"  refused: {each.claim.name}: {each.refused}")
        elif each.open:
            reasons.setdefault(each.open, []).append(each.claim.name)
    for reason, names in reasons.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        say(f"  {reason}: {', '.join(names[:NAMED])}{more}")
    if any(each.refused for each in stands):
        say("  What is refused never counts: prove it again, or trust the key that signed it.")


def standing(stands: Sequence[Standing]) -> dict[str, Any]:
    """How claims stand, for machines."""
    return {
        "claims": {"total": len(stands), "kept": sum(each.kept for each in stands)},
        "open": {each.claim.name: each.open for each in stands if each.open},
        "refused": {each.claim.name: each.refused for each in stands if each.refused},
    }


def summary(exercise: Exercise, stands: Sequence[Standing], shown: Sequence[Shown]) -> dict[str, Any]:
    """What holds, for machines: what was shown now, and what is kept of before."""
    now = {each.claim.name: each for each in shown}
    held = {each.claim.name for each in stands if each.kept} - now.keys() | {
        each.claim.name for each in shown if each.held
    }
    wrong = [each.claim.name for each in stands if each.claim.kind == "mutant"]
    return {
        "exercise": exercise.exercised().model_dump(),
        "claims": {"total": len(stands), "held": len(held), "kept": len(held - now.keys())},
        "mutants": {"total": len(wrong), "exact": len(held.intersection(wrong))},
        "refused": {each.claim.name: each.refused for each in stands if each.refused},
        "programs": {
            name: {
                "kind": each.claim.kind,
                "held": each.held,
                "outcome": each.assessment.outcome,
                "verdicts": each.assessment.verdicts(),
                "problems": list(each.problems),
                "runs": each.runs,
                "seconds": each.assessment.seconds,
            }
            for name, each in now.items()
        },
    }


def tell_summary(summary: Mapping[str, Any]) -> None:
    """Print what holds."""
    claims, wrong = summary["claims"], summary["mutants"]
    kept = f" ({claims['kept']} of them shown before)" if claims["kept"] else ""
    print(f"{claims['held']} of {claims['total']} claims hold{kept}")
    print(f"{wrong['exact']} of {wrong['total']} wrong programs fail exactly what they name")


def tell_figures(figures: Mapping[str, Reliability]) -> None:
    """Print how often each criterion was judged wrong, and at most is, with 95 % confidence."""
    from assesskit.scoring import at_most

    print(f"{'criterion':32} {'false fails':>16} {'at most':>8} {'false passes':>16} {'at most':>8} {'not judged':>11}")
    for key, each in figures.items():
        columns = [f"{one.false} of {one.graded}" for one in (each.right, each.wrong)]
        bounds = [f"{at_most(one.false, one.graded):.1%}" for one in (each.right, each.wrong)]
        unjudged = each.right.ungraded + each.wrong.ungraded
        print(f"{key:32} {columns[0]:>16} {bounds[0]:>8} {columns[1]:>16} {bounds[1]:>8} {unjudged:>11}")
