"""Which checks a grader folder holds. Files are read with `ast` and never imported."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from assesskit.content.digests import files_below
from assesskit.content.parsing import read_text

Visibility = Literal["public", "hidden"]


class Check(NamedTuple):
    """A grader test: `name` is ``file.py::test_name``, the file relative to its folder public/ or hidden/."""

    name: str
    visibility: Visibility


def collect(folder: Path, root: Path, visibility: Visibility, problems: list[str]) -> list[tuple[str, Check]]:
    """(criterion id, check) of every test below `folder`, in file order; what is wrong is added to `problems`."""
    found: list[tuple[str, Check]] = []
    for relative, path in files_below(folder).items():
        if not (path.name.startswith("test_") and path.suffix == ".py"):
            continue
        where = path.relative_to(root).as_posix()
        text = read_text(path, root, problems)
        if text is None:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problems.append(f"{where}: is not Python: {error}")
            continue
        tests = list(_tests(tree, ""))
        problems += (f"{where}: {name}: is defined twice" for name, n in Counter(n for n, _ in tests).items() if n > 1)
        for name, function in tests:
            criterion = _criterion(function)
            if criterion is None:
                problems.append(
                    f'{where}: {name}: needs exactly one @pytest.mark.criterion("id") with its id as plain text'
                )
            else:
                found.append((criterion, Check(f"{relative}::{name}", visibility)))
    return found


def _tests(
    node: ast.Module | ast.ClassDef, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test"):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef) and child.name.startswith("Test"):
            yield from _tests(child, f"{prefix}{child.name}::")


def _criterion(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    marks = [
        mark
        for mark in function.decorator_list
        if ast.unparse(mark.func if isinstance(mark, ast.Call) else mark) == "pytest.mark.criterion"
    ]
    if len(marks) != 1:
        return None
    match marks[0]:
        case ast.Call(args=[ast.Constant(value=str(criterion))], keywords=[]):
            return criterion
    return None
