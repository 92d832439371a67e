"""The connection to a Docker engine: one client, explicit timeouts, and its faults as ours."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from assesskit.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "assesskit"
RUN = "assesskit.run"
POD = "assesskit.pod"
ROLE = "assesskit.role"
DEADLINE = "assesskit.deadline"
OWNER = "assesskit.owner"

FAULTS = (DockerException, RequestException, HTTPError, OSError)
NOT_FOUND = 404
CONFLICT = 409
REMOVAL_SECONDS = 20.0
POLL_SECONDS = 0.05


@contextmanager
def faults(doing: str) -> Iterator[None]:
    """Turn whatever the client raises inside into an EngineError that says what was being done."""
    try:
        yield
    except FAULTS as error:
        raise EngineError(
            f"{doing}: {reason(error)}", where="docker", hint="see `docker info` and the engine's log"
        ) from error


def reason(error: BaseException) -> str:
    """Return the engine's own words for an error, in one line."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else error
    return " ".join(str(text).split()) or type(error).__name__


class Engine:
    """A Docker engine, found as the docker command finds it (DOCKER_HOST, or the current context), at the first use.

    `timeout` bounds every single request, in seconds. The environment is read when this is made.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = math.ceil(timeout)
        self._environment = dict(os.environ)

    @cached_property
    def api(self) -> docker.APIClient:
        """The engine's client; raises one of `FAULTS` when nothing answers. Threads may share it."""
        return self._client("auto")

    def another(self) -> docker.APIClient:
        """Return a client of its own for one long request; the caller closes it."""
        return self._client(self.api.api_version)

    def _client(self, version: str) -> docker.APIClient:
        found = docker.from_env(version=version, timeout=self._timeout, max_pool_size=32, environment=self._environment)
        return found.api

    def image(self, ref: str) -> dict[str, Any]:
        """Inspect an image; raises docker's ImageNotFound when the engine does not have it."""
        found: dict[str, Any] = self.api.inspect_image(ref)  # type: ignore[no-untyped-call]
        return found

    def remove(self, pod: str) -> None:
        """Kill and remove every container and volume of a pod, and make sure that nothing is left.

        Containers that share the pod's network go before the one that holds it. Raises EngineError.
        """
        only = {"label": f"{POD}={pod}"}
        until = time.monotonic() + REMOVAL_SECONDS
        with faults(f"removing pod {pod}"):
            while True:
                containers = self.api.containers(all=True, filters=only)
                for container in sorted(containers, key=lambda each: each["Labels"].get(ROLE) == "pause"):
                    self.discard(container["Id"])
                volumes = [] if containers else self.api.volumes(filters=only)["Volumes"] or []
                for volume in volumes:
                    self.discard_volume(volume["Name"])
                if not containers and not volumes:
                    return
                if time.monotonic() > until:
                    raise EngineError(f"pod {pod} cannot be removed", where="docker")
                time.sleep(0 if volumes else POLL_SECONDS)

    def discard(self, container: str) -> None:
        """Kill and remove one container with its anonymous volumes. One that is gone, or going, is no error."""
        try:
            self.api.remove_container(container, v=True, force=True)
        except APIError as error:
            if error.status_code not in {NOT_FOUND, CONFLICT}:
                raise

    def discard_volume(self, name: str) -> None:
        """Remove one volume. One that is gone, or still in use, is no error."""
        try:
            self.api.remove_volume(name)
        except APIError as error:
            if error.status_code not in {NOT_FOUND, CONFLICT}:
                raise


def labels(**values: Any) -> dict[str, str]:
    """Labels every object of ours carries, plus the given ones (``run`` becomes ``assesskit.run``)."""
    return {MARK: "1"} | {f"{MARK}.{key}": str(value) for key, value in values.items()}
