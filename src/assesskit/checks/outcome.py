"""How a check ended, and what that says as an observation; see `plugin` for the rules."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assesskit.checks.evidence import TEXT_CAP, Evidence, clean
from assesskit.checks.expect import Failure, Inconclusive

SUMMARY_CAP = 300


@dataclass
class Outcome:
    """How a check has ended so far, and with what."""

    kind: str = "passed"
    error: BaseException | None = None
    detail: str = ""

    def after(self, phase: str, error: BaseException | None, trace: str, tests: Path) -> Outcome:
        """The outcome when `phase` (setup, call, teardown) ended with `error`; a fault of ours outweighs the rest.

        `tests` is the folder of graders that the check comes from.
        """
        if error is None or self.kind == "errored":
            return self
        kind = _kind(phase, error, tests)
        return Outcome(kind, error, trace if kind == "errored" else "")


def observed(outcome: Outcome, evidence: Evidence) -> dict[str, Any]:
    """What an outcome says in the words of an observation, cleaned and capped."""
    error = outcome.error
    summary = "" if error is None else (str(error) or type(error).__name__)
    parts = {}
    if isinstance(error, Failure):
        parts = {name: clean(getattr(error, name)) for name in ("sent", "received", "expected", "rule")}
        if error.exchange is not None:
            evidence.name(error.exchange)
    return {
        "outcome": outcome.kind,
        "summary": clean(summary.partition("\n")[0], SUMMARY_CAP),
        **parts,
        "detail": clean(outcome.detail[-TEXT_CAP:]),
        "evidence": evidence.collected(),
    }


def _kind(phase: str, error: BaseException, tests: Path) -> str:
    if phase == "teardown":
        return "errored"
    if isinstance(error, Inconclusive):
        return "inconclusive"
    if isinstance(error, pytest.skip.Exception):
        return "skipped"
    asserted = phase == "call" and isinstance(error, AssertionError) and _raised_below(tests, error)
    return "failed" if isinstance(error, Failure) or asserted else "errored"


def _raised_below(folder: Path, error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(folder)
