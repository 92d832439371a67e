"""Sets the stage of a run: an exercise and its built images become a pod, its services and the grader's first line.

Every secret is made here, fresh for each run: ingest tokens, the nonce, and a key pair per program that takes bearer
tokens, so that a token for one is worthless at the other (a submission can find the reference's port, but not use it).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from assesskit.checks.image import HANDED_OVER, ImageFacts
from assesskit.checks.submitted import SUBMITTED
from assesskit.content import Exercise, fill
from assesskit.content.digests import files_below
from assesskit.content.schema import Dependency, Instrument
from assesskit.content.schema import Limits as AskedLimits
from assesskit.content.submitted import submitted
from assesskit.pods import Image, Limits, Pod, PodSpec, Program, Service, ServiceSpec

GRADER = Path(str(resources.files("assesskit"))) / "grader"
SUBMISSION = "submission"
"""The one program of a submission that has no parts."""


class Tested(NamedTuple):
    """A program that checks speak to, with a volume, an ingest token and a key pair of its own.

    It is the submission, or one of its parts in `folder` of it, or the reference beside it.
    """

    name: str
    role: Literal["submission", "reference"]
    folder: str
    ready_path: str
    relay_key: str | None
    volume_mb: int
    limits: AskedLimits
    env: Mapping[str, str]


class Secrets:
    """What only this run knows: a nonce for the grader's lines, a token and a key pair for each service that asks."""

    def __init__(self) -> None:
        self.nonce = secrets.token_hex(16)
        self._tokens: dict[str, str] = {}
        self._keys: dict[str, rsa.RSAPrivateKey] = {}

    def token(self, name: str) -> str:
        """Return the service's ingest token at the collector."""
        return self._tokens.setdefault(name, secrets.token_hex(16))

    def private_pem(self, name: str) -> str:
        """Return the key the grader signs the service's bearer tokens with."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self._key(name).private_bytes(*form).decode()

    def public_pem(self, name: str) -> str:
        """Return the key the service verifies bearer tokens with."""
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self._key(name).public_key().public_bytes(*form).decode()

    def _key(self, name: str) -> rsa.RSAPrivateKey:
        if name not in self._keys:
            self._keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._keys[name]


def tested(exercise: Exercise) -> tuple[Tested, ...]:
    """Return the programs that checks speak to; the first is the one whose clients we are."""
    whole = exercise.spec.submission
    if not whole.parts:
        common = (whole.ready_path, None, whole.volume_mb, whole.limits, whole.env)
        return Tested(SUBMISSION, "submission", ".", *common), Tested("reference", "reference", ".", *common)
    return tuple(
        Tested(
            part.name,
            "submission",
            part.folder,
            part.ready_path,
            part.relay_key,
            part.volume_mb,
            part.limits,
            {**whole.env, **part.env},
        )
        for part in whole.parts
    )


def programs(exercise: Exercise, submission: Path, *, reference: bool) -> dict[str, Program]:
    """Return every program of a run by service name; the submission's are the only ones not trusted, and come last."""
    wheels = exercise.folder / exercise.spec.submission.wheels
    images = exercise.spec.submission.images
    ours = {service.name: exercise.folder / service.folder for service in exercise.spec.services}
    if reference and any(one.role == "reference" for one in tested(exercise)):
        ours["reference"] = exercise.folder / exercise.spec.proof.reference
    return {
        "grader": Program("grader", GRADER, wheels=GRADER / "requirements.txt"),
        **{name: Program(name, folder, wheels=wheels, images=images) for name, folder in ours.items()},
        **{
            one.name: Program(one.name, submission / one.folder, wheels=wheels, images=images, trusted=False)
            for one in tested(exercise)
            if one.role == "submission"
        },
    }


def pod_spec(exercise: Exercise, run: str) -> PodSpec:
    """Return what the pod is asked for: a port for every listener, a volume for every program with a store."""
    listening: list[Tested | Dependency | Instrument]
    listening = [*tested(exercise), *exercise.spec.services, *exercise.spec.grader.instruments]
    relays = [f"relay-{edge.name}" for edge in _edges(exercise)]
    return PodSpec(
        run,
        ports=(*(one.name for one in listening), *relays, "collector"),
        volumes={one.name: one.volume_mb for one in tested(exercise) if one.volume_mb},
        seconds=exercise.spec.grader.seconds + 300.0,
    )


def service_specs(
    exercise: Exercise, images: Mapping[str, Image], pod: Pod, hidden: Secrets, files: Mapping[str, bytes]
) -> dict[str, ServiceSpec]:
    """Return every service of the run by name, with addresses and secrets filled into its environment.

    `files` are what the grader finds in its working directory.
    """
    specs = {
        "grader": ServiceSpec(
            "grader",
            "grader",
            images["grader"],
            files=files,
            limits=_limits(exercise.spec.grader.limits),
            interactive=True,
        )
    }
    for service in exercise.spec.services:
        env = _filled(service.env, service.name, pod, hidden)
        limits = _limits(service.limits)
        specs[service.name] = ServiceSpec(service.name, "dependency", images[service.name], env=env, limits=limits)
    for one in tested(exercise):
        if one.name in images:
            specs[one.name] = ServiceSpec(
                one.name,
                one.role,
                images[one.name],
                env=_filled(one.env, one.name, pod, hidden),
                volume=one.name if one.name in pod.volumes else None,
                limits=_limits(one.limits),
            )
    return specs


def grader_files(exercise: Exercise, tests: tuple[str, ...]) -> dict[str, bytes]:
    """Return what the grader finds in its working directory: the check library, the tests, the exercise's own files."""
    package = Path(str(resources.files("assesskit")))
    files = {f"assesskit/{name}": (package / name).read_bytes() for name in ("__init__.py", "errors.py")}
    for room in ("checks", "instruments"):
        files |= _below(package / room, f"assesskit/{room}")
    folders = {"public": exercise.public_tests, "hidden": exercise.hidden_tests}
    for name in tests:
        files |= _below(folders[name], name)
    return files | {name: (exercise.folder / name).read_bytes() for name in exercise.spec.grader.files}


def handed_over(exercise: Exercise, submission: Path, image: ImageFacts | None) -> dict[str, bytes]:
    """Return what the grader is told of the submission beside what it can see: some of its files, and its image."""
    told = {SUBMITTED: submitted(submission, exercise.spec.grader.submitted)}
    return told if image is None else told | {HANDED_OVER: image.written()}


def hello(
    exercise: Exercise,
    run: str,
    pod: Pod,
    hidden: Secrets,
    dependencies: Mapping[str, Service],
    *,
    tests: tuple[str, ...],
    criteria: tuple[str, ...],
) -> dict[str, Any]:
    """Return the harness's first line; see `checks.wire`."""
    candidates = tested(exercise)
    ready: list[Tested | Dependency] = [*candidates, *exercise.spec.services]
    services: dict[str, Any] = {}
    for each in ready:
        services[each.name] = {
            "port": pod.ports[each.name],
            "uid": dependencies[each.name].uid if each.name in dependencies else None,
            "ready_path": each.ready_path,
            "ready_within": exercise.spec.submission.ready_within,
        }
    for one in candidates:
        services[one.name] |= {"cpus": one.limits.cpus, "memory_bytes": one.limits.memory_mb * 2**20}
    return {
        "type": "hello",
        "nonce": hidden.nonce,
        "run": run,
        "seconds": exercise.spec.grader.seconds,
        "services": services,
        "parts": [one.name for one in candidates if one.role == "submission"],
        "relays": [
            {"name": edge.name, "port": pod.ports[f"relay-{edge.name}"], "target": pod.ports[edge.to], "key": edge.key}
            for edge in _edges(exercise)
        ],
        "collector": {
            "port": pod.ports["collector"],
            "tokens": {one.name: hidden.token(one.name) for one in candidates},
        },
        "instruments": [
            {"name": one.name, "module": one.module, "port": pod.ports[one.name], "token": hidden.token(one.source)}
            for one in exercise.spec.grader.instruments
        ],
        "facts": {
            **exercise.spec.grader.facts,
            "keys": {one.name: hidden.private_pem(one.name) for one in candidates},
        },
        "tests": list(tests),
        "criteria": list(criteria),
    }


class Edge(NamedTuple):
    """A relay: its name, the service it leads to, and where it reads the key of a call."""

    name: str
    to: str
    key: str


def _edges(exercise: Exercise) -> list[Edge]:
    """Return the relays in front of the services and of the submission's parts; the reference has some of its own."""
    candidates = tested(exercise)
    behind: list[Dependency | Tested] = [*exercise.spec.services, *candidates]
    named = [(one.name, one.relay_key) for one in behind if one.relay_key]
    edges = [Edge(name, name, key) for name, key in named]
    if any(one.role == "reference" for one in candidates):
        edges += [Edge(f"{name}-reference", name, key) for name, key in named]
    return edges


def _limits(asked: AskedLimits) -> Limits:
    """Return the limits an exercise asks for, as the pod's port takes them."""
    return Limits(**asked.model_dump())


def _below(folder: Path, prefix: str) -> dict[str, bytes]:
    return {f"{prefix}/{name}": path.read_bytes() for name, path in files_below(folder).items()}


def _filled(env: Mapping[str, str], name: str, pod: Pod, hidden: Secrets) -> dict[str, str]:
    """Fill in the placeholders of an environment; the content loader has checked that each is known."""
    values = {f"port.{port}": str(number) for port, number in pod.ports.items()}
    if name == "reference":  # through relays of its own: in the others the submission could stand in its way
        values |= {relay: values.get(f"{relay}-reference", value) for relay, value in values.items()}
    values |= {"port.self": str(pod.ports[name]), "token": hidden.token(name), "volume": pod.volumes.get(name, "")}
    if any("{public_key}" in template for template in env.values()):
        values["public_key"] = hidden.public_pem(name)
    return {variable: fill(template, values) for variable, template in env.items()}
