"""Which of our own sources take part in a run of an exercise: those that one which takes part names.

A source is named by an import, by its dotted name in a command, or by its file's or folder's name; all are text in the
source, so nothing has to be run to follow them. The graders of the exercise are where checks and instruments begin, so
an instrument that only another exercise uses takes no part.
"""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from assesskit.content.digests import files_below

PACKAGE = "assesskit"
ALWAYS = ("assesskit.assess", "assesskit.prove", "assesskit.checks.__main__", "assesskit.checks.plugin")
"""Where a proven run begins: here, and in the pod."""
RUNTIMES = "assesskit.pods"
LONGEST_NAME = 80
NO_PART = (
    "cli/",
    "proof/",
    "reports/",
    "review/",
    "store.py",
    "kits/freezing.py",
    "kits/workspaces.py",
    "content/__init__.py",
    "content/collected.py",
    "content/exercise.py",
    "content/mutants.py",
    "content/parsing.py",
    "content/rubric.py",
    "content/rules.py",
    "content/schema.py",
    "content/variation.py",
)
"""Sources that are named by those of a run, and change no verdict: of the readers of content, what they read counts."""


def sources(graders: Iterable[Path], runtime: str, instruments: Iterable[str] = ()) -> dict[str, Path]:
    """Files of this package that take part in a run, by path below it: those of the graders' checks, of one runtime,
    and of the exercise's own instruments.
    """
    there = files_below(Path(str(resources.files(PACKAGE))))
    files = _by_name(there)
    waiting = {*ALWAYS, *instruments, f"{RUNTIMES}.{runtime}"}.union(
        *(_names(grader.read_bytes()) for grader in graders)
    )
    found: set[str] = set()
    while waiting:
        new = files.get(waiting.pop(), set()) - found
        found |= new
        for name in new:
            if name.endswith("__init__.py") or (name.endswith(".py") and not name.startswith(NO_PART)):
                waiting |= _names(there[name].read_bytes())
    return {name: there[name] for name in sorted(found) if not name.startswith(NO_PART)}


def _by_name(there: Mapping[str, Path]) -> dict[str, set[str]]:
    """What a name stands for: a module and the packages around it; a file, or all in a folder that is no package."""
    found: dict[str, set[str]] = defaultdict(set)
    packages = {name.removesuffix("/__init__.py") for name in there if name.endswith("/__init__.py")}
    for name in there:
        *folders, last = name.split("/")
        if last != "__init__.py":
            found[last].add(name)
        for depth, folder in enumerate(folders, 1):
            path = "/".join(folders[:depth])
            found[folder] |= {name} - ({name} if path in packages else set())
        if name.endswith(".py"):
            dotted = ".".join([PACKAGE, *folders, *([] if last == "__init__.py" else [last.removesuffix(".py")])])
            around = {f"{'/'.join(folders[:depth])}/__init__.py".lstrip("/") for depth in range(len(folders) + 1)}
            found[dotted] |= {name} | around & set(there)
    return found


@functools.lru_cache(maxsize=1000)
def _names(source: bytes) -> frozenset[str]:
    """What a source may name: modules of this package by their dotted names, and whatever else a text in it says."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < LONGEST_NAME:
            found.add(node.value)
    return frozenset(found)
