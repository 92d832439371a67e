"""Logs that a machine can read, that can be found again, and that may be shown to anybody."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import asdict, replace

import pytest

from assesskit.checks import logs, tracing
from assesskit.checks.creation import Creation, made, place
from assesskit.checks.exchange import Request
from assesskit.checks.http import prepared
from assesskit.checks.logs import Asked
from assesskit.checks.metrics import LARGEST, PATH
from assesskit.checks.tracing import Caller
from assesskit.instruments.relay import Fault


@pytest.mark.criterion("logs.structured")
def test_every_line_is_json_and_every_request_has_one(service, fresh, resource, tokens, evidence) -> None:
    """A write, two reads and a read of nothing each leave a line with method, route, status and duration."""
    item, nothing = place(made(service, fresh())).rpartition("/")[2], str(uuid.uuid4())
    before = service.logs()["stdout"]
    asked = [Asked("POST", resource.path, service.send(fresh().request()).answered().status)]
    for name, words in ((item, resource.item), (nothing, resource.item), (item, resource.item)):
        answer = service.send(prepared("GET", resource.item_path(name), headers=tokens.bearer())).answered()
        asked.append(Asked("GET", words, answer.status, name))
    logs.expect_structured(service, before, asked, evidence)


@pytest.mark.criterion("logs.structured")
@pytest.mark.usefixtures("settles")
def test_a_refusal_and_a_failure_have_a_line(service, dependency, fresh, resource, tokens, evidence) -> None:
    """A read without a valid token, one without the scope, a write that fails and one that is no JSON leave a line."""
    item = place(made(service, fresh())).rpartition("/")[2]
    unready = fresh()
    dependency.script(unready.mark, Fault.refuse(), always=True)
    before = service.logs()["stdout"]
    asked = []
    for bearer in _not_let_in(tokens, resource).values():
        answer = service.send(prepared("GET", resource.item_path(item), headers=bearer)).answered()
        asked.append(Asked("GET", resource.item, answer.status, item))
    sent = [service.send(request) for request in (unready.request(), fresh().request(body=b"{"))]
    asked += [Asked("POST", resource.path, one.answered().status) for one in sent]
    logs.expect_structured(service, before, asked, evidence)


@pytest.mark.criterion("logs.correlated")
def test_every_request_has_a_line_with_its_trace_id(service, fresh, resource, tokens, evidence) -> None:
    """A write, a read and a read of nothing each leave a JSON line that holds the trace id of that request."""
    write, read, miss = Caller.fresh(), Caller.fresh(), Caller.fresh()
    item = place(made(service, fresh(), traceparent=write.traceparent))
    for path, caller in ((item, read), (resource.item_path(uuid.uuid4()), miss)):
        headers = tokens.bearer() | {"traceparent": caller.traceparent}
        service.send(prepared("GET", path, headers=headers)).answered()
    told = {
        write.trace_id: f"POST {resource.path}",
        read.trace_id: f"GET {resource.item}",
        miss.trace_id: f"GET {resource.item} with an id that does not exist",
    }
    logs.expect_correlated(service, told, evidence)


@pytest.mark.criterion("logs.correlated")
@pytest.mark.usefixtures("settles")
def test_a_refusal_and_a_failure_have_a_trace_id(service, dependency, fresh, resource, tokens, evidence) -> None:
    """A read without a valid token, one without the scope, a write that fails, one that is no JSON: each is found."""
    item, unready = place(made(service, fresh())), fresh()
    dependency.script(unready.mark, Fault.refuse(), always=True)
    told = {}
    for words, bearer in _not_let_in(tokens, resource).items():
        caller = Caller.fresh()
        service.send(prepared("GET", item, headers=bearer | {"traceparent": caller.traceparent})).answered()
        told[caller.trace_id] = f"GET {resource.item} with {words}"
    writes = {"while the dependency refuses the call": (unready, None), "with a body that is no JSON": (fresh(), b"{")}
    for words, (creation, body) in writes.items():
        caller = Caller.fresh()
        service.send(creation.request(body=body, traceparent=caller.traceparent)).answered()
        told[caller.trace_id] = f"POST {resource.path} {words}"
    logs.expect_correlated(service, told, evidence)


@pytest.mark.criterion("logs.no-secrets")
def test_no_secret_of_a_caller_is_kept(service, dependency, collector, resource, tokens) -> None:
    """Tokens and free text, in requests that succeed and that fail, show in no log line, no span and no metric."""
    caller, card = Caller.fresh(), f"4{secrets.randbelow(10**15):015}"
    jti = str(uuid.uuid4())  # so that these are tokens that no earlier check has sent
    token, foreign, reader = (
        tokens.mint(jti=jti, **claims) for claims in ({}, {"aud": "elsewhere"}, {"scope": resource.read})
    )

    def intended(token: str = token, **changes: object) -> Creation:
        return resource.fresh(token, **{resource.text: f"card {card}", **changes})

    good, incomplete, unready = intended(), intended(), intended()
    dependency.script(unready.mark, Fault.refuse(), always=True)
    fields = {name: value for name, value in incomplete.payload.items() if name != resource.count}
    other = {**good.payload, resource.count: good.payload[resource.count] + 1}
    intentions = [
        intended(**{resource.count: -1}),
        intended(**{resource.text: [f"card {card}"]}),
        replace(incomplete, payload=fields),
        intended(foreign),
        intended(reader),
        good,
        replace(good, payload=other),
        intended(**{resource.mark: resource.unavailable}),
        unready,
    ]
    item = place(made(service, good, traceparent=caller.traceparent))
    headers = good.bearer | {"traceparent": caller.traceparent}
    cancelling = resource.cancel_path(item.rpartition("/")[2])
    requests = [
        *(one.request(traceparent=caller.traceparent) for one in intentions),
        intended().request(body=f'{{"{resource.text}": "{card}", '.encode(), traceparent=caller.traceparent),
        *(prepared("GET", path, headers=headers) for path in (item, resource.path, resource.item_path(uuid.uuid4()))),
        prepared("POST", cancelling, headers=headers | {"If-Match": "*"}),
    ]
    for request in requests:
        service.send(request)
    spans = tracing.settled(collector, caller, service.name, timeout=6.0, least=1 + len(requests))
    spans.sort(key=lambda span: span.start)
    printed = service.logs()
    figures = service.send(Request("GET", PATH), most=LARGEST).answered().body.decode("utf-8", "replace")
    logs.expect_no_secret(
        {
            "a bearer token": token.rpartition(".")[2],
            "a bearer token that was refused": foreign.rpartition(".")[2],
            f"the text of a {resource.text}": card,
        },
        {
            "a line on standard output": printed["stdout"].splitlines(),
            "a line on standard error": printed["stderr"].splitlines(),
            "a span": [str(asdict(span)) for span in spans],
            "/metrics": figures.splitlines(),
        },
        f"orders with a {resource.text} that holds a card number: one that is made, sent again, sent with another"
        " payload under its key, read and cancelled; one with a field out of range, of the wrong type or missing; one"
        " that is not JSON; one with a token for another audience or without the scope; one that the dependency"
        " refuses, and one while it refuses the call",
    )


def _not_let_in(tokens, resource) -> dict[str, dict[str, str]]:
    """Headers that open nothing to a reader, by what they hold, in words."""
    return {
        "a token for another audience": tokens.bearer(aud="elsewhere"),
        "a token that lacks the scope": tokens.bearer(resource.write),
    }
