"""The programs of claims, laid out as a candidate would hand them in."""

from __future__ import annotations

import shutil
from pathlib import Path

from assesskit.content.patching import misfit
from assesskit.errors import ContentError
from assesskit.proof.claims import Claim


def lay_out(claim: Claim, into: Path) -> Path:
    """Lay the claim's program out in `into`. Raises ContentError when its patch does not fit."""
    shutil.copytree(claim.folder, into, ignore=shutil.ignore_patterns("__pycache__"))
    if claim.patch:
        apply_patch(claim.patch, into)
    return into


def apply_patch(patch: Path, folder: Path) -> None:
    """Apply a patch to a program in `folder`. Raises ContentError when it does not fit."""
    if wrong := misfit([patch], folder):
        raise ContentError((f"{patch}: does not apply to the reference: {wrong}",))
