"""The Kubernetes objects in deploy/."""

from __future__ import annotations

import pytest

from assesskit.checks.manifest import Promise, expect_runs_well
from assesskit.checks.manifest_files import manifests

FOLDER = "deploy"


@pytest.mark.criterion("deploy.manifest")
def test_the_objects_run_the_service_well(submitted, facts) -> None:
    """Valid, and fit for this service: probes, resources, privileges, disruption and scale."""
    expect_runs_well(manifests(submitted, FOLDER), Promise(**facts["deploy"]))
