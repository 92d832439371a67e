"""Lays out the starters of debug-trace: its repaired system with the faults of a set of variants.toml.

python -m scripts.faults            write exercises/debug-trace/starter anew, with the first set
python -m scripts.faults SET FOLDER write another one
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from assesskit.content import Exercise, load
from assesskit.content.exercise import SETS
from assesskit.content.faulty import starter_of

ROOT = Path(__file__).parents[1]
EXERCISE = ROOT / "exercises" / "debug-trace"


@cache
def exercise() -> Exercise:
    """The exercise as it is written."""
    return load(ROOT, "debug-trace")


def own_files(name: str) -> Path:
    """The folder with what a set has of its own: of the first one, the exercise's."""
    return EXERCISE if name == next(iter(exercise().sets)) else EXERCISE / SETS / name


def lay_out(name: str, folder: Path) -> None:
    """Write the starter of a set into `folder`, a new one."""
    starter_of(exercise(), exercise().sets[name].faults, folder)


@cache
def symptoms() -> ModuleType:
    """What the hidden checks say a recording shows: theirs alone, so no package has it."""
    spec = importlib.util.spec_from_file_location("symptoms", exercise().hidden_tests / "symptoms.py")
    if spec is None or spec.loader is None:
        raise SystemExit("the hidden checks have no symptoms.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    SET, FOLDER = sys.argv[1:] or (next(iter(exercise().sets)), EXERCISE / "starter")
    shutil.rmtree(FOLDER, ignore_errors=True)
    lay_out(SET, Path(FOLDER))
    print(FOLDER)
