"""Other people's tracers, as their packages send: the collector and the agent understand them.

They come from npm, in the exact versions of package-lock.json, into the cache folder, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from filelock import FileLock
from platformdirs import user_cache_path
from tests.instruments.batches import running

from assesskit.instruments.collector import Collector, Span

HERE = Path(__file__).parent
LISTED = ("package.json", "package-lock.json")
SCRIPTS = ("otlp.js", "jaeger.js")
SECONDS = 300

pytestmark = pytest.mark.node

Script = Callable[..., Any]


def missing(reason: str) -> NoReturn:
    """Skip, for all to see; with ASSESSKIT_REQUIRE_NODE=1 fail."""
    if os.environ.get("ASSESSKIT_REQUIRE_NODE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def installed() -> Path:
    """The folder with the packages, installed by the first who asks."""
    npm = shutil.which("npm")
    if npm is None:
        missing("no npm: install Node.js to test against other people's tracers")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in LISTED)).hexdigest()[:16]
    cache = Path(os.environ.get("ASSESSKIT_CACHE") or user_cache_path("assesskit", appauthor=False))
    folder = cache / f"interop-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        done = folder / "installed"
        if not done.exists():
            for name in LISTED:
                shutil.copy(HERE / name, folder)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            try:
                result = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                missing(f"npm did not install the packages within {SECONDS} s")
            if result.returncode:
                reasons = [line for line in result.stderr.splitlines() if line.startswith("npm error")]
                missing(f"npm cannot install the packages: {'; '.join(reasons[:3])[:300]}")
            done.touch()
    return folder


@pytest.fixture(scope="module")
def script() -> Script:
    """Runs a script of this folder beside the packages, and returns the JSON that it prints."""
    node = shutil.which("node")
    if node is None:
        missing("no node: install Node.js to test against other people's tracers")
    folder = installed()
    for name in SCRIPTS:
        shutil.copy(HERE / name, folder)

    def run(name: str, *arguments: object) -> Any:
        command = [node, name, *map(str, arguments)]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector.start(0, {"token-a": "submission"})
    yield collector
    collector.stop()


def named(collector: Collector, trace_id: str) -> dict[str, Span]:
    return {span.name: span for span in collector.spans(trace_id, settle=0.3)}


@pytest.mark.parametrize("form", ["json", "proto"])
def test_opentelemetry_for_javascript_is_understood(script, collector, form):
    """Its JSON and its protobuf say the same."""
    sent = script("otlp.js", form, f"http://127.0.0.1:{collector.port}/v1/traces", "token-a")
    spans = named(collector, sent["trace"])
    assert set(spans) == {"GET /things", "query"}
    root, child = spans["GET /things"], spans["query"]
    assert (root.span_id, root.parent_id, root.kind, root.status) == (sent["root"], "", "SERVER", "UNSET")
    assert root.attributes == {"http.route": "/things", "count": 7, "part": 0.5, "yes": True, "list": ["a", "b"]}
    assert (root.service, root.source, root.scope) == ("node-service", "submission", "interop")
    assert (child.span_id, child.parent_id, child.kind) == (sent["child"], sent["root"], "CLIENT")
    assert (child.status, child.status_message) == ("ERROR", "broken")
    assert child.links == ((sent["trace"], sent["root"]),)
    assert child.events[0]["attributes"]["exception.type"] == "TypeError"
    # As the SDK has them, not one within the other: it sets each span's clock anew, so they can be milliseconds apart.
    received = [[root.start, root.end], [child.start, child.end]]
    assert received == [pytest.approx(span, abs=1e-6) for span in sent["times"]]


@pytest.mark.parametrize("bits", [64, 128])
def test_jaeger_s_client_for_node_is_understood(script, collector, bits):
    """Binary thrift, with trace ids of either length."""
    with running(collector.port) as agent:
        sent = script("jaeger.js", agent.port, bits)
        counts = agent.until(lambda counts: counts["passed_spans"] >= 3)
    assert (counts["refused"], counts["refused_spans"]) == (0, 0)
    trace = sent["trace"].zfill(32)
    spans = named(collector, trace)
    assert set(spans) == {"GET /prices", "query", "later"}
    root, child, follower = spans["GET /prices"], spans["query"], spans["later"]
    assert (root.span_id, root.parent_id, root.kind) == (sent["root"].zfill(16), "", "SERVER")
    assert {key: root.attributes[key] for key in ("text", "part", "http.status_code")} == {
        "text": "é",
        "part": 0.5,
        "http.status_code": 200,
    }
    assert (child.parent_id, child.kind, child.status) == (root.span_id, "CLIENT", "ERROR")
    assert [(event["name"], event["attributes"]) for event in child.events] == [("retry", {"attempt": 2})]
    assert follower.links == ((trace, root.span_id),)
    assert (root.service, root.source, root.flags) == ("node-legacy", "submission", 1)
