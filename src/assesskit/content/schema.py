"""What exercise.toml, a rubric and the competencies file may hold, as values."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from assesskit.model import Criterion

RESERVED_SERVICES = ("submission", "reference", "grader", "collector", "self")
_RELAY_KEY = re.compile(r"json:(/[^/]*)+|header:[A-Za-z0-9-]+|path:[1-9][0-9]?")


class Table(BaseModel):
    """Base of every table: frozen, finite numbers, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _inside(path: str) -> str:
    if not path or "\\" in path or "\0" in path or path != str(PurePosixPath(path)) or path in (".", ".."):
        raise ValueError("must be a plain relative path with forward slashes")
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("leaves its folder")
    return path


def _service_name(name: str) -> str:
    if name in RESERVED_SERVICES or name.startswith("relay-"):
        raise ValueError(f"{name!r} is a name the pod uses itself")
    return name


def _relay_key(key: str) -> str:
    if not _RELAY_KEY.fullmatch(key):
        raise ValueError("must be json:/pointer, header:Name or path:N")
    return key


def _image_argument(name: str) -> str:
    if name == "BASE_IMAGE":
        raise ValueError("is always given, whatever the engine has for it")
    return name


RelativePath = Annotated[str, AfterValidator(_inside)]
"""Relative to the exercise's folder, `/`-separated, never out of it."""
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
SLUG = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
Slug = Annotated[str, StringConstraints(pattern=f"^{SLUG}$", max_length=40)]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$")]
ServiceName = Annotated[Slug, AfterValidator(_service_name)]
RelayKey = Annotated[str, AfterValidator(_relay_key)]
Drawn = Annotated[str, StringConstraints(pattern=r"^([a-z]+|[A-Z]+|[1-9][0-9]*)$")]
"""A word in lower case, which stands for all its case forms, one in capitals, which stands for itself, or a number."""
Environment = dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str]


ImageArgument = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*_IMAGE$"), AfterValidator(_image_argument)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._:/@-]*$")]


class Limits(Table):
    """What a service may use, field by field the same as `pods.port.Limits`. Sizes in MiB, `cpus` in cores."""

    memory_mb: int = Field(default=256, ge=16)
    cpus: float = Field(default=1.0, gt=0)
    pids: int = Field(default=128, gt=0)
    files: int = Field(default=1024, gt=0)
    file_mb: int = Field(default=64, gt=0)
    tmp_mb: int = Field(default=64, gt=0)
    log_mb: int = Field(default=2, gt=0)
    seconds: float = Field(default=300.0, gt=0)


class AiPolicy(Table):
    """Whether AI assistants may be used, and the words the candidate reads about it."""

    policy: Literal["allowed", "declared", "forbidden"]
    text: Text


class Candidate(Table):
    """The allow-list of what a workspace gets; the public checks are added to it.

    A kit also holds the `facts` of [grader.facts] that public checks read, and those files of [grader] that are in
    `files`. Of our services in `sources` the workspace has the source, in a folder of the service's name.
    With `pause` a candidate may stop the clock. `privacy` replaces what a kit says about personal data.
    """

    brief: RelativePath
    starter: RelativePath
    files: tuple[RelativePath, ...] = ()
    sources: tuple[Slug, ...] = ()
    facts: tuple[str, ...] = ()
    pause: bool = True
    privacy: Text | None = None


class Part(Table):
    """One program of a submission that is several. `env` is added to what all of its programs get.

    With `relay_key` the others reach it only through a relay that reads this key.
    """

    name: ServiceName
    folder: RelativePath
    ready_path: UrlPath
    relay_key: RelayKey | None = None
    volume_mb: int = Field(default=0, ge=0)
    limits: Limits = Limits()
    env: Environment = {}


class Submission(Table):
    """How a submission is built, started and bounded. `ready_within` in seconds; `volume_mb` 0 means no volume.

    `images` are the images it may start from besides BASE_IMAGE: build argument -> the name the image usually has.
    With `parts` it is several programs, each built from a folder of its own, and no reference runs beside them; the
    first is the one whose clients we are.
    """

    required: tuple[RelativePath, ...] = Field(min_length=1)
    wheels: RelativePath
    ready_path: UrlPath
    ready_within: float = Field(gt=0)
    volume_mb: int = Field(default=0, ge=0)
    max_mb: int = Field(gt=0)
    images: dict[ImageArgument, ImageName] = {}
    limits: Limits = Limits()
    env: Environment = {}
    parts: tuple[Part, ...] = ()


class Dependency(Table):
    """A service of ours. With `relay_key` the submission reaches it only through a relay that reads this key."""

    name: ServiceName
    folder: RelativePath
    ready_path: UrlPath
    relay_key: RelayKey | None = None
    limits: Limits = Limits()
    env: Environment = {}


class Instrument(Table):
    """One more program that runs beside the grader: a module of ours that listens on a port of its own.

    What it passes on to the collector comes with the ingest token of `source`, a program of the submission.
    """

    name: ServiceName
    module: Annotated[str, StringConstraints(pattern=r"^assesskit\.instruments\.[a-z_]+$")]
    source: Slug


class Grader(Table):
    """The grader's part: `seconds` bounds its whole run, `files` and `facts` are handed to the checks.

    `submitted` are patterns of the submission's own files that the checks may read, as data; see `content.submitted`.
    """

    seconds: float = Field(gt=0)
    files: tuple[RelativePath, ...] = ()
    submitted: tuple[RelativePath, ...] = ()
    limits: Limits = Limits(memory_mb=768)
    instruments: tuple[Instrument, ...] = ()
    facts: dict[str, Any] = {}


class StarterClaim(Table):
    """What grading the untouched starter must give: exactly `fails` are not met, or it is no working submission."""

    outcome: Literal["graded", "submission_failed"] = "graded"
    fails: tuple[str, ...] = ()


class WrongClaim(Table):
    """The whole of proof/mutants/<name>/claim.toml: exactly the criteria a wrong program must fail, and why it does."""

    fails: tuple[str, ...] = Field(min_length=1)
    why: Text
    demo: bool = False


class Alternate(Table):
    """A right program written another way, which must meet everything the reference meets."""

    name: Slug
    program: RelativePath
    why: Text


class Proof(Table):
    """What shows that the exercise measures what it says.

    `load` names the criteria measured with load windows, which nothing may run beside; `slow` those that take long and
    mind no company. A wrong program that names no criterion of a list is proven without those in it.
    """

    reference: RelativePath
    load: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    starter: StarterClaim
    alternates: tuple[Alternate, ...] = ()


class Spec(Table):
    """The whole of exercise.toml."""

    slug: Slug
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
    minutes: int = Field(gt=0)
    summary: Text
    ai: AiPolicy
    candidate: Candidate
    submission: Submission
    services: tuple[Dependency, ...] = ()
    grader: Grader
    proof: Proof


class FaultSet(Table):
    """The wrong programs whose patches a starter has. Each key of `masks` hides the one it names, while it is there."""

    faults: tuple[Slug, ...] = Field(min_length=1)
    masks: dict[Slug, Slug] = {}


class VariantsFile(Table):
    """The whole of variants.toml: what is drawn, by parameter, and phrases that no variant touches.

    A parameter lists, for each word or number the files are written with, what else may stand for it. What stands at
    the same place of its lists is drawn together. Of `sets` the first is the one that the files are written with.
    """

    keep: tuple[Text, ...] = ()
    sets: dict[Slug, FaultSet] = {}
    draw: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")],
        dict[Drawn, tuple[Drawn | Annotated[int, Field(gt=0)], ...]],
    ]


class RubricFile(Table):
    """The whole of docs/rubrics/<slug>.toml."""

    exercise: Slug
    criteria: tuple[Criterion, ...] = Field(min_length=1)


class CompetenciesFile(Table):
    """The whole of docs/rubrics/competencies.toml: title by id, in the order reports show them."""

    competencies: dict[Slug, Text] = Field(min_length=1)
