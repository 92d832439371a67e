"""Every answer of the service, whatever it is sent, is one that the contract describes."""

from __future__ import annotations

from typing import Any

import pytest

from assesskit.checks.contract_responses import answers_as_the_contract_says
from assesskit.checks.evidence import Evidence
from assesskit.checks.resource import Resource
from assesskit.checks.services import Service
from assesskit.checks.tokens import Tokens


@pytest.mark.criterion("contract.responses")
def test_every_answer_is_one_the_contract_describes(
    service: Service, tokens: Tokens, contract: dict[str, Any], resource: Resource, evidence: Evidence
) -> None:
    """No answer to some two hundred generated requests leaves the contract, and none is a 5xx."""
    judged = answers_as_the_contract_says(service.client, tokens, contract, resource)
    evidence.figure("answers judged", judged, "answers")
