"""The contract: what the service publishes about itself, and how it says no."""

from __future__ import annotations

from typing import Any

import pytest

from assesskit.checks.contract import keeps_contract, published_document
from assesskit.checks.contract_errors import answers_errors_well
from assesskit.checks.contract_styles import plain
from assesskit.checks.resource import Resource
from assesskit.checks.services import Service
from assesskit.checks.tokens import Tokens


@pytest.mark.criterion("contract.openapi")
def test_the_published_document_keeps_the_contract(service: Service, contract: dict[str, Any]) -> None:
    """The document at /openapi.json is valid and has everything the contract has."""
    document = published_document(service.client)
    keeps_contract(plain(document), contract)


@pytest.mark.criterion("contract.errors")
def test_every_error_is_a_problem_document_with_the_right_status(
    service: Service, tokens: Tokens, contract: dict[str, Any], resource: Resource
) -> None:
    """400, 401, 403, 404, 405, 409, 412, 413, 415, 422 and 428 come where the contract says, as problem documents."""
    answers_errors_well(service.client, tokens, contract, resource)
