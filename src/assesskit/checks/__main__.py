"""The grader program: ``python -m assesskit.checks``, started in the pod by the harness and led by nobody else.

Its standard output is the wire to the harness; whatever else is printed here goes to standard error.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import assesskit
from assesskit.checks.harness import Harness, HarnessGoneError

DETAIL_CAP = 8000


def wire() -> Harness:
    """Take the standard input and output for the wire, out of reach of everything that prints or reads."""
    answers, lines = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return Harness(os.fdopen(answers, "rb"), os.fdopen(lines, "wb"))


@contextmanager
def broken_is_told(harness: Harness) -> Iterator[None]:
    """Tell the harness when we break; the error goes on."""
    try:
        yield
    except HarnessGoneError:
        raise
    except BaseException:
        harness.tell("broken", detail=traceback.format_exc()[-DETAIL_CAP:])
        raise


def main() -> int:
    """Run one session."""
    harness = wire()
    os.environ["PYTHONPATH"] = str(Path(assesskit.__file__).parents[1])  # instruments are processes that import us, too
    with broken_is_told(harness):
        hello = harness.hello()
        from assesskit.checks import session  # from here on, what cannot be imported is told, too

        session.run(harness, hello, Path.cwd())
    return 0


if __name__ == "__main__":
    sys.exit(main())
