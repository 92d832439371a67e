"""Sets the stage of a run: an exercise and its built images become a pod, its services and the grader's first line.

Every secret is made here, fresh for each run: ingest tokens, the nonce, and a key pair per program that takes bearer
tokens, so that a token for one is worthless at the other (a submission can find the reference's port, but not use it).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from assesskit.checks.image import HANDED_OVER, ImageFacts
from assesskit.checks.submitted import SUBMITTED
from assesskit.content import Exercise, fill
from assesskit.content.digests import files_below
from assesskit.content.schema import Limits as AskedLimits
from assesskit.content.submitted import submitted
from assesskit.pods import Image, Limits, Pod, PodSpec, Program, Service, ServiceSpec

GRADER = Path(str(resources.files("assesskit"))) / "grader"
CANDIDATES = ("submission", "reference")
"""The two programs that answer the contract, each with a volume, an ingest token and a key pair of its own."""


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


def programs(exercise: Exercise, submission: Path, *, reference: bool) -> dict[str, Program]:
    """Return every program of a run by service name; the submission's is the only one not trusted."""
    wheels = exercise.folder / exercise.spec.submission.wheels
    images = exercise.spec.submission.images
    ours = {service.name: exercise.folder / service.folder for service in exercise.spec.services}
    if reference:
        ours["reference"] = exercise.folder / exercise.spec.proof.reference
    return {
        "grader": Program("grader", GRADER, wheels=GRADER / "requirements.txt"),
        **{name: Program(name, folder, wheels=wheels, images=images) for name, folder in ours.items()},
        "submission": Program("submission", submission, wheels=wheels, images=images, trusted=False),
    }


def pod_spec(exercise: Exercise, run: str) -> PodSpec:
    """Return what the pod is asked for: a port for every listener, a volume for every program with a store."""
    relays = [relay for service in exercise.spec.services if service.relay_key for relay in _relays(service.name)]
    volume = exercise.spec.submission.volume_mb
    return PodSpec(
        run,
        ports=(*CANDIDATES, *(service.name for service in exercise.spec.services), *relays, "collector"),
        volumes=dict.fromkeys(CANDIDATES, volume) if volume else {},
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
    wanted = exercise.spec.submission
    for name in CANDIDATES:
        if name in images:
            specs[name] = ServiceSpec(
                name,
                "submission" if name == "submission" else "reference",
                images[name],
                env=_filled(wanted.env, name, pod, hidden),
                volume=name if name in pod.volumes else None,
                limits=_limits(wanted.limits),
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
    ready = {"ready_path": exercise.spec.submission.ready_path, "ready_within": exercise.spec.submission.ready_within}
    limits = exercise.spec.submission.limits
    bounds = {"cpus": limits.cpus, "memory_bytes": limits.memory_mb * 2**20}
    services: dict[str, Any] = {name: {"port": pod.ports[name], "uid": None} | ready | bounds for name in CANDIDATES}
    relays = []
    for service in exercise.spec.services:
        services[service.name] = {
            "port": pod.ports[service.name],
            "uid": dependencies[service.name].uid,
            "ready_path": service.ready_path,
            "ready_within": exercise.spec.submission.ready_within,
        }
        if service.relay_key:
            named = zip((service.name, f"{service.name}-reference"), _relays(service.name), strict=True)
            edge = {"target": pod.ports[service.name], "key": service.relay_key}
            relays += [{"name": name, "port": pod.ports[port], **edge} for name, port in named]
    return {
        "type": "hello",
        "nonce": hidden.nonce,
        "run": run,
        "seconds": exercise.spec.grader.seconds,
        "services": services,
        "relays": relays,
        "collector": {"port": pod.ports["collector"], "tokens": {name: hidden.token(name) for name in CANDIDATES}},
        "facts": {**exercise.spec.grader.facts, "keys": {name: hidden.private_pem(name) for name in CANDIDATES}},
        "tests": list(tests),
        "criteria": list(criteria),
    }


def _relays(service: str) -> tuple[str, str]:
    """Return the names of the ports of the relays in front of a service: the submission's, and the reference's."""
    return f"relay-{service}", f"relay-{service}-reference"


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
