"""What docs/writing-checks.md shows of the check library is so: its examples, its names, its tables."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from assesskit import checks, content, instruments
from assesskit.checks.plugin import GraderPlugin

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/writing-checks.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EXAMPLE = "example"
FILES = ("toml", "txt", "py", "md", "patch")
ROOMS = (checks, instruments)
SOURCES = (*(ROOT / "graders").rglob("*.py"), *(ROOT / "src/assesskit/checks").glob("*.py"))


def known_modules() -> dict[str, ModuleType]:
    """The modules of the library and of the instruments, by name; those that are programs are left out."""
    names = {one.name: room for room in ROOMS for one in pkgutil.iter_modules(room.__path__)}
    programs = {"__main__", "locustfile"}
    return {
        name: importlib.import_module(f"{room.__name__}.{name}") for name, room in names.items() if name not in programs
    }


MODULES = known_modules()


def fixtures() -> dict[str, type | None]:
    """The fixtures of the plugin by name, each with its class where that is one of ours."""
    found = [pair for one in MODULES.values() for pair in inspect.getmembers(one, inspect.isclass)]
    classes = {name: kind for name, kind in found if kind.__module__.startswith("assesskit.")}
    methods = [
        node for node in ast.walk(ast.parse(inspect.getsource(GraderPlugin))) if isinstance(node, ast.FunctionDef)
    ]
    made = [one for one in methods if any("pytest.fixture" in ast.unparse(mark) for mark in one.decorator_list)]
    return {one.name: classes.get(ast.unparse(one.returns)) if one.returns else None for one in made}


def automatic() -> set[str]:
    """The criteria of all exercises that checks judge."""
    found = [one for slug in content.slugs(ROOT) for one in content.load(ROOT, slug).criteria]
    return {one.id for one in found if one.kind == "automatic"}


def namespace(example: str) -> dict[str, Any]:
    """What an example defines and imports, once it was run; its decorators are pytest's and left out."""
    tree = ast.parse(example)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    names: dict[str, Any] = {"__name__": EXAMPLE}
    exec(compile(tree, "docs/writing-checks.md", "exec"), names)  # with this module's own annotations from the future
    return names


def functions(text: str) -> dict[str, str]:
    """The functions of a source by name, each in one spelling."""
    return {node.name: ast.dump(node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def resolved(node: ast.expr, names: dict[str, Any]) -> Any:
    """What a name, or an attribute of a module or class, stands for; None for what only a run can know."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(owner := resolved(node.value, names), ModuleType | type):
        return getattr(owner, node.attr)
    return None


def global_names(code: CodeType) -> Iterator[str]:
    """The names that a function and those within it take from outside."""
    yield from (one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_can_be_imported_and_calls_what_is_there(example: str) -> None:
    """Its imports work, every name in it is known, and its calls fit the signatures of the library."""
    names = namespace(example)
    codes = [value.__code__ for value in names.values() if inspect.isfunction(value) and value.__module__ == EXAMPLE]
    used = {name for code in codes for name in global_names(code)}
    assert sorted(used - names.keys() - vars(builtins).keys()) == []
    for call in (node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)):
        called = resolved(call.func, names)
        starred = any(isinstance(one, ast.Starred) for one in call.args) or None in [one.arg for one in call.keywords]
        if getattr(called, "__module__", "").startswith("assesskit.") and not starred:
            inspect.signature(called).bind(*call.args, **{str(one.arg): one.value for one in call.keywords})


def test_every_check_that_is_shown_stands_so_in_the_graders() -> None:
    """A function that names a criterion, or goes by the name of one of the graders or the library, is that one."""
    there = [one for path in SOURCES for one in functions(path.read_text()).items()]
    known = {name for name, _ in there}
    shown = [one for example in EXAMPLES for one in functions(example).items()]
    taken = [(name, dump) for name, dump in shown if name in known or "'criterion'" in dump]
    assert len(taken) > len(shown) / 2
    assert [name for name, dump in taken if (name, dump) not in there] == []


def test_every_name_on_the_page_is_one_of_the_library() -> None:
    """`module.name`, `fixture.name` and `area.criterion` are all there is with a dot between."""
    known = automatic()
    hosts = {**MODULES, **{name: kind for name, kind in fixtures().items() if kind is not None}}
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    dotted = set(re.findall(r"`(?!assesskit|pytest)([a-z_]+)\.([A-Za-z_-]+)[`(]", prose))
    wrong = {
        f"{name}.{attribute}"
        for name, attribute in dotted
        if attribute not in FILES
        and f"{name}.{attribute}" not in known
        and not any(hasattr(host, attribute) for host in (hosts.get(name), MODULES.get(name)) if host is not None)
    }
    assert sorted(wrong) == []


def test_every_fixture_has_a_row() -> None:
    """The table of fixtures has those of the plugin, and no others."""
    table = PAGE.partition("## Fixtures")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(fixtures())


def test_every_automatic_criterion_is_told_of() -> None:
    """Somebody who looks for a criterion finds what its checks leave open."""
    assert sorted(one for one in automatic() if f"`{one}`" not in PAGE) == []
