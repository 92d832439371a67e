"""Whether Kubernetes objects run the service well: probes, resources, privileges, disruption and scale.

What is held against them is what the exercise asks of every submission: its probe paths, and how long its start and its
end may take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assesskit.checks.expect import Failure
from assesskit.checks.manifest_files import Manifest, Objects, find

FEWEST = 2
"""Replicas, so that one may go while another serves."""
QUANTITY = re.compile(r"\+?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|([eE][+-]?[0-9]{1,3}))?")
"""Kubernetes API, Quantity: a decimal number with a suffix or an exponent; a resource has no negative one."""
DECIMAL = {suffix: 10.0**power for suffix, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)}
SCALE = DECIMAL | {f"{letter}i": 2.0 ** (10 * power) for power, letter in enumerate("KMGTPE", 1)}
USUAL_GRACE = 30
"""Seconds, where a Deployment says nothing (Kubernetes API, PodSpec)."""


@dataclass(frozen=True)
class Promise:
    """What the exercise says of every submission: its probe paths, and the seconds its start and its end may take."""

    live: str
    ready: str
    start_seconds: float
    end_seconds: float


def expect_runs_well(objects: Objects, promise: Promise) -> None:
    """Raise Failure naming everything that is wrong. Of several Services one has to lead to the pods."""
    deployment = objects.deployment
    pod = find(deployment.body, "spec", "template", "spec") or {}
    container = find(pod, "containers", 0) or {}
    problems = [
        *(f"{deployment}: {problem}" for problem in _deployment(deployment.body, pod, promise)),
        *(f"{deployment}: {problem}" for problem in _resources(container)),
        *(f"{deployment}: {problem}" for problem in _probes(container, promise)),
        *(f"{deployment}: {problem}" for problem in _privileges(pod, container)),
        *min(([*_service(service, deployment.body)] for service in objects.services), key=len),
        *_scaled(objects),
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        received = "\n".join(problems) if more else ""
        raise Failure(
            f"{problems[0]}{more}", received=received, expected="objects that fit the service, as the brief says"
        )


def _deployment(body: Mapping[str, Any], pod: Mapping[str, Any], promise: Promise) -> Iterator[str]:
    labels = _labels(body)
    chosen = find(body, "spec", "selector")
    if not _selects(chosen, labels):
        yield f"its selector {_shown(chosen)} does not match the labels of its pods, {_shown(labels)}"
    replicas = find(body, "spec", "replicas")
    if replicas is not None and replicas < FEWEST:
        yield f"replicas is {replicas}: at least {FEWEST}, or left to the autoscaler"
    grace = find(pod, "terminationGracePeriodSeconds")
    if (USUAL_GRACE if grace is None else grace) < promise.end_seconds:
        yield f"terminationGracePeriodSeconds is {grace}: the end may take {promise.end_seconds:g} s"


def _resources(container: Mapping[str, Any]) -> Iterator[str]:
    most = {name: find(container, "resources", "limits", name) for name in ("cpu", "memory")}
    asked = {name: find(container, "resources", "requests", name) for name in most}
    asked = {name: most[name] if value is None else value for name, value in asked.items()}  # as Kubernetes does
    for name, value in asked.items():
        if value is None or _amount(value) == 0:
            yield f"it requests no {name}"
        elif _amount(value) is None:
            yield f"the request of {name}, {value!r}, is no quantity"
    if most["memory"] is None or _amount(most["memory"]) == 0:
        yield "its memory has no limit"
    for name, value in most.items():
        limit, request = _amount(value), _amount(asked[name])
        if value is not None and limit is None:
            yield f"the limit of {name}, {value!r}, is no quantity"
        elif limit is not None and request is not None and request > limit:
            yield f"it requests more {name} ({asked[name]}) than its limit ({value})"


def _probes(container: Mapping[str, Any], promise: Promise) -> Iterator[str]:
    wanted = {
        "livenessProbe": (promise.live,),
        "readinessProbe": (promise.ready,),
        "startupProbe": (promise.live, promise.ready),
    }
    for name, paths in wanted.items():
        asks = find(container, name, "httpGet")
        if asks is None:
            yield f"it has no {name} with httpGet"
            continue
        path = find(asks, "path")
        if path not in paths:
            yield f"its {name} asks {path}: it must ask {' or '.join(paths)}"
        if not _reaches(find(asks, "port"), container):
            yield f"its {name} asks port {find(asks, 'port')!r}, which is none of its ports"
    start = find(container, "startupProbe") or {}
    values = {"initialDelaySeconds": 0, "periodSeconds": 10, "failureThreshold": 3}
    delay, period, failures = (find(start, name) or usual for name, usual in values.items())
    if start and delay + period * failures < promise.start_seconds:
        given = delay + period * failures
        yield f"its startupProbe gives up after {given} s: a start may take {promise.start_seconds:g} s"


def _privileges(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    own, shared = find(container, "securityContext") or {}, find(pod, "securityContext") or {}
    both = {**shared, **{name: value for name, value in own.items() if value is not None}}
    if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
        yield "it may run as root: securityContext needs runAsNonRoot, or a runAsUser other than 0"
    if not own.get("readOnlyRootFilesystem"):
        yield "its root file system is writable: securityContext of the container needs readOnlyRootFilesystem"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "it may gain privileges: securityContext of the container needs allowPrivilegeEscalation: false"


def _service(service: Manifest, deployment: Mapping[str, Any]) -> Iterator[str]:
    labels, chosen = _labels(deployment), find(service.body, "spec", "selector")
    if not chosen or not _selects({"matchLabels": chosen}, labels):
        yield f"{service}: its selector {_shown(chosen)} does not match the labels of the pods, {_shown(labels)}"
    container = find(deployment, "spec", "template", "spec", "containers", 0) or {}
    for port in find(service.body, "spec", "ports") or [{}]:
        target = find(port, "targetPort") or find(port, "port")
        if not _reaches(target, container):
            yield f"{service}: it sends to port {target!r}, which is none of the container's ports"


def _scaled(objects: Objects) -> Iterator[str]:
    """How many there are at least, and whether that lets a node be emptied."""
    deployment, budget, scaler = objects.deployment, objects.budget, objects.scaler
    spec = find(scaler.body, "spec") or {}
    least, most = find(spec, "minReplicas") or 1, find(spec, "maxReplicas")
    target = tuple(find(spec, "scaleTargetRef", name) for name in ("apiVersion", "kind", "name"))
    if target != ("apps/v1", "Deployment", find(deployment.body, "metadata", "name")):
        yield f"{scaler}: its scaleTargetRef, {_shown(find(spec, 'scaleTargetRef'))}, is not the Deployment"
    if least < FEWEST:
        yield f"{scaler}: minReplicas is {least}: at least {FEWEST}"
    if (most or 0) <= least:
        yield f"{scaler}: maxReplicas is {most}, and minReplicas {least}: it cannot scale"
    if not find(spec, "metrics"):
        yield f"{scaler}: it has no metrics to scale by"
    if not _selects(find(budget.body, "spec", "selector"), _labels(deployment.body)):
        yield f"{budget}: its selector does not match the labels of the pods"
    kept, gone = find(budget.body, "spec", "minAvailable"), find(budget.body, "spec", "maxUnavailable")
    if (kept is None) == (gone is None):
        yield f"{budget}: it needs minAvailable or maxUnavailable, one of them"
    elif kept is not None and _share(kept, least) >= least:
        yield f"{budget}: minAvailable is {kept} of {least} replicas: no pod may ever go, and no node can be emptied"
    elif gone is not None and _share(gone, least) < 1:
        yield f"{budget}: maxUnavailable is {gone}: no pod may ever go, and no node can be emptied"


def _share(value: int | str, replicas: int) -> int:
    """Return a number of pods from a count or a percentage, rounded up as the disruption controller does."""
    if isinstance(value, int):
        return value
    percent = re.fullmatch(r"(\d{1,4})%", value)
    return math.ceil(int(percent[1]) * replicas / 100) if percent else 0


def _labels(deployment: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = find(deployment, "spec", "template", "metadata", "labels") or {}
    return labels


def _selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits; its expressions are of four kinds (Kubernetes API, LabelSelector)."""
    if not isinstance(selector, dict) or not any(selector.values()):
        return False
    exact = (find(selector, "matchLabels") or {}).items() <= labels.items()
    return exact and all(_fits(rule, labels) for rule in find(selector, "matchExpressions") or [])


def _fits(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(rule["key"]), rule.get("values") or []
    match rule["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
    return value is None


def _reaches(port: Any, container: Mapping[str, Any]) -> bool:
    """Whether a number or a name is a port of the container; one that lists no ports may listen on any number."""
    ports = find(container, "ports") or []
    known = {find(one, key) for one in ports for key in ("name", "containerPort")} - {None}
    return port in known or (not ports and isinstance(port, int))


def _amount(value: Any) -> float | None:
    """Return a quantity as a number (cores, bytes), None for what is none."""
    found = QUANTITY.fullmatch(str(value))
    return float(found[1] + (found[3] or "")) * SCALE.get(found[2], 1.0) if found else None


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("matchLabels") or value
        return "{" + ", ".join(f"{key}: {each}" for key, each in value.items())[:200] + "}"
    return str(value)[:200]
