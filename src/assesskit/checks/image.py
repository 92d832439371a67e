"""What a built image is: told by the runtime that built it, read by the checks.

The harness hands it to the grader as a file of its working directory, since it is too large for a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

HANDED_OVER = "image.json"
"""The file's name."""


@dataclass(frozen=True)
class Layer:
    """One step of an image's history: the bytes it added, and the instruction that did, as the engine tells it."""

    size: int
    made_by: str


@dataclass(frozen=True)
class ImageFacts:
    """What a built image is, beside the base image it started from.

    `user` is its USER as written, `uid` the number that is (None: it names a user the image does not have). `env` holds
    what it sets or changes, `layers` what it adds, oldest first; `size` is everything, `base_size` the base's part (0
    when it starts from scratch), in bytes. `files` are the regular files it adds or changes: absolute path -> bytes;
    `files_cut` is true when there were more than are kept.
    """

    user: str
    uid: int | None
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    ports: tuple[str, ...]
    layers: tuple[Layer, ...]
    size: int
    base_size: int
    files: Mapping[str, int]
    files_cut: bool = False

    def written(self) -> bytes:
        """As JSON; `read` is the way back."""
        return json.dumps(asdict(self)).encode()


def read(file: Path) -> ImageFacts | None:
    """Read what was written to `file`; None where there is none, as where the runtime could not tell."""
    if not file.exists():
        return None
    told = json.loads(file.read_bytes())
    lists = {name: tuple(told[name]) for name in ("entrypoint", "cmd", "ports")}
    return ImageFacts(**told | lists | {"layers": tuple(Layer(**layer) for layer in told["layers"])})
