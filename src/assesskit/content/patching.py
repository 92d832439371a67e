"""Patches, as authors write them against the repaired program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path


def misfit(patches: Iterable[Path], folder: Path) -> str:
    """Apply patches to a program in `folder`, one after the other; return why they do not fit, empty where they do."""
    command = ["git", "apply", "-p1", "--whitespace=nowarn", *(str(patch.resolve()) for patch in patches)]
    # Outside any repository, so that git neither reads one's settings nor skips files it would ignore there.
    environ = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environ)
    return done.stderr.strip() or "git apply said nothing" if done.returncode else ""
