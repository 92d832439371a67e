"""The security checks against a right service and against the mistakes people make in one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.checks.served import RESOURCE, Serve

from assesskit.checks import hostile_input
from assesskit.checks.authentication import refuses_forgeries
from assesskit.checks.authorization import grants_by_scope
from assesskit.checks.disclosure import keeps_its_inside_to_itself
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure
from assesskit.checks.hostile_input import bears_hostile_input
from assesskit.checks.http import Client
from assesskit.checks.tokens import Tokens
from assesskit.instruments.relay import Relay

Check = Callable[[Client], None]
ADDRESS = "127.0.0.1"


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """In front of nothing: the small service asks nobody."""
    relay = Relay.start("inventory", 0, 9, f"json:/{RESOURCE.mark}")
    yield relay
    relay.stop()


@pytest.fixture
def check(request: pytest.FixtureRequest, relay: Relay, tokens: Tokens, contract: dict[str, Any]) -> Check:
    """One of the four checks, by its name."""
    checks: dict[str, Check] = {
        "authn": lambda client: refuses_forgeries(client, relay, tokens, RESOURCE),
        "authz": lambda client: grants_by_scope(client, relay, tokens, RESOURCE),
        "input": lambda client: bears_hostile_input(client, tokens, contract, RESOURCE),
        "secrets": lambda client: keeps_its_inside_to_itself(client, relay, tokens, RESOURCE),
    }
    return checks[request.param]


@pytest.mark.parametrize("check", ["authn", "authz", "input", "secrets"], indirect=True)
def test_a_right_service_passes(check: Check, serve: Serve) -> None:
    """What is right in every respect is never failed."""
    check(serve())


@pytest.mark.parametrize("check", ["authz"], indirect=True)
def test_a_bad_moment_is_not_a_refusal(check: Check, serve: Serve) -> None:
    """A service that now and then sheds a request, and answers it the next time, grants what it should."""
    check(serve("bad moments"))


@pytest.mark.parametrize("check", ["input"], indirect=True)
def test_a_router_that_cleans_paths_up_passes(check: Check, serve: Serve) -> None:
    """A redirect to a clean path is harmless."""
    check(serve("cleans paths"))


FLAWS = [
    (
        "authn",
        "no signature",
        "reading with a token whose claims were changed after it was signed: expected 401, got 200",
    ),
    (
        "authn",
        "algorithm of the header",
        "creating with a token that the gateway's key signed with RS512: expected 401, got 201",
    ),
    ("authn", "no audience", "creating with a token for another audience: expected 401, got 201"),
    ("authn", "no issuer", "reading with a token of another issuer: expected 401, got 200"),
    ("authn", "no nbf", "reading with a token that is not valid for another hour: expected 401, got 200"),
    ("authn", "claims may be missing", "reading with a token without exp: expected 401, got 200"),
    ("authn", "anonymous", "reading with a token whose signature was left out: expected 401, got 200"),
    ("authn", "Bearer only", "a token after the word bearer in lower case: expected 200, got 401"),
    ("authn", "audience as text", "an audience whose name begins with this service's: expected 401, got 200"),
    ("authn", "issuer as text", "an issuer whose name begins with the gateway's: expected 401, got 200"),
    ("authz", "no scopes", "creating with the scope orders:read: expected 403, got 201"),
    ("authz", "scope as text", "cancelling with scopes that begin like ours: expected 403, got 200"),
    ("authz", "only one's own", "reading with the scope orders:read: expected 200, got 404"),
    ("input", "no depth", "arrays nested as deeply as a body can hold: got 500"),
    ("input", "any chunks", "a body that is too large, in chunks and without Content-Length: got 201"),
    ("secrets", "tells the token", "a token with a wrong signature: the answer shows the token that was sent"),
    ("secrets", "cuts the token", "an expired token: the answer shows the token that was sent"),
    ("secrets", "tells the trace", "the answer shows a stack trace"),
    ("secrets", "tells the stack", "the answer shows a stack trace"),
    ("secrets", "tells the file", "the answer shows a file of the service"),
    ("secrets", "tells the statement", "the answer shows a statement of its database"),
]


@pytest.mark.parametrize(("check", "flaw", "told"), FLAWS, indirect=["check"])
def test_a_mistake_is_told(check: Check, flaw: str, told: str, serve: Serve) -> None:
    """Each kind of mistake is found, and told by the request it showed in."""
    with pytest.raises(Failure) as failed:
        check(serve(flaw))
    assert told in failed.value.received


class Asking(Client):
    """Speaks to a service that asks its dependency first, and tells the exception where nobody listens."""

    def __init__(self, port: int, dependency: int) -> None:
        super().__init__(port)
        self.dependency = dependency

    def send(self, request: Request, **given: Any) -> Exchange:
        try:
            socket.create_connection((ADDRESS, self.dependency)).close()
        except ConnectionRefusedError:
            body = f'{{"detail": "connect ECONNREFUSED {ADDRESS}:{self.dependency}"}}'.encode()
            return Exchange(request, Response(503, Headers(()), body, 0.0), "", 0.0)
        return super().send(request, **given)


def test_the_address_that_refused_a_connection_is_told(relay: Relay, tokens: Tokens, serve: Serve) -> None:
    """Some exceptions name host and port only where nobody listens. The dependency listens again afterwards."""
    client = Asking(serve().port, relay.port)
    with pytest.raises(Failure) as failed:
        keeps_its_inside_to_itself(client, relay, tokens, RESOURCE)
    told = "the dependency refuses the connection: the answer shows the address of another service"
    assert told in failed.value.received
    socket.create_connection((ADDRESS, relay.port)).close()


@pytest.mark.parametrize("check", ["input"], indirect=True)
def test_waiting_for_a_body_that_never_comes_is_told(
    check: Check, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who believes a Content-Length waits for ever, and is not asked anything else after that."""
    monkeypatch.setattr(hostile_input, "DEADLINE", 1.0)
    with pytest.raises(Failure, match="hostile requests were not borne well") as failed:
        check(serve("waits for the rest"))
    assert "GiB and stops early: got no complete answer within 1 s" in failed.value.received
