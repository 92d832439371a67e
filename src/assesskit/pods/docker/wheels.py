"""Packages a build may install, fetched once outside of it: a folder of wheels for the base image's Python."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from assesskit.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

FETCH_SECONDS = 900.0
MOST_BUILT = 20
MISSING = re.compile(r"No matching distribution found for ([^\s(]+)")

# Runs in the base image, whose pip knows what it can install.
ASK_TARGET = """
import json, platform, sys
from pip._vendor.packaging.tags import sys_tags
tags = list(sys_tags())
pick = lambda key: list(dict.fromkeys(key(tag) for tag in tags))
print(json.dumps({"version": platform.python_version(), "implementation": tags[0].interpreter[:2],
                  "abis": pick(lambda tag: tag.abi), "platforms": pick(lambda tag: tag.platform)}))
"""


class Target:
    """The Python that will install the wheels, as pip's options name it. `answer` is what `ASK_TARGET` printed."""

    def __init__(self, answer: str) -> None:
        said = json.loads(answer)
        self.version: str = said["version"]
        self.options = ["--python-version", self.version, "--implementation", said["implementation"]]
        self.options += [option for abi in said["abis"] for option in ("--abi", abi)]
        self.options += [option for name in said["platforms"] if name != "any" for option in ("--platform", name)]


def fetch(requirements: str, target: Target, cache: Path) -> Path:
    """Return a folder with a wheel for every requirement, from the cache or the network.

    Raises EngineError when a package cannot be had: that is never the candidate's fault.
    """
    digest = hashlib.sha256("\0".join([requirements, *target.options]).encode()).hexdigest()
    home = cache / "wheels"
    home.mkdir(parents=True, exist_ok=True)
    wheelhouse = home / digest
    with FileLock(home / f"{digest}.lock"):
        if not wheelhouse.is_dir():
            unfinished = Path(tempfile.mkdtemp(dir=home, prefix="unfinished-"))
            try:
                _download(requirements, target, unfinished)
                (unfinished / "wheels").mkdir(exist_ok=True)
                os.replace(unfinished / "wheels", wheelhouse)  # noqa: PTH105  a folder appears whole or not at all
            finally:
                shutil.rmtree(unfinished)
    return wheelhouse


def _download(requirements: str, target: Target, work: Path) -> None:
    """Download wheels; a package that publishes none is built here, once, and must then fit the target."""
    listed = work / "requirements.txt"
    listed.write_text(requirements)
    wheels, built = work / "wheels", work / "built"
    built.mkdir()
    tried: set[str] = set()
    while True:
        said = _pip(
            "download", "--dest", wheels, "--only-binary=:all:", "--find-links", built, "-r", listed, *target.options
        )
        if said is None:
            return
        missing = MISSING.search(said)
        if missing is None or missing[1] in tried or len(tried) == MOST_BUILT:
            raise EngineError(
                f"packages for Python {target.version} could not be fetched: {_last_lines(said)}",
                where="wheels",
                hint="packages are fetched once, over the network; check the requirements and pip's index",
            )
        tried.add(missing[1])
        failed = _pip("wheel", "--no-deps", "--wheel-dir", built, missing[1])
        if failed is not None:
            raise EngineError(f"{missing[1]} has no wheel and does not build: {_last_lines(failed)}", where="wheels")


def _pip(*arguments: str | Path) -> str | None:
    """Run the host's pip; return None, or what it said when it failed."""
    command: Sequence[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        *arguments,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"pip took over {FETCH_SECONDS:g} s"
    return None if done.returncode == 0 else done.stdout + done.stderr


def _last_lines(text: str) -> str:
    return " | ".join(line for line in text.splitlines()[-4:] if line.strip())
