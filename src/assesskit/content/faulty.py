"""Sets of faults: what a variant has that is no renaming. Its starter is the reference with other mistakes in it.

::

    [sets.NAME]  of variants.toml     the wrong programs whose patches the starter has; the first set is the written one
    handout/                          what a starter has beside them, in place of what the reference has
    sets/NAME/                        files in place of the exercise's own: what rests on the set, such as a recording
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assesskit.content.digests import files_below
from assesskit.content.exercise import SETS, Exercise
from assesskit.content.mutants import PATCH
from assesskit.content.patching import misfit
from assesskit.content.schema import FaultSet
from assesskit.errors import ContentError
from assesskit.variants import Parameter, draw

HANDOUT = "handout"


def drawn(slug: str, seed: str | None, sets: Mapping[str, FaultSet]) -> str | None:
    """The set that a seed draws, by a stream of its own: the first without a seed, None if there are none."""
    choices = tuple({SETS: name} for name in sets)
    return draw(slug, seed, [Parameter(SETS, choices)])[SETS][SETS] if choices else None


@contextmanager
def sources(exercise: Exercise, name: str | None) -> Iterator[dict[str, Path]]:
    """The files of a variant as they are written, by path below the content root, while the context is open.

    They are the exercise's own but for those of its set, and for the starter if the set is not the written one.
    Raises ContentError when the set's patches do not fit together.
    """
    files = exercise.sources()
    if name is None or name == next(iter(exercise.sets)):
        yield files
        return
    at = f"exercises/{exercise.slug}"
    starter = f"{at}/{exercise.spec.candidate.starter}"
    files = {path: file for path, file in files.items() if not path.startswith(f"{starter}/")}
    files |= {f"{at}/{path}": file for path, file in files_below(exercise.folder / SETS / name).items()}
    with tempfile.TemporaryDirectory(prefix="assesskit-starter-") as temporary:
        made = starter_of(exercise, exercise.sets[name].faults, Path(temporary) / "starter")
        yield files | {f"{starter}/{path}": file for path, file in files_below(made).items()}


def starter_of(exercise: Exercise, faults: Iterable[str], into: Path) -> Path:
    """Lay a starter out in `into`, a new folder: the reference, the patches of `faults`, and the handout."""
    shutil.copytree(exercise.folder / exercise.spec.proof.reference, into, ignore=shutil.ignore_patterns("__pycache__"))
    patches = {mutant.name: mutant.patch for mutant in exercise.mutants if mutant.patch}
    named = list(faults)
    if wrong := misfit([patches[fault] for fault in named], into):
        raise ContentError((f"{', '.join(named)}: {PATCH}: do not fit together: {wrong}",))
    if (exercise.folder / HANDOUT).is_dir():
        shutil.copytree(exercise.folder / HANDOUT, into, dirs_exist_ok=True)
    return into
