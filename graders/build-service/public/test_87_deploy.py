"""The Kubernetes objects in deploy/, beside what the service has shown here."""

from __future__ import annotations

import pytest

from assesskit.checks.manifest import Promise, expect_runs_well
from assesskit.checks.manifest_files import manifests

FOLDER = "deploy"


@pytest.mark.criterion("deploy.manifest")
def test_the_objects_run_the_service_well(service, submitted, facts) -> None:
    """Valid, and fit for this service: probes, resources, privileges, disruption and scale."""
    objects = manifests(submitted, FOLDER)
    expect_runs_well(objects, Promise(**facts["deploy"]), service.usage()["memory_bytes"])
