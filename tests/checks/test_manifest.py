"""What Kubernetes objects are judged by, and what hostile YAML comes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from assesskit.checks.expect import Failure
from assesskit.checks.manifest import Promise, expect_runs_well
from assesskit.checks.manifest_files import manifests
from assesskit.checks.submitted import Submitted

GOOD = (Path(__file__).parents[2] / "exercises/build-service/proof/reference/deploy/orders.yaml").read_text()
PROMISE = Promise("/livez", "/readyz", 30.0, 10.0)


def problems(text: str, **more: str) -> str:
    """Everything that is wrong, in `text` and in further files; empty when nothing is."""
    files = {"deploy/orders.yaml": text, **{f"deploy/{name}.yaml": each for name, each in more.items()}}
    try:
        objects = manifests(Submitted({name: each.encode() for name, each in files.items()}, {}), "deploy")
        expect_runs_well(objects, PROMISE)
    except Failure as failure:
        return f"{failure.summary}\n{failure.received}"
    return ""


def changed(*change: str) -> str:
    old, new = change
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_references_objects_are_right() -> None:
    assert problems(GOOD) == ""


@pytest.mark.parametrize(
    "change",
    [
        (
            "  selector:\n    matchLabels: {app: orders}\n  strategy",
            "  replicas: 3\n  selector:\n    matchExpressions: [{key: app, operator: Exists}]\n  strategy",
        ),
        ("minAvailable: 1", "maxUnavailable: 50%"),
        ("minAvailable: 1", "minAvailable: 50%"),
        ('limits: {cpu: "1", memory: 256Mi}', "limits: {memory: 0.25Gi}"),
        ("            requests: {cpu: 250m, memory: 192Mi}\n", ""),
        ("{cpu: 250m, memory: 192Mi}", "{cpu: 2e-1, memory: 1.9E+8}"),
        ("{cpu: 250m, memory: 192Mi}", "{cpu: 0.25, memory: 192000000000m}"),
        ("memory: 256Mi", "memory: 1e9"),
        ("memory: 256Mi", "memory: 1Pi"),
        ("memory: 256Mi", "memory: 1E"),
        ("        runAsNonRoot: true\n", ""),
        ("targetPort: http", "targetPort: 8080"),
        ("startupProbe:\n            httpGet: {path: /readyz", "startupProbe:\n            httpGet: {path: /livez"),
        ("            periodSeconds: 2\n            failureThreshold: 30\n", ""),
        ("      terminationGracePeriodSeconds: 20\n", ""),
    ],
)
def test_other_ways_to_say_it_are_right_too(change: tuple[str, str]) -> None:
    assert problems(changed(*change)) == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("labels: {app: orders}\n    spec", "labels: {app: other}\n    spec"), "its selector"),
        (("  strategy:", "  replicas: 1\n  strategy:"), "replicas is 1"),
        (("GracePeriodSeconds: 20", "GracePeriodSeconds: 5"), "terminationGracePeriodSeconds is 5"),
        (('requests: {cpu: 250m, memory: 192Mi}\n            limits: {cpu: "1",', "limits: {"), "requests no cpu"),
        (('limits: {cpu: "1", memory: 256Mi}', 'limits: {cpu: "1"}'), "its memory has no limit"),
        (("memory: 192Mi", "memory: 512Mi"), "more memory"),
        (("memory: 256Mi", "memory: plenty"), "no quantity"),
        (("memory: 192Mi", "memory: -1Mi"), "no quantity"),
        (("requests: {cpu: 250m", "requests: {cpu: 0"), "requests no cpu"),
        (("memory: 256Mi", 'memory: "0"'), "its memory has no limit"),
        (("path: /livez", "path: /readyz"), "livenessProbe asks /readyz: it must ask /livez"),
        (("path: /livez, port: http", "path: /livez, port: web"), "none of its ports"),
        (("httpGet: {path: /livez, port: http}", "tcpSocket: {port: http}"), "no livenessProbe with httpGet"),
        (("failureThreshold: 30", "failureThreshold: 5"), "gives up after 10 s"),
        (("runAsNonRoot: true\n        runAsUser: 65534", "runAsUser: 0"), "may run as root"),
        (("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"), "writable"),
        (("allowPrivilegeEscalation: false", "privileged: false"), "gain privileges"),
        (
            ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: false\n            privileged: true"),
            "privileges",
        ),
        (("selector: {app: orders}", "selector: {app: shop}"), "does not match the labels of the pods"),
        (("targetPort: http", "targetPort: 9090"), "none of the container's ports"),
        (("minAvailable: 1", "minAvailable: 2"), "no node can be emptied"),
        (("minAvailable: 1", "minAvailable: 51%"), "no node can be emptied"),
        (("minAvailable: 1", "maxUnavailable: 0"), "no node can be emptied"),
        (("  minAvailable: 1\n", ""), "minAvailable or maxUnavailable"),
        (("minReplicas: 2", "minReplicas: 1"), "minReplicas is 1"),
        (("maxReplicas: 6", "maxReplicas: 2"), "it cannot scale"),
        (("kind: Deployment, name: orders}", "kind: Deployment, name: shop}"), "is not the Deployment"),
    ],
)
def test_each_rule_is_held(change: tuple[str, str], says: str) -> None:
    assert says in problems(changed(*change))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no Deployment"),
        (GOOD + "---\n" + GOOD, "two of a kind"),
        (GOOD.replace("autoscaling/v2", "autoscaling/v1"), "apiVersion"),
        (GOOD.replace("readinessProbe:", "readynessProbe:"), "readynessProbe"),
        (GOOD.replace("maxReplicas: 6", "maxReplicas: six"), "six"),
        (GOOD.replace("maxReplicas: 6", f"maxReplicas: 0x{'f' * 9000}"), "out of range"),
        (GOOD.replace("maxReplicas: 6", "maxReplicas: .inf"), "out of range"),
        (GOOD.replace("maxReplicas: 6", f"maxReplicas: {'9' * 9000}"), "limit"),
        ("a: &a [x]\nb: *a\n", "anchors"),
        ("- kind: Deployment\n", "no Deployment"),
        (GOOD.replace("kind: Service", "kind: Dienst"), "no Service"),
        ("[" * 5000, "levels"),
        ("[" + "1," * 30_000 + "]", "nodes"),
        ("a: [\n", "while parsing"),
        ("!!python/object:os.system x", "could not determine"),
        ("a: 2001-99-99", "month"),
        ("a: !!bool perhaps", "no YAML that can be read"),
        ("a: !!timestamp soon", "no YAML that can be read"),
        ("a: !!int ''", "no YAML that can be read"),
        ("a: !!float ''", "no YAML that can be read"),
        ("{[1]: 2}: 3", "unhashable"),
        ("\x01", "control characters"),
    ],
)
def test_what_cannot_be_read_or_is_invalid_is_told(text: str, says: str) -> None:
    assert says in problems(text)


def test_other_kinds_and_what_is_no_object_are_left_alone() -> None:
    """An alert rule beside the objects, and a patch of another environment in a folder of its own, say."""
    more = {"alerts": "groups: [{name: orders, rules: []}]", "overlays/dev/orders": "kind: Deployment\nspec: 7"}
    assert problems(GOOD + "---\napiVersion: v1\nkind: ConfigMap\ndata: 7\n---\n", **more) == ""


def test_objects_may_be_items_of_a_list() -> None:
    """As kubectl prints several."""
    items = "".join(f"  - {json.dumps(each)}\n" for each in yaml.safe_load_all(GOOD))
    assert problems(f"apiVersion: v1\nkind: List\nitems:\n{items}") == ""


def test_of_several_services_one_leads_to_the_pods() -> None:
    """Another may be for something else; when none is right, the nearest is told of."""
    other = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{port: 1}]}"
    assert problems(GOOD, other=other) == ""
    told = problems(changed("targetPort: http", "targetPort: 9090"), other=other)
    assert "Service orders" in told
    assert "shop" not in told
