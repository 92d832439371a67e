"""The diagnosis, held against the recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hidden import symptoms

from assesskit.checks import diagnosis, findings, rerun

RECORDING = Path("recording/traces.json")


@pytest.fixture
def recording(facts):
    """Last night, as it was handed out."""
    return diagnosis.recorded(RECORDING, facts["journey"]["item"])


@pytest.fixture
def truth(recording):
    """What it shows."""
    return symptoms.fitting(recording)


@pytest.mark.criterion("diagnosis.findings")
def test_the_findings_are_those_of_the_recording(submitted, recording, truth, evidence) -> None:
    """Most of what is there, little that is not, each with spans that show it."""
    diagnosis.expect_findings(findings.read(submitted), recording, truth, evidence)


@pytest.mark.criterion("diagnosis.root-cause")
def test_the_root_cause_is_named_with_its_evidence(submitted, recording, truth, evidence) -> None:
    """What made an outage of a dependency's failure."""
    kind = symptoms.root_cause(truth)
    diagnosis.expect_root_cause(findings.read(submitted), recording, truth, kind, evidence)


@pytest.mark.criterion("diagnosis.plan-rerun")
def test_the_night_is_survived_with_the_plans_numbers(submitted, recording, facts, evidence) -> None:
    """Run again on a model, with what each edge took: customers are served, and dead payments left alone."""
    plan, objective = findings.plan(submitted), diagnosis.Objective(**facts["objective"])
    rerun.expect_objective(plan, objective, rerun.Night(**facts["night"]), recording, evidence)
