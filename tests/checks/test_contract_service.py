"""The contract checks against a right service and against the mistakes people make in one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.checks.served import RESOURCE, Serve

from assesskit.checks import contract_responses
from assesskit.checks.contract import keeps_contract, published_document
from assesskit.checks.contract_errors import answers_errors_well
from assesskit.checks.contract_responses import answers_as_the_contract_says
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.stalls import Stalls
from assesskit.checks.tokens import Tokens


def test_a_right_service_meets_all_three(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """A right service publishes the contract, errs well and answers as the contract says."""
    client = serve()
    keeps_contract(published_document(client), contract)
    answers_errors_well(client, tokens, contract, RESOURCE)
    assert answers_as_the_contract_says(client, tokens, contract, RESOURCE) > 100


def test_a_bad_moment_is_not_a_flaw(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """A service that now and then sheds a request, and answers it the next time, conforms."""
    client = serve("bad moments")
    assert answers_as_the_contract_says(client, tokens, contract, RESOURCE) > 100
    for _ in range(2):
        answers_errors_well(client, tokens, contract, RESOURCE)


def test_giving_up_every_time_is_a_flaw(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """A service that answers 503 to the same request every time is broken, not busy."""
    with pytest.raises(Failure) as failed:
        answers_as_the_contract_says(serve("gives up on zero"), tokens, contract, RESOURCE)
    assert "POST /v1/orders: 503" in failed.value.received


def test_a_promise_of_time_that_is_not_kept_is_told(
    serve: Serve, tokens: Tokens, contract: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that cannot be explored in time because it answers later than the contract promises has failed."""
    monkeypatch.setattr(contract_responses, "SECONDS", 1.5)
    monkeypatch.setattr(contract_responses, "PROMISED", 0.02)
    monkeypatch.setattr(contract_responses, "TOLERANCE", 0.02)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match=r"^POST /v1/orders takes 0\.\d s; the contract promises .* within 0\.02 s"):
        answers_as_the_contract_says(serve("slow"), tokens, contract, RESOURCE)


def test_what_is_late_on_a_machine_that_stood_still_is_inconclusive(
    serve: Serve, tokens: Tokens, contract: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that are later than promised by no more than stalls explain are not held against the service."""
    monkeypatch.setattr(contract_responses, "SECONDS", 1.5)
    monkeypatch.setattr(contract_responses, "PROMISED", 0.02)
    monkeypatch.setattr(contract_responses, "TOLERANCE", 0.02)
    monkeypatch.setattr(Stalls, "explained", 1000.0)
    with pytest.raises(Inconclusive):
        answers_as_the_contract_says(serve("slow"), tokens, contract, RESOURCE)


def test_answers_that_use_up_the_time_are_no_excuse(
    serve: Serve, tokens: Tokens, contract: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is too slow to be explored has not shown that it conforms."""
    monkeypatch.setattr(contract_responses, "SECONDS", 1.5)
    monkeypatch.setattr(contract_responses, "WAITED", 0.2)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match=r"^\d+ requests, one after the other, took the service \d s"):
        answers_as_the_contract_says(serve("slow"), tokens, contract, RESOURCE)


def test_an_exploration_that_we_have_no_time_for_is_inconclusive(
    serve: Serve, tokens: Tokens, contract: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is up although the service answered at once, nothing is said of the service."""
    monkeypatch.setattr(contract_responses, "SECONDS", 1e-9)
    with pytest.raises(Inconclusive):
        answers_as_the_contract_says(serve(), tokens, contract, RESOURCE)


ERRORS = {
    "html errors": "a path that does not exist: 404 came with the content type text/html",
    "errors as json": "no token: 401 came with the content type application/json",
    "status 200 in problems": "the status in the problem document is 200, that of the answer 401",
    "no challenge": "no token: 401 came without WWW-Authenticate",
    "no Allow": "a method the path does not have: 405 came without Allow",
    "wrong Allow": "a method the path does not have: Allow names neither GET nor POST",
    "anonymous": "a token that is none: expected 401, got 201",
    "no scopes": "a token without orders:write: expected 403, got 201",
    "any media type": "a body of another media type: expected 415, got 201",
    "any JSON": "a body declared as application/json-patch+json: expected 415, got 201",
    "JSON by its beginning": "a body declared as application/json-patch+json: expected 415, got 201",
    "reads first": "no token, and a body that is not JSON: expected 401, got 400",
    "looks first": "a token without orders:read, and an id that does not exist: expected 403, got 404",
    "undeclared bodies": "a body without Content-Type: expected 415, got 201",
    "types are syntax": "a quantity that is a text: expected 422, got 400",
    "400 for more fields": "an unknown field: expected 422, got 400",
    "400 for a limit": "a limit out of range: expected 422, got 400",
    "key first": "no token, and no Idempotency-Key: expected 401, got 400",
    "keys of any length": "an Idempotency-Key of more than 140 characters: expected 400, got 201",
    "keys with spaces": "an Idempotency-Key with a space in it: expected 400, got 201",
    "400 for 422": "a missing field: expected 422, got 400",
    "If-Match ignored": "If-Match with another entity tag: expected 412, got 200",
    "cancels twice": "cancelling what is cancelled: expected 409, got 200",
    "crash on bad JSON": "a body that is not JSON: expected 400, got 500",
    "any size": "a body of 49153 bytes: expected 413, got 201",
    "cancels unconditionally": "cancelling without If-Match: expected 428, got 200",
}


@pytest.mark.parametrize(("flaw", "told"), ERRORS.items())
def test_a_wrong_error_answer_is_named(
    flaw: str, told: str, serve: Serve, tokens: Tokens, contract: dict[str, Any]
) -> None:
    """Each wrong error answer is told by its case, with what was expected and what came."""
    with pytest.raises(Failure) as failed:
        answers_errors_well(serve(flaw), tokens, contract, RESOURCE)
    assert told in failed.value.received
    assert "RFC 9457" in failed.value.rule


def test_all_wrong_error_answers_are_told_at_once(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """One mistake does not hide another."""
    with pytest.raises(Failure, match="5 of 28 error answers") as failed:
        answers_errors_well(serve("no Allow", "no scopes", "cancels twice"), tokens, contract, RESOURCE)
    assert failed.value.received.count("expected") == 4


RESPONSES = {
    "200 for 201": "POST /v1/orders: 200: undocumented status code",
    "no Location": "POST /v1/orders: 201: missing required response headers",
    "no ETag": "POST /v1/orders: 201: missing required response headers",
    "wrong content type": "POST /v1/orders: 201: undocumented content-type",
    "missing field": '"created_at" is a required property',
    "mistyped field": 'is not of type "integer" (at /quantity)',
    "local time": "(at /created_at)",
    "another status": "(at /status)",
    "number as cursor": "(at /next_cursor)",
    "errors as json": "undocumented content-type",
    "crash on bad JSON": "POST /v1/orders: 500: the service broke on this request",
    "crash on no object": "POST /v1/orders: 500: the service broke on this request",
    "crash on unknown": "GET /v1/orders/{order_id}: 500",
    "no maximum": "POST /v1/orders: 201: a request that breaks the contract was accepted",
    "numbers in strings": "POST /v1/orders: 201: a request that breaks the contract was accepted",
    "more fields": "POST /v1/orders: 201: a request that breaks the contract was accepted",
    "small bodies": "POST /v1/orders: 413: a request that keeps the contract was refused",
    "short keys": "POST /v1/orders: 400: a request that keeps the contract was refused",
    "bare JSON only": "POST /v1/orders: 415: a request that keeps the contract was refused",
    "short notes": "POST /v1/orders: 422: a request that keeps the contract was refused",
    "deep answer": "POST /v1/orders: 201: the body is nested beyond reason",
    "bottomless answer": "POST /v1/orders: 201: the body of the answer is not JSON",
    "no JSON": "POST /v1/orders: 201: the body of the answer is not JSON",
    "limit ignored": "GET /v1/orders: 200: a request that breaks the contract was accepted",
    "forgets the note": 'POST /v1/orders: note is null in the answer, of a thing whose note is "Leave it',
    "same time for all": "POST /v1/orders: created_at is more than a minute from when the thing was made",
    "another place": "POST /v1/orders: what has the id ",
    "place without version": "POST /v1/orders: what has the id ",
    "trims": "POST /v1/orders: note is Leave it with the neighbour's <dog> & Zo\u00eb in the answer, of a thing whose",
    "escapes": 'POST /v1/orders: note is "Leave it with the neighbour&#x27;s &lt;dog&gt; &amp; Zo\u00eb  " in',
    "counts bytes": "POST /v1/orders: 422: a request that keeps the contract was refused",
    "answers a neighbour": "GET /v1/orders/{order_id}: id is ",
    "stays confirmed": "/cancel: status is confirmed in the answer, of a thing whose status is cancelled",
    "lists without notes": 'GET /v1/orders: note is null in the answer, of a thing whose note is "Leave it',
}


@pytest.mark.parametrize(("flaw", "told"), RESPONSES.items())
def test_an_answer_outside_the_contract_is_told(
    flaw: str, told: str, serve: Serve, tokens: Tokens, contract: dict[str, Any]
) -> None:
    """Each kind of wrong answer is found, and told with its operation and what is wrong."""
    with pytest.raises(Failure) as failed:
        answers_as_the_contract_says(serve(flaw), tokens, contract, RESOURCE, examples=2)
    assert told in failed.value.summary
    assert failed.value.sent
    assert failed.value.received


def test_the_same_service_is_told_the_same_twice(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """The exploration has no luck in it."""
    told = []
    for _ in range(2):
        with pytest.raises(Failure) as failed:
            answers_as_the_contract_says(serve("no maximum"), tokens, contract, RESOURCE, examples=10)
        told.append((failed.value.summary, failed.value.sent.partition("{")[2]))
    assert told[0] == told[1]
