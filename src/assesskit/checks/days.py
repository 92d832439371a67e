"""Days in what candidates read: those of this run are others tomorrow, and nobody's concern."""

from __future__ import annotations

import re

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?![T \d])")


def undated(text: str) -> str:
    """A text without the days that stand in it alone; times keep theirs."""
    return _DAY.sub("(a day)", text)
