"""The images of what runs beside a candidate's work."""

from __future__ import annotations

from assesskit.content import Exercise
from assesskit.environment import door
from assesskit.environment.routing import routable
from assesskit.pods import Image, PodRuntime
from assesskit.pods.port import OnLine
from assesskit.staging import programs


def build(exercise: Exercise, runtime: PodRuntime, on_line: OnLine) -> dict[str, Image]:
    """Build the services of an exercise, what its router runs in, and the door where a runtime sets pods apart.

    Raises EngineError, when packages cannot be fetched for one.
    """
    wanted = programs(exercise, exercise.folder, reference=False)
    ours = {service.name: wanted[service.name] for service in exercise.spec.services}
    if routable(exercise):
        ours["grader"] = wanted["grader"]
    if runtime.check().isolated:
        ours[door.NAME] = door.program(exercise)
    return {name: runtime.build(program, on_line) for name, program in ours.items()}
