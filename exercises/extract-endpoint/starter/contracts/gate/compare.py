"""What of an OpenAPI document a newer one breaks for those who use it. Yours to write."""

from __future__ import annotations

from typing import Any


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every break, as a sentence; empty where there is none."""
    return []
