"""What an untrusted Dockerfile may not do: have the engine itself fetch something, over its own network."""

from __future__ import annotations

import io
import re

from dockerfile_parse import DockerfileParser

from assesskit.errors import SubmissionFailed

CONTINUED = re.compile(r"[\\`][ \t]*\r?\n")
REMOTE_ADD = re.compile(r"^\s*(?:ONBUILD\s+)?ADD\s.*(?:://|git@|\$)", re.IGNORECASE | re.MULTILINE)
COPY_FROM = re.compile(r"--from=(\S+)")
STAGE = re.compile(r"\sAS\s+(\S+)", re.IGNORECASE)


def refuse_downloads(text: str) -> None:
    """Raise SubmissionFailed (phase ``build``) for an ADD that fetches, or could."""
    if REMOTE_ADD.search(CONTINUED.sub("", text)):
        raise SubmissionFailed("build", "ADD with an address or a variable is not allowed: a build has no network")


def images_named(text: str, base: str) -> set[str]:
    """Return the images a Dockerfile takes from elsewhere, with `base` as BASE_IMAGE, but for scratch."""
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()), build_args={"BASE_IMAGE": base})
    steps = parser.structure
    named = set(parser.parent_images)
    named |= {
        found[1] for step in steps if step["instruction"] == "COPY" for found in COPY_FROM.finditer(step["value"])
    }
    stages = [step["value"] for step in steps if step["instruction"] == "FROM"]
    own = {found[1] for value in stages if (found := STAGE.search(value))}
    own |= {str(number) for number in range(len(stages))}
    return named - own - {"scratch", ""}
