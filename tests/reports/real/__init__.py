"""Two assessments that real gradings left, as they were written but for the host's kernel.

`longest` is the flawed submission of `assesskit demo`, with seven gaps and all there is of evidence; `emptiest` is a
program that ended before it was ready. Both were made by `assesskit grade --runtime process`.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from assesskit.model import Assessment

FOLDER = Path(__file__).parent


@cache
def longest() -> Assessment:
    """The one with the most to show."""
    return _read("longest")


@cache
def emptiest() -> Assessment:
    """The one with the least."""
    return _read("emptiest")


def _read(name: str) -> Assessment:
    return Assessment.model_validate_json(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()), strict=True)
