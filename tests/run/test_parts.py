"""A submission of several programs: each has a port, a token and what else it asks for; the first is the one we ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.content.tiny import TOML, build
from tests.run.test_assess import Grader

from assesskit.assess import Task, assess
from assesskit.content import Exercise, load
from assesskit.errors import ContentError
from assesskit.model import Assessment, Submitted
from assesskit.pods.fake import FakeRuntime, idle

PARTS = """fails = ["hello.polite", "hello.fast"]
[[submission.parts]]
name = "door"
folder = "door"
ready_path = "/door"
[submission.parts.env]
DESK_URL = "http://127.0.0.1:{port.relay-desk}"
[[submission.parts]]
name = "desk"
folder = "desk"
ready_path = "/desk"
relay_key = "header:X-Guest"
volume_mb = 4
[submission.parts.limits]
memory_mb = 64
[submission.parts.env]
STORE = "{volume}"
AGENT = "{port.agent}"
[[grader.instruments]]
name = "agent"
module = "assesskit.instruments.collector_server"
source = "desk"
"""
WHOLE = ("volume_mb = 8\nmax_mb = 1\n[submission.limits]\nmemory_mb = 128\n", "max_mb = 1\n")


def exercise(tmp_path: Path, parts: str = PARTS) -> Exercise:
    root = build(tmp_path / "content", {TOML: ('fails = ["hello.polite", "hello.fast"]\n', parts)})
    toml = root / TOML
    toml.write_text(toml.read_text().replace(*WHOLE).replace('DATA = "{volume}"\n', ""))
    return load(root, "tiny")


def run(tmp_path: Path, fake: FakeRuntime) -> Assessment:
    submission = tmp_path / "submission"
    submission.mkdir()
    task = Task(exercise(tmp_path), submission, Submitted(name="someone", digest="0" * 64))
    return assess(task, fake, quiet_lock=tmp_path / "quiet", on_event=lambda _: None).assessment


def all_started(heard: list[dict[str, Any]]) -> FakeRuntime:
    def says(grader: Grader) -> None:
        heard.append(grader.hello)
        grader.tell("instruments")
        for name in grader.hello["parts"]:
            assert grader.ask("start", service=name)["ok"]
        grader.tell("serving", seconds=0.1)
        grader.observe("hello.polite")
        grader.observe("hello.fast")
        grader.finish()

    return FakeRuntime(
        services={"grader": lambda process: says(Grader(process)), "stock": idle, "door": idle, "desk": idle}
    )


def test_every_part_is_built_from_its_folder_and_started_with_what_it_asks_for(tmp_path: Path) -> None:
    """Folders, limits, volumes and environments are each part's own; there is no reference beside them."""
    fake = all_started([])
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "graded", assessment.failure
    folders = {program.name: program.folder for program in fake.built if not program.trusted}
    assert folders == {name: tmp_path / "submission" / name for name in ("door", "desk")}
    specs = {spec.name: spec for spec in fake.started}
    assert set(specs) == {"stock", "grader", "door", "desk"}
    assert [specs[name].role for name in ("door", "desk")] == ["submission", "submission"]
    assert [specs[name].volume for name in ("door", "desk")] == [None, "desk"]
    assert [specs[name].limits.memory_mb for name in ("door", "desk")] == [256, 64]
    assert specs["door"].env["STOCK_URL"] == specs["desk"].env["STOCK_URL"]


def test_the_grader_is_told_of_parts_edges_and_instruments(tmp_path: Path) -> None:
    """The first part is named first; who is behind a relay is reached through it; an agent speaks for its source."""
    heard: list[dict[str, Any]] = []
    fake = all_started(heard)
    run(tmp_path, fake)
    [hello] = heard
    specs = {spec.name: spec for spec in fake.started}
    ports = {name: told["port"] for name, told in hello["services"].items()}
    assert hello["parts"] == ["door", "desk"]
    assert hello["services"]["desk"]["ready_path"] == "/desk"
    assert {edge["name"]: edge["target"] for edge in hello["relays"]} == {
        "stock": ports["stock"],
        "desk": ports["desk"],
    }
    relay = next(edge["port"] for edge in hello["relays"] if edge["name"] == "desk")
    assert specs["door"].env["DESK_URL"] == f"http://127.0.0.1:{relay}"
    [agent] = hello["instruments"]
    assert specs["desk"].env["AGENT"] == str(agent["port"])
    assert agent["token"] == hello["collector"]["tokens"]["desk"]
    assert len(set(hello["collector"]["tokens"].values())) == 2


def test_a_part_that_does_not_build_is_named(tmp_path: Path) -> None:
    """Whoever reads of a failed build knows which of the programs it was."""
    fake = all_started([])
    fake.broken["desk"] = "no such file"
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "submission_failed"
    assert assessment.failure is not None
    assert assessment.failure.reason == "desk: no such file"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "desk"', 'name = "stock"', "services[stock]: is there twice"),
        ('source = "desk"', 'source = "cellar"', "grader.instruments[agent].source: unknown program 'cellar'"),
        ('folder = "desk"', 'folder = "desk"\nvolume = 1', "submission.parts"),
        ("{port.agent}", "{port.submission}", "submission.parts[desk].env.AGENT: unknown placeholder"),
        ('name = "desk"', 'name = "reference"', "is a name the pod uses itself"),
        ('module = "assesskit.instruments.', 'module = "os.', "grader.instruments"),
    ],
)
def test_parts_that_cannot_be_are_told(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """A name twice, an unknown program, a placeholder nobody fills."""
    assert old in PARTS
    with pytest.raises(ContentError) as caught:
        exercise(tmp_path, PARTS.replace(old, new))
    assert problem in str(caught.value)
