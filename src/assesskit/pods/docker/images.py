"""Programs as images: the base with the packages a program may install, and the program built on it."""

from __future__ import annotations

import hashlib
import re
import secrets
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from docker.errors import APIError
from filelock import FileLock

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods.docker import flags
from assesskit.pods.docker.build import build
from assesskit.pods.docker.context import pack, pack_ours
from assesskit.pods.docker.dockerfile import arguments_used, refuse_downloads
from assesskit.pods.docker.engine import faults, labels
from assesskit.pods.docker.facts import describe
from assesskit.pods.docker.wheels import ASK_TARGET, Target, fetch
from assesskit.pods.port import Image, Limits
from assesskit.pods.recipe import dockerfile_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from assesskit.checks.image import ImageFacts
    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import OnLine, Program

ASK_SECONDS = 60
DIGEST_CHARACTERS = 24
CANARY_LIMITS = Limits(seconds=60.0)
OUR_LIMITS = Limits(memory_mb=1024, cpus=2.0, pids=512, seconds=600.0)
RECIPE = """\
FROM {raw}
COPY wheels /opt/wheelhouse
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/opt/wheelhouse PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
RUN command -v python || ln -s "$(command -v python3)" /usr/local/bin/python
"""

CANARY = """\
FROM {base}
COPY Dockerfile /canary
RUN head -c 64M /dev/zero > /canary
"""
"""Writes enough for a disk to be called full that has no room for it."""


class Images:
    """Builds programs on one engine.

    `base_image` is the raw base of every program, `images` the others that this engine has under a name of its own, by
    build argument; `cache` keeps wheels.
    """

    def __init__(self, engine: Engine, base_image: str, images: Mapping[str, str], cache: Path) -> None:
        self._engine = engine
        self._base_image = base_image
        self._images = images
        self._cache = cache

    def build(self, program: Program, on_line: OnLine) -> Image:
        """Build a program, or return the image built before, see `PodRuntime.build`."""
        if not program.trusted:
            return self._build(program, on_line)
        with _ours(f"building {program.name}"):
            return self._build(program, on_line)

    def describe(self, program: Program, image: Image) -> ImageFacts:
        """Say what the image of a program is, see `PodRuntime.describe`."""
        arguments, _ = self._arguments(program, self._base(program.wheels.read_text(), lambda _: None))
        return describe(self._engine, image.ref, arguments.values(), self._cache)

    def raw_id(self) -> str:
        """Return the id of the raw base image; EngineError when the engine does not have it."""
        return self._image_id("BASE_IMAGE", self._base_image)

    def base_environment(self) -> dict[str, str]:
        """Return the variables that a program's image has from its base and not from its own Dockerfile."""
        lines = RECIPE.partition("ENV ")[2].partition("\n")[0].split()
        found = self._inspect(self._base_image) or {}
        raw = (found.get("Config") or {}).get("Env") or []
        return dict(pair.partition("=")[::2] for pair in [*raw, *lines])

    def _build(self, program: Program, on_line: OnLine) -> Image:
        if not program.trusted and program.wheels.resolve().is_relative_to(program.folder.resolve()):
            raise ValueError("an untrusted program cannot say which packages are fetched: that may run code here")
        base = self._base(program.wheels.read_text(), on_line)
        with tempfile.TemporaryFile() as context:
            content = pack(program.folder, program.dockerfile, context)
            arguments, ids = self._arguments(program, base)
            digest = _digest(content, base, program.dockerfile, *ids)
            tag = f"assesskit-{_name(program.name)}:{digest[:DIGEST_CHARACTERS]}"
            options = {"dockerfile": program.dockerfile, "buildargs": arguments}
            try:
                self._once(tag, context, program.limits, on_line, **options)
            except SubmissionFailed:
                self._still_builds(base)
                raise
        return Image(tag, digest)

    def _arguments(self, program: Program, base: str) -> tuple[dict[str, str], list[str]]:
        """Return the build arguments a program gets, and the ids of the images it uses besides the base."""
        try:
            text = dockerfile_text(program.folder / program.dockerfile)
        except ValueError as error:
            raise SubmissionFailed("build", f"{program.dockerfile} cannot be read: {error}") from error
        if not program.trusted:
            refuse_downloads(text)
        used = sorted(arguments_used(text, ["BASE_IMAGE", *program.images]) - {"BASE_IMAGE"})
        others = {argument: self._images.get(argument, program.images[argument]) for argument in used}
        return {"BASE_IMAGE": base, **others}, [self._image_id(argument, image) for argument, image in others.items()]

    def _image_id(self, argument: str, image: str) -> str:
        found = self._inspect(image)
        if found is None:
            hint = f"`docker pull {image}`, or name another in ASSESSKIT_{argument}"
            raise EngineError(f"there is no image {image}, which is {argument} here", where="docker", hint=hint)
        return str(found["Id"])

    def _still_builds(self, base: str) -> None:
        """Raise EngineError when the engine cannot build something small either: a full disk, or an engine that hangs.

        What failed was then no fault of the program that was built.
        """
        tag = f"assesskit-canary:{secrets.token_hex(8)}"
        with tempfile.TemporaryFile() as context, _ours("the engine builds nothing any more"):
            pack_ours(CANARY.format(base=base), None, context)
            build(self._engine, context, tag, CANARY_LIMITS, lambda _: None, nocache=True)
        with faults("removing the canary's image"):
            self._engine.api.remove_image(tag, force=True)

    def _base(self, wheels: str, on_line: OnLine) -> str:
        """Return the base image with the wheels in it, making it at first use."""
        raw = self.raw_id()
        tag = f"assesskit-base:{_digest(raw, wheels, RECIPE)[:DIGEST_CHARACTERS]}"
        if self._inspect(tag) is None:
            on_line("fetching packages for the base image")
            wheelhouse = fetch(wheels, self._target(raw), self._cache)
            with tempfile.TemporaryFile() as context, _ours("building the base image"):
                pack_ours(RECIPE.format(raw=raw), wheelhouse, context)
                self._once(tag, context, OUR_LIMITS, on_line)
        return tag

    def _target(self, raw: str) -> Target:
        """Ask the raw base image which Python it has."""
        api = self._engine.api
        with faults("asking the base image for its Python"):
            config = api.create_host_config(network_mode="none", cap_drop=["ALL"], mem_limit=256 * flags.MIB)
            command = ["python3", "-c", ASK_TARGET]
            made = api.create_container(raw, entrypoint=command, command=[], labels=labels(), host_config=config)
            try:
                api.start(made["Id"])
                status = api.wait(made["Id"], timeout=ASK_SECONDS)["StatusCode"]
                answer = api.logs(made["Id"], stdout=True, stderr=bool(status)).decode()
            finally:
                self._engine.discard(made["Id"])
        if status:
            raise EngineError(f"{self._base_image} has no Python with pip: {answer[-500:]}", where="docker")
        return Target(answer)

    def _once(self, tag: str, context: IO[bytes], limits: Limits, on_line: OnLine, **options: Any) -> None:
        """Build an image unless it is there; of several builders of the same image one builds."""
        locks = self._cache / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{tag.replace(':', '-')}.lock"):
            if self._inspect(tag) is None:
                build(self._engine, context, tag, limits, on_line, **options)

    def _inspect(self, ref: str) -> dict[str, Any] | None:
        with faults(f"looking for image {ref}"):
            try:
                return self._engine.image(ref)
            except APIError as error:
                if error.is_client_error():
                    return None
                raise


@contextmanager
def _ours(where: str) -> Iterator[None]:
    """What fails inside is not the candidate's failure, but ours."""
    try:
        yield
    except SubmissionFailed as failed:
        raise EngineError(f"{failed.reason}\n{failed.log}".rstrip(), where=where) from failed


def _name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "program"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
