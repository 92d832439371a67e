"""Which process owns a pod, and what killed ones left behind."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import psutil

from assesskit.pods.docker.engine import DEADLINE, MARK, OWNER, POD, RUN, faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assesskit.pods.docker.engine import Engine

SAME_START_SECONDS = 5.0
"""The start of a process is computed from the machine's boot time, which moves when its clock is set."""


def this_process() -> str:
    """Name this process for good: host, process id, and when it started, since ids are used again."""
    process = psutil.Process(os.getpid())
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}"


def reap(engine: Engine) -> list[str]:
    """Remove pods past their deadline, and pods whose owner on this host is gone; return their runs, sorted."""
    only = {"label": [f"{MARK}=1", POD]}
    with faults("looking for pods left behind"):
        found = [each["Labels"] for each in engine.api.containers(all=True, filters=only)]
        found += [each["Labels"] for each in engine.api.volumes(filters=only)["Volumes"] or []]
    left = {marks[POD]: marks.get(RUN, "") for marks in found if _left_behind(marks)}
    for pod in left:
        engine.remove(pod)
    return sorted(set(left.values()))


def _left_behind(marks: Mapping[str, str]) -> bool:
    try:
        if float(marks.get(DEADLINE, 0)) < time.time():
            return True
        host, pid, started = [*marks.get(OWNER, "").rsplit(":", 2), "", ""][:3]
        if host != socket.gethostname():
            return False
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return True
    except ValueError:  # not of our writing: a Dockerfile can put labels like ours on the containers of its build
        return False
