"""A move's stage without checks: ``python -m assesskit.checks.routed``, started in a pod in the grader's place.

The instruments come up as for checks, and the router leads everybody to the monolith. Then the harness steers: it is
asked for ``steering`` over and over, and answers, when there is something to do, where requests are to go::

    {"mode": "monolith" | "shadow" | "mirror" | "canary" | "primary", "percent": 5.0}
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from assesskit.checks.harness import Harness, HarnessGoneError
from assesskit.checks.moved_rollout import Rollouts
from assesskit.checks.session import staged
from assesskit.checks.watched import instead


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


if __name__ == "__main__":
    sys.exit(instead(run))
