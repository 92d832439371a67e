"""What the checks may read of a submission: the files an exercise names, as data in one file.

They are a candidate's, so nothing follows a link, and the number and the sizes are bounded. One file holds them all:
nothing of a submission lies in the grader's working directory under a name that could be imported or collected.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path

from assesskit.content.digests import files_below

MOST_FILES = 64
MOST_BYTES = 128 * 1024
"""Bytes of one file; a larger one is named, with the reason, and not handed over."""


def submitted(folder: Path, patterns: Iterable[str]) -> bytes:
    """Return the files of `folder` that fit one of `patterns`, as JSON.

    ``{"files": {path: base64}, "left_out": {path: why}}``. In a pattern ``*`` is anything within a segment of the path,
    ``**`` any number of segments. Where there are too many files, what an earlier pattern names comes first.
    """
    below = files_below(folder)
    wanted = [name for pattern in patterns for name in below if re.fullmatch(_expression(pattern), name)]
    files: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(wanted):
        path = below[name]
        if len(files) + len(left_out) == MOST_FILES:
            left_out["…"] = f"there are more than {MOST_FILES} such files"
            break
        if path.stat().st_size > MOST_BYTES:
            left_out[name] = f"it is larger than {MOST_BYTES // 1024} KiB"
        else:
            files[name] = base64.b64encode(path.read_bytes()).decode()
    return json.dumps({"files": files, "left_out": left_out}).encode()


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression."""
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    meaning = {"**/": r"(?:.+/)?", "**": r".+", "*": r"[^/]*"}
    return "".join(meaning.get(part, re.escape(part)) for part in parts)
