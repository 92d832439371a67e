"""What runs in the grader stays light, and speaks the harness's shapes all the same."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pydantic", "docker", "typer", "rich", "jinja2", "aiohttp", "locust", "schemathesis")


def test_the_plugin_loads_nothing_heavy() -> None:
    """Importing the pytest plugin and the session loads none of the harness's libraries, nor the instruments' own."""
    code = f"import sys, assesskit.checks.session; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
