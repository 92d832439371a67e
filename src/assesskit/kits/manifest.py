"""What travels with a workspace and with a submission, besides their files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from assesskit.content import Exercise
from assesskit.content.digests import digest_files, digest_of
from assesskit.model import Value
from assesskit.variants import A_SEED, is_seed


def _seed(seed: str) -> str:
    if not is_seed(seed):
        raise ValueError(f"is no seed: {A_SEED}")
    return seed


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Seed = Annotated[str, AfterValidator(_seed)]

MARKER = ".assesskit.json"
"""The file that makes a folder a workspace."""


class Workspace(Value):
    """What a workspace was started from: the exercise, the seed of its variant (None for the default one), and the
    digest of everything the candidate was given (`kit`).
    """

    schema_id: Literal["assesskit/workspace/1"] = "assesskit/workspace/1"
    exercise: str
    version: str
    seed: Seed | None = None
    kit: Sha256
    started: datetime


class FrozenFile(Value):
    """A file of a submission; `size` in bytes."""

    path: str
    sha256: Sha256
    size: int = Field(ge=0)
    executable: bool = False


class Manifest(Value):
    """What a submission holds, and where it comes from. `tool` is the version that froze it."""

    schema_id: Literal["assesskit/submission/1"] = "assesskit/submission/1"
    workspace: Workspace
    frozen: datetime
    tool: str
    files: tuple[FrozenFile, ...]

    def digest(self) -> str:
        """SHA-256 of the files' paths and contents: equal for equal submissions, whenever they were frozen."""
        return digest_of({file.path: file.sha256 for file in self.files})


def kit_digest(exercise: Exercise) -> str:
    """SHA-256 of everything a candidate is given."""
    return digest_files(dict(exercise.handout()))


def not_of(exercise: Exercise, workspace: Workspace) -> str | None:
    """Why a workspace is not one of this exercise as it is now, or None if it is."""
    if workspace.exercise != exercise.slug:
        return f"is of exercise {workspace.exercise!r}, not {exercise.slug!r}"
    if workspace.version != exercise.spec.version:
        return f"is of version {workspace.version!r} of {exercise.slug}, here is {exercise.spec.version}"
    if workspace.seed != exercise.variant.seed:
        return f"is of {_variant(workspace.seed)} of {exercise.slug}, not of {_variant(exercise.variant.seed)}"
    if workspace.kit != kit_digest(exercise):
        return (
            f"was started from another {exercise.slug} {exercise.spec.version}: what candidates are given has changed"
        )
    return None


def _variant(seed: str | None) -> str:
    return "the default variant" if seed is None else f"the variant of seed {seed!r}"
