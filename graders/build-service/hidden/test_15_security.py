"""Who is let in, what they may do, what they may send, and what errors tell them."""

from __future__ import annotations

import pytest

from assesskit.checks.authentication import refuses_forgeries
from assesskit.checks.authorization import grants_by_scope
from assesskit.checks.disclosure import keeps_its_inside_to_itself
from assesskit.checks.hostile_input import bears_hostile_input


@pytest.mark.criterion("security.authn")
def test_only_valid_tokens_of_the_gateway_open_the_service(service, dependency, tokens, resource) -> None:
    """Forged, expired, early, misdirected and malformed tokens get 401 and do nothing; every valid one is served."""
    refuses_forgeries(service.client, dependency, tokens, resource)


@pytest.mark.criterion("security.authz")
def test_a_token_opens_what_its_scopes_name(service, dependency, tokens, resource) -> None:
    """Reading, listing, creating and cancelling each need their scope, as a whole word; without it: 403."""
    grants_by_scope(service.client, dependency, tokens, resource)


@pytest.mark.criterion("security.input")
def test_hostile_input_is_refused_and_the_next_caller_served(service, tokens, contract, resource) -> None:
    """Too large, too deep, wrongly encoded: a 4xx and soon, never a 5xx, and the service goes on."""
    bears_hostile_input(service.client, tokens, contract, resource)


@pytest.mark.criterion("security.secrets")
@pytest.mark.usefixtures("settles")
def test_errors_keep_credentials_and_the_inside_to_themselves(service, dependency, tokens, resource) -> None:
    """No error repeats a token or shows a stack trace, a file, a database statement or another service's address."""
    keeps_its_inside_to_itself(service.client, dependency, tokens, resource)
