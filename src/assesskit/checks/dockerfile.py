"""Whether what a Dockerfile builds on is pinned: base images by tag or digest, Python packages by version.

Other package managers are left alone: what cannot be known is not judged.
"""

from __future__ import annotations

import io
import itertools
import json
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator
from typing import NamedTuple

from dockerfile_parse import DockerfileParser
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted

DOCKERFILE = "Dockerfile"
STAGE = re.compile(r"\sAS\s+(\S+)", re.IGNORECASE)
PIP = re.compile(r"(?:.*/)?pip[0-9.]*")
FETCHING = frozenset({"install", "wheel", "download"})
"""What pip does with packages that it looks for; wheels that are made now are installed later."""
BETWEEN = frozenset("&|;()")
"""What stands between simple commands."""
FILE = re.compile(r"(?:-r|--requirement=?)(.*)")
CONSTRAINTS = re.compile(r"(?:-c|--constraint=?)(.*)")
WITH_VALUE = re.compile(
    r"-[iftpewdC]|--(?:(?:extra-)?index-url|find-links|target|prefix|root|python|platform|(?:only|no)-binary|cache-dir|src"
    r"|timeout|retries|progress-bar|trusted-host|proxy|editable|root-user-action|upgrade-strategy|python-version|abi"
    r"|implementation|config-settings?|wheel-dir|dest|log|report|exists-action|(?:client-)?cert|use-feature)"
)
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv"})
"""What installs the rest; its version is not judged."""
MOST_INSTALLS = 50
MOST_LINES = 2000
"""Of all requirements files that are read, together."""


def expect_pinned(submitted: Submitted) -> None:
    """The default base images have a tag that is not `latest`, or a digest; every package that pip installs has one
    version, on the command line and in the files it names. Raises Failure naming everything that has not.
    """
    text = submitted.text(DOCKERFILE)
    try:
        problems = [*_images(text), *dict.fromkeys(_packages(text, submitted))]
    except (IndexError, ValueError):  # the parser's
        raise Failure("the Dockerfile cannot be read: an instruction is not complete") from None
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
    copied = {word for instruction, value in _steps(text) if instruction in ("COPY", "ADD") for word in value.split()}
    files = Requirements(submitted, copied)
    commands = (command for instruction, value in _steps(text) if instruction == "RUN" for command in _commands(value))
    installs = [words for command in commands if (words := _installs(command))]
    if len(installs) > MOST_INSTALLS:
        raise Failure(f"the Dockerfile has more than {MOST_INSTALLS} pip install")
    for words in installs:
        yield from _loose(words, files)


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
    lexer = shlex.shlex(value, posix=True, punctuation_chars="".join(BETWEEN))
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            if set(word) <= BETWEEN:
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        return
    yield words


def _installs(command: list[str]) -> list[str]:
    """What a ``pip install`` does and its arguments; none for any other command."""
    at = next((number for number, word in enumerate(command) if PIP.fullmatch(word)), len(command))
    return list(itertools.dropwhile(lambda word: word not in FETCHING, command[at + 1 :]))


def _loose(command: list[str], files: Requirements) -> Iterator[str]:
    """What a ``pip install`` installs without a version."""
    verb, *arguments = command
    words = iter(arguments)
    wanted: list[tuple[str, tuple[str, bool]]] = []
    pinned: set[str] = set()
    for word in words:
        if found := CONSTRAINTS.fullmatch(word):
            pinned |= files.named(found[1] or next(words, ""), constraining=True).pinned
        elif found := FILE.fullmatch(word):
            file = found[1] or next(words, "")
            where = f"in {file.rpartition('/')[2][:100]} has no exact version"
            told = files.named(file)
            wanted += [(f"{name} {where}", (name, exact)) for name, exact in told.packages]
            pinned |= told.pinned
        elif WITH_VALUE.fullmatch(word):
            next(words, "")
        elif not word.startswith("-") and (read := _requirement(word)):
            wanted += [(f"RUN pip {verb} {word[:100]} names no exact version", read)]
    yield from (told for told, (name, exact) in wanted if not exact and name not in pinned)


class Named(NamedTuple):
    """What a requirements file comes to: packages, each with whether it has one version, and those that constraints
    have one version of.
    """

    packages: list[tuple[str, bool]]
    pinned: set[str]


class Requirements:
    """The requirements files that were handed in, each read once: they may name each other in any way.

    `copied` is what the Dockerfile copies, and to where.
    """

    def __init__(self, submitted: Submitted, copied: Collection[str]) -> None:
        self._submitted = submitted
        self._copied = {posixpath.normpath(word) for word in copied}
        self._every = submitted.paths
        self._lines = 0
        self._read: dict[str, tuple[list[tuple[str, bool]], list[tuple[str, bool]]]] = {}

    def named(self, file: str, *, constraining: bool = False) -> Named:
        """The packages of a file and of those it names; one that is not there is left alone: the build may make it."""
        told = Named([], set())
        seen: set[tuple[str, bool]] = set()
        ahead = [(file, constraining)]
        while ahead:
            written, constrains = ahead.pop()
            path = self._path(written)
            if path and (path, constrains) not in seen:
                seen.add((path, constrains))
                packages, others = self._parsed(path)
                if constrains:
                    told.pinned.update(name for name, exact in packages if exact)
                else:
                    told.packages.extend(packages)
                beside = posixpath.dirname(path)
                ahead += [(posixpath.join(beside, other), constrains or kind) for other, kind in others]
        return told

    def _path(self, written: str) -> str:
        """Which of the files of that name is meant: best the one that is copied by itself, then the one whose path is
        the longest end of what is written, then the one nearest to the top; empty when there is none.
        """
        wanted = f"/{posixpath.normpath(written)}"
        alike = [path for path in self._every if posixpath.basename(path) == posixpath.basename(wanted)]

        def rank(path: str) -> tuple[bool, int, int, str]:
            shared = len(path) if wanted.endswith(f"/{path}") else 0
            return path not in self._copied, -shared, path.count("/"), path

        return min(alike, key=rank, default="")

    def _parsed(self, path: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
        """The packages of one file, and the files it names, each with whether that one constrains."""
        if path not in self._read:
            packages: list[tuple[str, bool]] = []
            others: list[tuple[str, bool]] = []
            lines = self._submitted.text(path).replace("\\\n", " ").splitlines()
            self._lines += len(lines)
            if self._lines > MOST_LINES:
                raise Failure(f"the requirements files have more than {MOST_LINES} lines together")
            for line in lines:
                told = re.split(r"(?:^|\s)#", line.strip())[0].strip()
                if found := FILE.fullmatch(told) or CONSTRAINTS.fullmatch(told):
                    others.append((found[1].strip(), found.re is CONSTRAINTS))
                elif told and not told.startswith("-") and (read := _requirement(re.split(r"\s--", told)[0])):
                    packages.append(read)
            self._read[path] = packages, list(dict.fromkeys(others))
        return self._read[path]


def _requirement(text: str) -> tuple[str, bool] | None:
    """The package's name, and whether it has one version; None for a path, a variable or what pip would refuse."""
    if "$" in text:
        return None
    try:
        read = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None
    name = canonicalize_name(read.name)
    versions = [one for one in read.specifier if one.operator in ("==", "===") and not one.version.endswith(".*")]
    return name, bool(versions or read.url or name in TOOLS)
