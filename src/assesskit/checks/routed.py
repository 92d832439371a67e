"""A move's stage without checks: ``python -m assesskit.checks.routed``, started in a pod in the grader's place.

The instruments come up as for checks, and the router leads everybody to the monolith. Then the harness steers: it is
asked for ``steering`` over and over, and answers, when there is something to do, where requests are to go::

    {"mode": "monolith" | "shadow" | "mirror" | "canary" | "primary", "percent": 5.0}
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import assesskit
from assesskit.checks.__main__ import broken_is_told, wire
from assesskit.checks.harness import Harness, HarnessGoneError
from assesskit.checks.moved_rollout import Rollouts
from assesskit.checks.session import staged


def run(harness: Harness, hello: Mapping[str, Any]) -> None:
    """Bring the stage up, and lead as the harness says until it goes away."""
    with ExitStack() as cleanup:
        router = Rollouts(staged(harness, hello, cleanup)).router
        while True:
            try:
                wanted = harness.ask("steering")
            except HarnessGoneError:
                return
            router.steer(wanted["mode"], wanted["percent"])


def main() -> int:
    """Run until the harness goes away."""
    harness = wire()
    os.environ["PYTHONPATH"] = str(Path(assesskit.__file__).parents[1])
    with broken_is_told(harness):
        run(harness, harness.hello())
    return 0


if __name__ == "__main__":
    sys.exit(main())
