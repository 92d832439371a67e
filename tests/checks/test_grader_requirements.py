"""The grader's pinned requirements are exact, complete and what `pyproject.toml` asks for."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "src/assesskit/grader/requirements.txt").read_text().splitlines()
PINS = {
    canonicalize_name(requirement.name): requirement
    for requirement in (Requirement(line) for line in LINES if not line.startswith("#"))
}


def _version(requirement: Requirement) -> str:
    [specifier] = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def _needed() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["optional-dependencies"]["grader"]]


def test_every_direct_requirement_is_pinned_within_its_range() -> None:
    """What the `grader` extra names is pinned to a version it allows."""
    for wanted in _needed():
        pinned = PINS[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(_version(pinned)), f"{wanted} does not allow {pinned}"


def test_the_pins_are_closed() -> None:
    """Whatever a pinned package needs here is pinned too, so nothing is resolved at build time."""
    todo = _needed()
    seen: set[str] = set()
    while todo:
        wanted = todo.pop()
        assert canonicalize_name(wanted.name) in PINS, f"{wanted} is needed and not pinned"
        for line in distribution(wanted.name).requires or []:
            needed = Requirement(line)
            applies = any(
                needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)
            )
            if applies and str(needed) not in seen:
                seen.add(str(needed))
                todo.append(needed)


def test_the_tests_run_on_the_pinned_versions() -> None:
    """What is tested is what is shipped: the installed version of each package is the pinned one."""
    installed = {name: distribution(name).version for name in PINS}
    assert installed == {name: _version(pinned) for name, pinned in PINS.items()}
