"""Whether what a Dockerfile builds on is pinned: base images by tag or digest, Python packages by version.

Other package managers are left alone: what cannot be known is not judged.
"""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator

from dockerfile_parse import DockerfileParser
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted

DOCKERFILE = "Dockerfile"
STAGE = re.compile(r"\sAS\s+(\S+)", re.IGNORECASE)
PIP = re.compile(r"(?:.*/)?pip[0-9.]*")
FILE = re.compile(r"(?:-r|--requirement=?)(.*)")
CONSTRAINTS = re.compile(r"(?:-c|--constraint=?)(.*)")
WITH_VALUE = re.compile(
    r"-[iftpe]|--(?:(?:extra-)?index-url|find-links|target|prefix|root|python|platform|(?:only|no)-binary|cache-dir|src"
    r"|timeout|retries|progress-bar|trusted-host|proxy|editable)"
)
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv"})
"""What installs the rest; its version is not judged."""
DEEPEST = 5


def expect_pinned(submitted: Submitted) -> None:
    """The default base images have a tag that is not `latest`, or a digest; every package that pip installs has one
    version, on the command line and in the files it names. Raises Failure naming everything that has not.
    """
    text = submitted.text(DOCKERFILE)
    problems = [*_images(text), *dict.fromkeys(_packages(text, submitted))]
    if problems:
        raise Failure(
            f"{problems[0]}{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}",
            received="\n".join(problems[:20]),
            expected="FROM with a tag other than latest, or a digest; every package as name==version",
        )


def _steps(text: str) -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    return [(step["instruction"], step["value"]) for step in parser.structure]


def _images(text: str) -> Iterator[str]:
    parents = DockerfileParser(fileobj=io.BytesIO(text.encode())).parent_images
    stages: set[str] = set()
    written = [value for instruction, value in _steps(text) if instruction == "FROM"]
    for value, image in zip(written, parents, strict=False):
        name = image.rpartition("/")[2]
        if image.lower() not in {*stages, "scratch"} and "@sha256:" not in image:
            if not name:
                yield f"FROM {value} names no image unless told one: its argument has no default"
            elif ":" not in name:
                yield f"FROM {value}: {image} has no tag, which means latest"
            elif name.endswith(":latest"):
                yield f"FROM {value}: {image} is another image every week"
        if alias := STAGE.search(value):
            stages.add(alias[1].lower())


def _packages(text: str, submitted: Submitted) -> Iterator[str]:
    for instruction, value in _steps(text):
        if instruction == "RUN":
            for command in _commands(value):
                yield from _installed(command, submitted)


def _commands(value: str) -> Iterator[list[str]]:
    """The simple commands of a RUN; none when a shell could not read it either."""
    words: list[str] = []
    try:
        listed = json.loads(value)
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list):
        yield [str(word) for word in listed]
        return
    lexer = shlex.shlex(value, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        for word in lexer:
            if set(word) <= set("&|;"):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        return
    yield words


def _installed(command: list[str], submitted: Submitted) -> Iterator[str]:
    """What a ``pip install`` installs without a version."""
    at = next((number for number, word in enumerate(command) if PIP.fullmatch(word)), len(command))
    if "install" not in command[at + 1 :]:
        return
    words = iter(command[command.index("install", at) + 1 :])
    wanted: list[tuple[str, str]] = []
    pinned: set[str] = set()
    for word in words:
        if found := CONSTRAINTS.fullmatch(word):
            pinned |= {name for name, exact in _names(found[1] or next(words, ""), submitted) if exact}
        elif found := FILE.fullmatch(word):
            wanted += [("file", found[1] or next(words, ""))]
        elif WITH_VALUE.fullmatch(word):
            next(words, "")
        elif not word.startswith("-"):
            wanted += [("package", word)]
    for kind, what in wanted:
        if kind == "file":
            loose = [name for name, exact in _names(what, submitted) if not exact and name not in pinned]
            yield from (f"{name} in {what.rpartition('/')[2]} has no exact version" for name in loose)
        elif (read := _requirement(what)) and not read[1] and read[0] not in pinned:
            yield f"RUN pip install {what[:100]} names no exact version"


def _names(file: str, submitted: Submitted, depth: int = 0) -> Iterator[tuple[str, bool]]:
    """The packages of a requirements file, and whether each has one version. Files that are not there are left alone:
    they may be made by the build.
    """
    name = file.rpartition("/")[2]
    matches = submitted.named(name, f"*/{name}") if name and depth < DEEPEST else ()
    for path in matches[:1]:
        for line in submitted.text(path).replace("\\\n", " ").splitlines():
            told = re.split(r"(?:^|\s)#", line.strip())[0].strip()
            if found := FILE.fullmatch(told):
                yield from _names(found[1].strip(), submitted, depth + 1)
            elif told and not told.startswith("-") and (read := _requirement(re.split(r"\s--", told)[0])):
                yield read


def _requirement(text: str) -> tuple[str, bool] | None:
    """The package's name, and whether it has one version; None for a path, a variable or what pip would refuse."""
    if "$" in text:
        return None
    try:
        read = Requirement(text)
    except InvalidRequirement:
        return None
    name = canonicalize_name(read.name)
    versions = [one for one in read.specifier if one.operator in ("==", "===") and not one.version.endswith(".*")]
    return name, bool(versions or read.url or name in TOOLS)
