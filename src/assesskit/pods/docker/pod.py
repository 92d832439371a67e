"""A pod on a Docker engine: a pause container that owns the network and the volumes, and the services that join it."""

from __future__ import annotations

import io
import secrets
import tarfile
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from docker.errors import APIError
from docker.types import DriverConfig, Mount

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods.docker import flags
from assesskit.pods.docker.engine import CONFLICT, faults, labels
from assesskit.pods.docker.owner import this_process
from assesskit.pods.docker.service import DockerService
from assesskit.pods.finishing import to_the_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from assesskit.pods.docker.engine import Engine
    from assesskit.pods.port import PodSpec, ServiceSpec

FIRST_PORT = 20001
FIRST_UID = 20000
UIDS_PER_POD = 64
PODS = 500
VOLUME_PATH = "/data"
FILES_PATH = "/grader"
PLAIN_ENV = {"HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108  inside the container


class DockerPod:
    """The containers of one run. `open_pod` makes one.

    Its place among all live pods of the engine is the number in its pause container's name: the engine gives a name to
    one container only, so no two pods share a number, nor a user id.
    """

    def __init__(self, engine: Engine, spec: PodSpec, base_image: str, base_env: Mapping[str, str]) -> None:
        self.run = spec.run
        self.ports: Mapping[str, int] = {name: FIRST_PORT + index for index, name in enumerate(spec.ports)}
        self.volumes: Mapping[str, str] = dict.fromkeys(spec.volumes, VOLUME_PATH)
        self._engine = engine
        self._spec = spec
        self._base_image = base_image
        self._base_env = base_env
        self._id = secrets.token_hex(6)
        self._labels = {
            "run": spec.run,
            "pod": self._id,
            "deadline": int(time.time() + spec.seconds),
            "owner": this_process(),
        }
        self._lock = threading.Lock()
        self._services: list[DockerService] = []
        self._pause = ""
        self._next_uid = 0
        self._volume_uids: dict[str, int] = {}
        self._closed = False

    def hold(self) -> None:
        """Create and start the pause container, with the first free number. Raises EngineError."""
        start = secrets.randbelow(PODS)
        with faults("opening the pod"):
            for step in range(PODS):
                number = (start + step) % PODS
                if self._claim(number):
                    self._engine.api.start(self._pause)
                    return
        raise EngineError(f"{PODS} pods are open already", where="docker")

    def start(self, spec: ServiceSpec) -> DockerService:
        """Start a service, see `Pod.start`.

        Raises SubmissionFailed (phase ``start``) for a submission whose image has no command or declares a VOLUME.
        """
        return to_the_end(lambda: self._start(spec))

    def _start(self, spec: ServiceSpec) -> DockerService:
        with faults(f"starting {spec.name}"), ExitStack() as undo:
            image = self._engine.image(spec.image.ref)["Config"]
            command = list(spec.command or [*(image.get("Entrypoint") or []), *(image.get("Cmd") or [])])
            if not command:
                _refuse(spec, "the image says no command: its Dockerfile needs a CMD or an ENTRYPOINT")
            mounts = self._mounts(spec, undo)
            uid = self._uid(spec.volume)
            user = f"{uid}:{uid}"
            asked = flags.service_flags(self._engine.api, self._pause, spec.role, spec.limits, mounts)
            made = self._engine.api.create_container(
                spec.image.ref,
                entrypoint=command,
                command=[],
                working_dir=FILES_PATH if spec.files else None,
                environment=self._environment(spec, image),
                user=user,
                healthcheck=flags.NO_HEALTHCHECK,
                stdin_open=spec.interactive,
                labels=labels(role=spec.role, service=spec.name, **self._labels),
                host_config=asked,
            )
            undo.callback(self._engine.discard, made["Id"])
            different = flags.differences(asked, user, self._engine.api.inspect_container(made["Id"]))
            if different:
                _refuse(spec, "; ".join(different))
            service = DockerService(self._engine, spec, made["Id"], uid)
            undo.callback(service.detach)
            try:
                service.start()
            except EngineError as error:
                if spec.role == "submission" and self._starts_the_base(asked, user):
                    raise SubmissionFailed("start", "its image cannot be started", log=error.what) from error
                raise
            self._services.append(service)
            undo.pop_all()
            return service

    def _starts_the_base(self, asked: Mapping[str, Any], user: str) -> bool:
        """Whether the engine starts the base image where it did not start a submission: then it is the image's doing.

        An image may hold a file where a mount belongs, or a link in the place of /tmp.
        """
        marks = labels(role="canary", **self._labels)
        made = self._engine.api.create_container(
            self._base_image, entrypoint=["true"], command=[], user=user, labels=marks, host_config=asked
        )
        try:
            self._engine.api.start(made["Id"])
        except APIError:
            return False
        finally:
            self._engine.discard(made["Id"])
        return True

    def close(self) -> None:
        """Kill and remove every container and volume of the pod. Calling it twice is fine."""
        to_the_end(self._close)

    def _close(self) -> None:
        if self._closed:
            return
        try:
            self._engine.remove(self._id)
            self._closed = True
        finally:
            for service in self._services:
                service.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claim(self, number: int) -> bool:
        self._next_uid = FIRST_UID + number * UIDS_PER_POD
        self._volume_uids = {name: self._take_uid() for name in self._spec.volumes}
        mounts = [self._volume(name, f"/volumes/{name}") for name in self._spec.volumes]
        try:
            made = self._engine.api.create_container(
                self._base_image,
                name=f"assesskit-pod-{number}",
                hostname="pod",
                entrypoint=["sleep", "infinity"],
                command=[],
                user=str(flags.PAUSE_UID),
                healthcheck=flags.NO_HEALTHCHECK,
                labels=labels(role="pause", **self._labels),
                host_config=flags.pause_flags(self._engine.api, self.ports, mounts),
            )
        except APIError as error:
            if error.status_code == CONFLICT:
                return False
            raise
        self._pause = made["Id"]
        return True

    def _take_uid(self) -> int:
        with self._lock:
            self._next_uid += 1
            if self._next_uid % UIDS_PER_POD == FIRST_UID % UIDS_PER_POD:
                raise EngineError(f"a pod holds at most {UIDS_PER_POD - 1} services and volumes", where="docker")
            return self._next_uid

    def _uid(self, volume: str | None) -> int:
        """Return a user id nobody else has; services that mount a volume run as its owner."""
        return self._take_uid() if volume is None else self._volume_uids[volume]

    def _volume(self, name: str, target: str) -> Mount:
        """A capped volume in memory. The pause container mounts it too, which keeps it while its service is down."""
        size, uid = self._spec.volumes[name], self._volume_uids[name]
        options = f"size={size}m,nr_inodes={size * flags.INODES_PER_MB},uid={uid},gid={uid},mode=0700,nosuid,nodev"
        return Mount(
            target,
            f"assesskit-{self._id}-{name}",
            no_copy=True,
            labels=labels(role="volume", **self._labels),
            driver_config=DriverConfig("local", {"type": "tmpfs", "device": "tmpfs", "o": options}),
        )

    def _mounts(self, spec: ServiceSpec, undo: ExitStack) -> list[Mount]:
        mounts = [] if spec.volume is None else [self._volume(spec.volume, VOLUME_PATH)]
        return [*mounts, self._filled(spec, undo)] if spec.files else mounts

    def _filled(self, spec: ServiceSpec, undo: ExitStack) -> Mount:
        """Make a volume of the service's files, which the service mounts read-only.

        A container that never runs fills it, because files can be copied into a writable mount only.
        """
        name = f"assesskit-{self._id}-files-{secrets.token_hex(4)}"
        marks = labels(role="files", service=spec.name, **self._labels)
        writable = Mount(FILES_PATH, name, labels=marks)
        undo.callback(self._engine.discard_volume, name)
        made = self._engine.api.create_container(
            spec.image.ref,
            entrypoint=["none"],
            command=[],
            labels=marks,
            host_config=self._engine.api.create_host_config(mounts=[writable], network_mode="none"),
        )
        try:
            self._engine.api.put_archive(made["Id"], FILES_PATH, _archive(spec))
        finally:
            self._engine.discard(made["Id"])
        return Mount(FILES_PATH, name, read_only=True, no_copy=True, labels=marks)

    def _environment(self, spec: ServiceSpec, image: Mapping[str, Any]) -> list[str]:
        """Return the variables to set, and bare names for those to unset.

        The program's own Dockerfile may set variables; what its base image sets, and what the engine adds, is taken
        away, but for PATH.
        """
        own = dict(pair.partition("=")[::2] for pair in image.get("Env") or [])
        unset = {name for name in own if name != "PATH" and own[name] == self._base_env.get(name)} | {"HOSTNAME"}
        wanted = PLAIN_ENV | {name: value for name, value in own.items() if name not in unset} | dict(spec.env)
        return [f"{name}={value}" for name, value in wanted.items()] + sorted(unset - set(wanted))


def open_pod(engine: Engine, spec: PodSpec, base_image: str, base_env: Mapping[str, str]) -> DockerPod:
    """Open a pod. Raises EngineError, and then leaves nothing behind."""
    with ExitStack() as undo:
        pod = DockerPod(engine, spec, base_image, base_env)
        undo.callback(pod.close)
        to_the_end(pod.hold)
        undo.pop_all()
        return pod


def _refuse(spec: ServiceSpec, why: str) -> None:
    if spec.role == "submission":
        raise SubmissionFailed("start", why)
    raise EngineError(why, where=spec.name)


def _archive(spec: ServiceSpec) -> bytes:
    """Pack a service's files for the engine's copy call, owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in sorted(spec.files.items()):
            if path.startswith("/") or ".." in path.split("/"):
                raise EngineError(f"{path} leaves the working directory", where=spec.name)
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
