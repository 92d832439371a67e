"""Everything that can go wrong, as one tree.

    AssesskitError                    exit code
    ├── UsageError                    2   the command was called wrongly
    ├── ContentError                  2   an exercise, rubric or grader file is wrong
    ├── SubmissionError               2   an archive or folder cannot be taken as a submission
    ├── ClaimError                    1   a claim of prove, validate or check --strict does not hold
    ├── RuntimeUnavailableError       3   no runtime answers
    ├── HarnessError                  4   our fault, never the candidate's
    │   ├── EngineError               4   the engine failed or went away in the middle
    │   ├── GraderError               4   the grader program crashed or spoke nonsense
    │   └── StoreError                4   a file could not be written
    └── SubmissionFailed              -   not an error of ours: the submission does not build, start or survive;
                                          `assess` turns it into an outcome, it never reaches the command line

A message reads ``where: what is wrong (did you mean …)``; the hint says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class AssesskitError(Exception):
    """The root. `where` names the file, key or object; `hint` says what to do next."""

    exit_code: ClassVar[int] = 4

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(f"{where}: {what}" if where else what)


class UsageError(AssesskitError):
    """The command was called wrongly."""

    exit_code = 2


class ContentError(AssesskitError):
    """A file of the content root is wrong; `problems` lists every one found, each `file: key: what is wrong`."""

    exit_code = 2

    def __init__(self, problems: tuple[str, ...], *, hint: str = "") -> None:
        self.problems = problems
        super().__init__("\n".join(problems), hint=hint)


class SubmissionError(AssesskitError):
    """An archive or folder cannot be taken as a submission."""

    exit_code = 2


class ClaimError(AssesskitError):
    """A claim that was tested does not hold."""

    exit_code = 1


class RuntimeUnavailableError(AssesskitError):
    """No runtime of the wanted kind answers."""

    exit_code = 3


class HarnessError(AssesskitError):
    """Our fault: the criteria it prevented are `ungraded`, and the run is offered again."""


class EngineError(HarnessError):
    """The engine failed or went away in the middle of a run."""


class GraderError(HarnessError):
    """The grader program crashed, stalled or broke the protocol on its own account."""


class StoreError(HarnessError):
    """A file could not be written; what was there before is intact."""


class SubmissionFailed(AssesskitError):  # noqa: N818  it is an outcome, not an error
    """The submission does not build, does not start or exceeds a limit.

    `phase` is ``build``, ``start`` or ``run``; `log` holds the last lines it printed.
    """

    def __init__(self, phase: str, reason: str, *, log: str = "") -> None:
        self.phase = phase
        self.reason = reason
        self.log = log
        super().__init__(reason, where=phase)
