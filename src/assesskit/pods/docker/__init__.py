"""Pods on a Docker engine: the only runtime that may run code nobody trusts.

`engine` talks to it; `images` (with `wheels`, `context`, `dockerfile`, `build`) makes programs into images, and `facts`
says what they are; `flags` says what a container may do; `pod`, `service`, `channel` and `logs` run them; `owner` finds
what killed harnesses left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assesskit.errors import EngineError, RuntimeUnavailableError
from assesskit.model import RuntimeInfo
from assesskit.pods.docker.engine import FAULTS, Engine, reason
from assesskit.pods.docker.images import Images
from assesskit.pods.docker.owner import reap
from assesskit.pods.docker.pod import DockerPod, open_pod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assesskit.checks.image import ImageFacts
    from assesskit.pods.port import Image, OnLine, PodSpec, Program

__all__ = ["DockerRuntime"]


class DockerRuntime:
    """Builds programs and opens pods on the engine DOCKER_HOST names, or the local one.

    `base_image` is what every Dockerfile's BASE_IMAGE becomes (with wheels added); `images` says, by build argument,
    which image this engine has in place of one that a program names; `cache` keeps fetched packages;
    `client_timeout` bounds every request to the engine, in seconds.
    """

    name = "docker"

    def __init__(
        self, base_image: str, *, cache: Path, images: Mapping[str, str] | None = None, client_timeout: float = 60
    ) -> None:
        self._base_image = base_image
        self._engine = Engine(client_timeout)
        self._images = Images(self._engine, base_image, images or {}, cache)

    def check(self) -> RuntimeInfo:
        """Say which engine answers, and that it has the base image; RuntimeUnavailableError otherwise."""
        try:
            said: Any = self._engine.api.info()
        except FAULTS as error:
            raise RuntimeUnavailableError(
                f"no Docker engine answers: {reason(error)}",
                where="docker",
                hint="start Docker, or set DOCKER_HOST; on a bare Debian machine: scripts/engine up",
            ) from error
        try:
            base = self._images.raw_id()
        except EngineError as error:
            raise RuntimeUnavailableError(error.what, where=error.where, hint=error.hint) from error
        facts = {
            "api": self._engine.api.api_version,
            "storage": said["Driver"],
            "cgroup": said["CgroupVersion"],
            "kernel": said["KernelVersion"],
            "system": said["OperatingSystem"],
            "architecture": said["Architecture"],
            "cores": str(said["NCPU"]),
            "memory_bytes": str(said["MemTotal"]),
            "base_image": self._base_image,
            "base_id": base,
        }
        return RuntimeInfo(name=self.name, version=said["ServerVersion"], isolated=True, facts=facts)

    def build(self, program: Program, on_line: OnLine) -> Image:
        """Build a program, see `PodRuntime.build`."""
        return self._images.build(program, on_line)

    def describe(self, program: Program, image: Image) -> ImageFacts:
        """Say what the image of a program is, see `PodRuntime.describe`."""
        return self._images.describe(program, image)

    def open(self, spec: PodSpec) -> DockerPod:
        """Open a pod, see `PodRuntime.open`."""
        return open_pod(self._engine, spec, self._base_image, self._images.base_environment())

    def reap(self) -> list[str]:
        """Remove pods past their deadline, and at once those whose process on this host is gone."""
        return reap(self._engine)
