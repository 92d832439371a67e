"""`assesskit grade` in Docker against its floor: the same images and the same checks, run by a bare script.

The floor starts a pause container and joins plain containers to it with the engine's SDK, copies the grader's files in,
answers the grader's control lines with one SDK call each, and removes everything. It hardens, verifies, records, scores
and reports nothing. Load windows are taken out of both: they are as long as they are asked to be.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.utils.socket import frames_iter

from assesskit.assess import EVERYTHING
from assesskit.cli import settings
from assesskit.content import Exercise
from assesskit.pods import Image, PodSpec
from assesskit.staging import SUBMISSION, Secrets, grader_files, handed_over, hello, pod_spec, programs, service_specs

ROUNDS = 3
LOAD = "performance."


class BarePod:
    """Plain containers on one network namespace: the least that runs the same checks."""

    def __init__(self, client: docker.DockerClient, spec: PodSpec, base: str) -> None:
        self.client = client
        self.run = spec.run
        self.ports = {name: 30001 + index for index, name in enumerate(spec.ports)}
        self.volumes = dict.fromkeys(spec.volumes, "/tmp")
        self.pause = client.containers.run(base, ["sleep", "infinity"], network_mode="none", detach=True)
        self.containers: dict[str, Any] = {}
        self.socket: Any = None

    def start(self, name: str, spec: Any) -> None:
        """Start a container, or start it again."""
        if name in self.containers:
            self.containers[name].start()
            return
        made = self.client.containers.create(
            spec.image.ref,
            command=list(spec.command) if spec.command else None,
            environment=dict(spec.env),
            network_mode=f"container:{self.pause.id}",
            stdin_open=spec.interactive,
            working_dir="/grader" if spec.files else None,
            user="root" if spec.files else None,
        )
        self.containers[name] = made
        if spec.files:
            made.put_archive("/", archive(spec.files))
            self.socket = made.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        made.start()

    def close(self) -> None:
        """Remove everything."""
        for container in (*self.containers.values(), self.pause):
            container.remove(force=True, v=True)


def archive(files: dict[str, bytes]) -> bytes:
    """The grader's files as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"grader/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def lines(socket: Any) -> Iterator[dict[str, Any]]:
    """The grader's lines."""
    rest = b""
    for _stream, chunk in frames_iter(socket, tty=False):  # type: ignore[no-untyped-call]
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in whole)


def act(pod: BarePod, specs: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
    """One SDK call for each control action."""
    if ask["action"] in ("quiet", "loud"):
        return {"quiet": True}
    name = ask["service"]
    if ask["action"] == "start":
        pod.start(name, specs[name])
        return {"uid": None}
    container = pod.containers[name]
    match ask["action"]:
        case "stop":
            container.stop(timeout=int(ask["grace"]))
        case "signal":
            container.kill(signal=ask["signal"])
        case "pause":
            container.pause()
        case "resume":
            container.reload()
            if container.status == "paused":
                container.unpause()
        case "usage":
            return {"cpu_seconds": None, "memory_bytes": None, "private_bytes": 0, "oom": False}
        case "logs":
            streams = {"stdout": {"stderr": False}, "stderr": {"stdout": False}}
            return {name: container.logs(**kept)[-ask["limit"] :].decode() for name, kept in streams.items()}
        case "wait":
            deadline = time.monotonic() + ask["timeout"]
            while container.reload() or (container.status == "running" and time.monotonic() < deadline):
                time.sleep(0.05)
    container.reload()
    state = container.attrs["State"]
    return {"running": True} if state["Running"] else {"running": False, "status": state["ExitCode"], "oom": False}


def floor(exercise: Exercise, images: dict[str, Image], files: dict[str, bytes], base: str) -> tuple[float, float]:
    """Seconds of one bare run, and of the load windows in it."""
    start = time.perf_counter()
    load = 0.0
    client = docker.from_env()
    pod = BarePod(client, pod_spec(exercise, "bare"), base)
    try:
        hidden = Secrets()
        specs = service_specs(exercise, images, pod, hidden, files)  # type: ignore[arg-type]
        for service in exercise.spec.services:
            pod.start(service.name, specs[service.name])
        pod.start("grader", specs["grader"])
        stand_ins = {service.name: type("Started", (), {"uid": None}) for service in exercise.spec.services}
        criteria = tuple(criterion.id for criterion in exercise.criteria if criterion.kind == "automatic")
        first = hello(exercise, "bare", pod, hidden, stand_ins, tests=EVERYTHING, criteria=criteria)  # type: ignore[arg-type]
        send = pod.socket._sock.sendall  # noqa: SLF001  the SDK's own way to write to an attached container
        send(json.dumps(first).encode() + b"\n")
        for line in lines(pod.socket):
            if line["type"] == "control":
                reply = {"type": "reply", "id": line["id"], "ok": True, "result": act(pod, specs, line)}
                send(json.dumps(reply).encode() + b"\n")
            elif line["type"] == "observation":
                seen = line["observation"]
                if seen["outcome"] != "passed":
                    print(f"  the bare run's {seen['check']} {seen['outcome']}: {seen['summary']}", file=sys.stderr)
                load += seen["seconds"] if seen["criterion"].startswith(LOAD) else 0.0
            elif line["type"] in ("finished", "broken", "submission_failed"):
                if line["type"] != "finished":
                    raise SystemExit(f"the bare run ended badly: {line}")
                break
    finally:
        pod.close()
    return time.perf_counter() - start, load


def ours(reference: Path) -> tuple[float, float, dict[str, Any]]:
    """Seconds of one `assesskit grade` as a whole process, of the load windows in it, and the assessment it wrote."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "assesskit.cli", "grade", str(reference), "--exercise", "build-service"]
        start = time.perf_counter()
        subprocess.run([*command, "--runtime", "docker", "--out", out], check=True, capture_output=True)
        took = time.perf_counter() - start
        [written] = Path(out).glob("*/assessment.json")
        assessment = json.loads(written.read_text())
    observations = [seen for result in assessment["results"] for seen in result["observations"]]
    return took, sum(seen["seconds"] for seen in observations if seen["criterion"].startswith(LOAD)), assessment


def shares(assessment: dict[str, Any]) -> str:
    """How long each phase of a grading took, and its share; the time under load is taken out of that of the checks."""
    phases = dict(assessment["seconds"])
    phases["checks"] -= assessment["load_seconds"]
    phases["load windows"] = assessment["load_seconds"]
    whole = sum(phases.values())
    return ", ".join(f"{name} {seconds:.1f} s ({seconds / whole:.0%})" for name, seconds in phases.items())


def main() -> None:
    """Print the ratio of the medians, load windows taken out."""
    exercise = settings.exercise(None, "build-service")
    runtime = settings.runtime(settings.Kind.DOCKER)
    reference = exercise.folder / exercise.spec.proof.reference
    wanted = programs(exercise, reference, reference=True)
    images = {name: runtime.build(program, lambda _line: None) for name, program in wanted.items()}
    facts = runtime.describe(wanted[SUBMISSION], images[SUBMISSION])
    files = grader_files(exercise, EVERYTHING) | handed_over(exercise, reference, facts)
    base = os.environ.get("ASSESSKIT_BASE_IMAGE", settings.DEFAULT_BASE)
    pairs = [(floor(exercise, images, files, base), ours(reference)) for _ in range(ROUNDS)]
    bare, graded = (statistics.median(took - load for took, load, *_ in runs) for runs in zip(*pairs, strict=True))
    print(
        f"assesskit grade       {graded / bare:5.2f} x  a bare script   (aim: 1.2 or less; {ROUNDS} runs each, medians)"
    )
    print(f"the last of them      {shares(pairs[-1][1][2])}")


if __name__ == "__main__":
    main()
