"""Where services run: told by whoever starts them, and kept by the process that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from assesskit.model import Value
from assesskit.pods import PodRuntime


class Where(Value):
    """A runtime, and all that makes it: `cache` is a folder; `base_image` and `images` are those of `DockerRuntime`."""

    runtime: Literal["docker", "process"]
    cache: Path
    base_image: str = ""
    images: dict[str, str] = Field(default_factory=dict)

    def opened(self) -> PodRuntime:
        """The runtime; whether it answers is for its `check` to say."""
        if self.runtime == "docker":
            from assesskit.pods.docker import DockerRuntime

            return DockerRuntime(self.base_image, images=self.images, cache=self.cache)
        from assesskit.pods.process import ProcessRuntime

        return ProcessRuntime(cache=self.cache)
