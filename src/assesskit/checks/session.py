"""A grader session, top to bottom: instruments up, tests collected, submission up, checks run, everything told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assesskit.checks import ports
from assesskit.checks.budget import Budget
from assesskit.checks.evidence import clean
from assesskit.checks.expect import Failure
from assesskit.checks.harness import Harness
from assesskit.checks.ledger import Ledger
from assesskit.checks.plugin import GraderPlugin
from assesskit.checks.resource import Resource
from assesskit.checks.services import Service
from assesskit.checks.tokens import Tokens
from assesskit.checks.world import SUBMISSION, StageError, World, serving
from assesskit.instruments.collector import Collector
from assesskit.instruments.program import Program
from assesskit.instruments.relay import Relay

SOUND = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def run(harness: Harness, hello: Mapping[str, Any], folder: Path) -> None:
    """Carry out the session that `hello` asks for; the tests lie in `folder`, which is the working directory.

    Raises StageError, or whatever broke; then the session has no end that counts.
    """
    budget = Budget(hello["seconds"])
    with ExitStack() as cleanup:
        world = staged(harness, hello, cleanup)
        cleanup.enter_context(world.stalls)
        harness.tell("instruments")
        start = Start(world)
        plugin = GraderPlugin(world, frozenset(hello["criteria"]), start.begin, budget)
        status = pytest.main(_arguments(folder, hello["tests"]), plugins=[plugin])
    if status not in SOUND:
        problems = "\n".join(plugin.problems) or "see the grader's standard error"
        raise StageError(f"pytest ended with {pytest.ExitCode(status).name}: {problems}")
    if start.failed:
        return
    harness.tell("report", report=plugin.report)
    harness.tell("finished")


class Start:
    """Brings the submission up, once, and tells how that went."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.failed = False

    def begin(self) -> bool:
        """Start the submission and wait until all of it is ready; False when it never will be."""
        parts = [self._world.services[name] for name in self._world.parts]
        for part in parts:
            part.start()
        try:
            seconds = sum(part.until_ready() for part in parts)
        except Failure as failure:
            self.failed = True
            self._world.harness.tell("submission_failed", phase="start", reason=clean(failure.summary))
            return False
        self._world.harness.tell("serving", seconds=round(seconds, 3))
        return True


def staged(harness: Harness, hello: Mapping[str, Any], cleanup: ExitStack) -> World:
    """Check that our services are ours, and start the instruments; all before the submission is started.

    Raises StageError when a port of ours is somebody else's, or a dependency is not ready.
    """
    relays: dict[str, Relay] = {}
    facts = {name: value for name, value in hello["facts"].items() if name != "keys"}
    resource = Resource(**facts["resource"]) if "resource" in facts else None
    scopes = resource.scopes if resource else ""
    tokens = Tokens(hello["facts"].get("keys", {}), facts.get("issuer", ""), facts.get("audience", ""), scopes)
    world = World(harness, {}, relays, None, tokens, facts, resource, parts=hello.get("parts", (SUBMISSION,)))
    world.services = {
        name: Service(name, told, harness, partial(world.record, name)) for name, told in hello["services"].items()
    }
    for service in world.dependencies:
        serving(service)
        _owned(service.name, service.port, service.uid)
    for told in hello["relays"]:
        relay = Relay.start(told["name"], told["port"], told["target"], told["key"])
        cleanup.callback(relay.stop)
        _owned(f"relay {told['name']}", told["port"], os.getuid())
        relays[told["name"]] = relay
    if resource is not None:
        world.ledger = Ledger(resource, relays[resource.dependency])
    if (told := hello["collector"]) is not None:
        world.collector = Collector.start(told["port"], {token: name for name, token in told["tokens"].items()})
        cleanup.callback(world.collector.stop)
        _owned("collector", told["port"], os.getuid())
    for told in hello.get("instruments", ()):
        program = Program(told["module"], told["name"])
        cleanup.callback(program.stop)
        program.ask("open", port=told["port"], token=told["token"], collector=hello["collector"]["port"])
        world.instruments[told["name"]] = program
    return world


def _owned(name: str, port: int, uid: int | None) -> None:
    """Hold a listener against its owner, where the owner is known and the system tells it."""
    owners = {one.uid for one in ports.listeners() if one.port == port}
    if uid is not None and owners and owners != {uid}:
        raise StageError(f"port {port} of {name} is listened on by uid {sorted(owners)}, not by {uid}")


def _arguments(folder: Path, tests: list[str]) -> list[str]:
    """Pytest's arguments: our tests in their order, our plugins, and nothing that lies around on the machine."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    nothing = "-p no:cacheprovider --noconftest --strict-markers --import-mode=importlib --tb=short --color=no -q"
    record = "-p pytest_jsonreport.plugin --json-report --json-report-file=none"
    left_out = "--json-report-omit log traceback streams warnings collectors keywords"
    return [
        *(str(folder / name) for name in tests),
        f"--rootdir={folder}",
        "--config-file=/dev/null",
        *nothing.split(),
        *record.split(),
        *left_out.split(),
    ]
