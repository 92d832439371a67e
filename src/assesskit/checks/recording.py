"""A recording of traffic that an exercise hands out: a line of JSON for each exchange.

``{"at": 41, "request": {"method", "path", "headers", "body"}, "answer": {"status", "headers", "body"}}``; the body of a
request is text or null, that of an answer is JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TRAFFIC = Path("recording/traffic.jsonl")


def exchanges(context: str, path: Path = TRAFFIC) -> list[Mapping[str, Any]]:
    """The exchanges about a context, which is a path with ``*`` for any one segment, and all below it."""
    pattern = re.compile(re.escape(context).replace(r"\*", "[^/?]+") + r"(?:[/?].*)?")
    found = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [one for one in found if pattern.fullmatch(one["request"]["path"])]
