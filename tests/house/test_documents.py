"""What the documents say about the project is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from assesskit import content
from assesskit.proof.claims import claims
from assesskit.proof.record import standing
from assesskit.proof.signing import trusted

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))


def declared() -> set[str]:
    """Every library pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return {Requirement(line).name for line in lines}


def test_every_dependency_earns_its_line() -> None:
    """A library that is declared says in docs/dependencies.md what it does for us."""
    table = (ROOT / "docs/dependencies.md").read_text()
    assert sorted(name for name in declared() if not name.startswith("types-") and name not in table) == []


def test_every_dependency_is_pinned_for_tests() -> None:
    """constraints.txt has a version of everything that is declared."""
    pinned = {
        canonicalize_name(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert sorted(name for name in declared() if canonicalize_name(name) not in pinned) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    """A relative link of a document names a file or folder that is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_make_verbs_are_the_documented_ones() -> None:
    """The README's make commands exist."""
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= verbs
    assert {"demo", "test", "lint", "prove", "bench"} <= verbs


def test_the_readme_counts_what_is_there() -> None:
    """Its criteria are those of the rubric, and the exercises have more wrong programs than it says."""
    readme = (ROOT / "README.md").read_text()
    kinds = [one.kind for one in content.load(ROOT, "build-service").criteria]
    told = [re.findall(rf"(\d+)\s+(?:criteria )?are judged by {judge}", readme) for judge in ("checks", "people")]
    assert told == [[str(kinds.count("automatic"))], [str(kinds.count("judged"))]]
    wrong = [*(ROOT / "exercises").glob("*/proof/mutants/*/claim.toml")]
    assert [len(wrong) > int(count) for count in re.findall(r"more than (\d+) wrong", readme)] == [True]


@pytest.mark.parametrize("slug", ["build-service", "debug-trace", "extract-endpoint"])
def test_the_readme_says_how_many_programs_are_proven(slug: str) -> None:
    """It has a line for each exercise, and the record bears it out for what is here."""
    exercise = content.load(ROOT, slug)
    stands = standing(exercise, claims(exercise), "docker", trusted(ROOT))
    told = re.findall(rf"\| `{slug}` \| (\d+) \| (\d+) \|", (ROOT / "README.md").read_text())
    assert told == [(str(sum(each.kept for each in stands)), str(len(stands)))]
