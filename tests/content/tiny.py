"""The smallest content root that is sound, and how to break it in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TOML = "exercises/tiny/exercise.toml"
RUBRIC = "docs/rubrics/tiny.toml"
COMPETENCIES = "docs/rubrics/competencies.toml"
PUBLIC = "graders/tiny/public/test_hello.py"
RUDE = "exercises/tiny/proof/mutants/rude/claim.toml"
SLOW = "exercises/tiny/proof/mutants/slow/claim.toml"
HIDDEN = "graders/tiny/hidden/test_more.py"

FILES = {
    TOML: """
slug = "tiny"
title = "Say hello"
version = "1.2.0"
minutes = 30
summary = "A service that says hello."
[ai]
policy = "allowed"
text = "Use what you like."
[candidate]
brief = "brief.md"
starter = "starter"
files = ["contract/api.yaml"]
[submission]
required = ["Dockerfile"]
wheels = "wheels.txt"
ready_path = "/readyz"
ready_within = 5
volume_mb = 8
max_mb = 1
[submission.limits]
memory_mb = 128
[submission.env]
PORT = "{port.self}"
STOCK_URL = "http://127.0.0.1:{port.relay-stock}"
DATA = "{volume}"
[[services]]
name = "stock"
folder = "services/stock"
ready_path = "/healthz"
relay_key = "json:/sku"
[services.env]
PORT = "{port.self}"
[grader]
seconds = 60.0
files = ["contract/api.yaml"]
[grader.facts]
audience = "hello"
[proof]
reference = "proof/reference"
[proof.starter]
fails = ["hello.polite", "hello.fast"]
""",
    RUBRIC: """
exercise = "tiny"
[[criteria]]
id = "hello.polite"
title = "It greets"
competency = "api-design"
points = 3
explanation = "GET / answers hello."
feedback = "A greeting."
interviewer = "Ask why."
questions = ["Why?"]
[[criteria]]
id = "hello.fast"
title = "It is quick"
competency = "performance"
points = 2
explanation = "GET / is quick."
feedback = "A quick greeting."
interviewer = "Ask how."
questions = []
[[criteria]]
id = "hello.reasons"
title = "It is explained"
competency = "api-design"
points = 1
kind = "judged"
explanation = "The readme says why."
feedback = "Reasons."
interviewer = "Read it."
questions = []
anchors = ["none", "some", "most", "all"]
""",
    COMPETENCIES: '[competencies]\napi-design = "API design"\nperformance = "Performance"\n',
    PUBLIC: 'import pytest\n\n\n@pytest.mark.criterion("hello.polite")\ndef test_hello(service):\n    pass\n',
    HIDDEN: """import pytest


@pytest.mark.criterion("hello.polite")
def test_hello_again(service):
    raise SystemExit("never imported")


@pytest.mark.criterion("hello.fast")
def test_fast(service):
    pass
""",
    "exercises/tiny/brief.md": "# Say hello\n",
    "exercises/tiny/contract/api.yaml": "openapi: 3.1.0\n",
    "exercises/tiny/wheels.txt": "flask==3.1.0\n",
    "exercises/tiny/starter/Dockerfile": "FROM scratch\n",
    "exercises/tiny/starter/app.py": "print('hello')\n",
    "exercises/tiny/services/stock/Dockerfile": "FROM scratch\n",
    "exercises/tiny/proof/reference/Dockerfile": "FROM scratch\n# the right answer\n",
    RUDE: 'fails = ["hello.polite"]\nwhy = "Forgets to greet."\n',
    "exercises/tiny/proof/mutants/rude/change.patch": "--- a/x\n",
    SLOW: 'fails = ["hello.fast"]\nwhy = "Sleeps."\n',
    "exercises/tiny/proof/mutants/slow/program/Dockerfile": "FROM scratch\n",
}

Change = str | bytes | tuple[str, str] | None
"""A whole new content, one replacement inside the old, or None for a file that is not there."""


def build(root: Path, changes: Mapping[str, Change] | None = None) -> Path:
    """Write the content root below `root` with some files changed, and return it."""
    for name, change in {**FILES, **(changes or {})}.items():
        if change is None:
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(name, change))
    return root


def _content(name: str, change: str | bytes | tuple[str, str]) -> bytes:
    if isinstance(change, bytes):
        return change
    if isinstance(change, str):
        return change.encode()
    old, new = change
    assert old in FILES[name], f"{old!r} is not in {name}"
    return FILES[name].replace(old, new).encode()
