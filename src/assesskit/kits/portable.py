"""Which names every system can hold: a kit is unpacked wherever its candidate works, with whatever unpacks zips there.

Source: Microsoft, "Naming Files, Paths, and Namespaces". A submission may have other names: POSIX systems grade it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import accumulate

LONGEST = 150
"""Characters of a path in a kit: Windows holds 260 with the folders that it lies in."""
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\]')


def unportable(paths: Iterable[str]) -> Iterator[str]:
    """What of `/`-separated relative paths some system does not hold, or holds as something else."""
    spelt: dict[str, str] = {}
    for path in paths:
        if problem := _problem(path):
            yield f"{path!r}: {problem}"
        for folder in accumulate(path.split("/")[:-1], "{}/{}".format):
            alike = unicodedata.normalize("NFC", folder).casefold()
            if spelt.setdefault(alike, folder) != folder:
                yield f"{path!r}: its folder is {spelt[alike]!r} elsewhere, which is the same on some systems"


def _problem(path: str) -> str | None:
    parts = path.split("/")
    problems = {
        "a name of it is a device on Windows": any(
            _RESERVED.fullmatch(part.partition(".")[0].rstrip()) for part in parts
        ),
        "holds a character that Windows does not allow": _FORBIDDEN.search(path) is not None,
        "a name of it ends in a dot or a blank": any(part.endswith((".", " ")) for part in parts),
        f"is longer than {LONGEST} characters": len(path) > LONGEST,
    }
    return next((problem for problem, holds in problems.items() if holds), None)
