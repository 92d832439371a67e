"""Lays out the starter of debug-trace: its repaired system with the faults that faults.toml names.

    python -m scripts.faults            write exercises/debug-trace/starter anew
    python -m scripts.faults FOLDER     write it there

What is in exercises/debug-trace/handout/ is added, and replaces what the reference has under the same name.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

from assesskit.prove import apply_patch

EXERCISE = Path(__file__).parents[1] / "exercises" / "debug-trace"


def lay_out(folder: Path, faults: list[str] | None = None) -> None:
    """Write the repaired system with these faults (the starter's own, if none are named) into `folder`, a new one."""
    told = tomllib.loads((EXERCISE / "faults.toml").read_text(encoding="utf-8"))
    shutil.copytree(EXERCISE / "proof" / "reference", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for fault in told["starter"] if faults is None else faults:
        apply_patch(EXERCISE / "proof" / "mutants" / fault / "change.patch", folder)
    shutil.copytree(EXERCISE / "handout", folder, dirs_exist_ok=True)


if __name__ == "__main__":
    WANTED = Path(sys.argv[1]) if len(sys.argv) > 1 else EXERCISE / "starter"
    shutil.rmtree(WANTED, ignore_errors=True)
    lay_out(WANTED)
    print(WANTED)
