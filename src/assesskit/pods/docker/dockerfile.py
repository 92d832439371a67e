"""What an untrusted Dockerfile may not do: have the engine fetch something over its own network, or use any image."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from dockerfile_parse import DockerfileParser

from assesskit.errors import SubmissionFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

CONTINUED = re.compile(r"[\\`][ \t]*\r?\n")
REMOTE_ADD = re.compile(r"^\s*(?:ONBUILD\s+)?ADD\s.*(?:://|git@|\$)", re.IGNORECASE | re.MULTILINE)
COPY_FROM = re.compile(r"--from=(\S+)")
STAGE = re.compile(r"\sAS\s+(\S+)", re.IGNORECASE)


def refuse_downloads(text: str) -> None:
    """Raise SubmissionFailed (phase ``build``) for an ADD that fetches, or could."""
    if REMOTE_ADD.search(CONTINUED.sub("", text)):
        raise SubmissionFailed("build", "ADD with an address or a variable is not allowed: a build has no network")


def arguments_used(text: str, arguments: Collection[str]) -> set[str]:
    """Return which of `arguments`, build arguments that stand for an image, a Dockerfile takes images by.

    Raises SubmissionFailed (phase ``build``) for an image named in any other way: it may be there on one engine and
    missing on the next, and it may be somebody else's program.
    """
    try:
        used = set(_images_named(text, arguments)) - {"scratch", ""}
    except (ValueError, IndexError) as error:  # the parser's, for an instruction that lacks its words
        raise SubmissionFailed("build", "the Dockerfile cannot be read: an instruction is not complete") from error
    if others := sorted(used - set(arguments)):
        allowed = " or ".join(f"${{{argument}}}" for argument in arguments)
        raise SubmissionFailed("build", f"image {others[0]} is not here and is not fetched: start FROM {allowed}")
    return used


def _images_named(text: str, arguments: Collection[str]) -> Iterator[str]:
    """Yield every image that is not a stage above; an argument stands for its image, as no image has such a name."""
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()), build_args={name: name for name in arguments})
    parents = iter(parser.parent_images)
    names: list[str] = []
    for step in parser.structure:
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            if (parent := next(parents, "")).lower() not in names:
                yield parent
            named = STAGE.search(value)
            names.append(named[1].lower() if named else "")
        elif instruction in {"COPY", "ONBUILD"}:
            finished = {*names[:-1], *map(str, range(len(names) - 1))}
            yield from (source for source in COPY_FROM.findall(value) if source.lower() not in finished)
