"""Whether every answer is one the contract describes: a bounded, repeatable exploration with generated requests.

schemathesis generates bodies and queries from our contract, edge values are added one at a time, and our own client
carries them. What would make a right service look wrong is left out: keys are fresh, and headers and paths are plain
text that no server refuses before the application sees it. The example told is the smallest that was found.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky
from schemathesis import Case, GenerationMode

from assesskit.checks.contract_document import resolved
from assesskit.checks.contract_judge import Flaw, Judge, Wanted
from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.http import Client, Request
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

PLATFORM = ("GET /livez", "GET /readyz", "GET /metrics")
EXAMPLES = 25
"""Generated requests for each operation and each of right and wrong."""
SHRINKING = 40
"""Requests after the first flaw of an operation in which a smaller example is looked for."""
SECONDS = 60.0
"""For the exploration; a right service needs a tenth of it."""
PROMISED, TOLERANCE = 3.0, 0.5
"""Seconds in which a creation is answered while the dependency is well, and what a slow machine is granted."""
LATE = 5
"""So many answers that are later are no accident."""
SHOWN = 4
BUSY = (429, 503, 504)
PATIENCE, PAUSE = 10.0, 0.5
"""Seconds spent in all, and between two tries, on answers that say the service cannot just now."""
ZOO: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**30, "", " ", "3", "x", [], {})
LONGEST = 500
"""Characters of a query; longer ones are refused by servers, not services."""


class _Flawed(Exception):  # noqa: N818  tells hypothesis to look for a smaller example
    pass


class _Enough(BaseException):  # passes through hypothesis, which stops looking
    pass


def answers_as_the_contract_says(
    client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource, *, examples: int = EXAMPLES
) -> int:
    """Explore every operation; returns how many answers were judged. Failure tells the smallest example of each flaw.

    A service that breaks the contract's promise of 3 seconds has failed, too. Raises Inconclusive when the time was not
    enough for another reason.
    """
    exploration = _Exploration(client, tokens, contract, resource)
    try:
        exploration.run(examples)
    except TimeoutError as late:
        if not exploration.flaws and len(exploration.late) >= LATE:
            raise _late(exploration.create, exploration.late) from late
        if not exploration.flaws:
            raise Inconclusive(f"the service was not explored within {SECONDS:g} s") from late
    if exploration.flaws:
        raise _told(list(exploration.flaws.values()))
    return exploration.count


class _Exploration:
    def __init__(self, client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
        self._client = client
        self._contract = contract
        self._resource = resource
        self.create, self._lists = f"POST {resource.path}", f"GET {resource.path}"
        self._judge = Judge(contract)
        self._bearer = ("Authorization", f"Bearer {tokens.mint()}")
        self._until = time.monotonic() + SECONDS
        self._patience = PATIENCE
        self.count = 0
        self.late: list[Exchange] = []
        self.flaws: dict[tuple[str, str], Flaw] = {}

    def run(self, examples: int) -> None:
        """Explore each operation. Raises TimeoutError when the time is up."""
        self._resource.made(self._client, dict([self._bearer]))
        for operation in PLATFORM:
            self._send(operation, operation.split()[1])
        for body in _bodies(self._contract, self._resource.path):
            self._create(json.dumps(body).encode())
        for query in _queries(self._contract, self._resource.path):
            self._list(query)
        self._states()
        for operation, mode in itertools.product((self.create, self._lists), GenerationMode):
            self._explore(operation, mode, examples)

    def _explore(self, operation: str, mode: GenerationMode, examples: int) -> None:
        method, path = operation.split()
        found_at: int | None = None

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
        )
        @given(case=self._judge.schema[path][method].as_strategy(generation_mode=mode))
        def one(case: Case[Any]) -> None:
            nonlocal found_at
            if found_at is not None and self.count > found_at + SHRINKING:
                raise _Enough
            if not (self._create(_body(case)) if operation == self.create else self._list(case.query)):
                found_at = found_at or self.count
                raise _Flawed

        try:
            one()
        except (_Flawed, _Enough):
            return
        except Flaky:
            if found_at is None:  # not an answer that came out otherwise the second time, but something of ours
                raise

    def _create(self, body: bytes) -> bool:
        wanted = self._judge.wanted_body(self.create, body)
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        return self._send(self.create, self._resource.path, headers, body, wanted)[1]

    def _list(self, generated: Mapping[str, Any]) -> bool:
        query = {name: _text(value) for name, value in generated.items() if name in ("limit", "cursor")}
        path = f"{self._resource.path}?{urlencode(query)}" if query else self._resource.path
        if len(path) > LONGEST:
            return True
        return self._send(self._lists, path, wanted=self._judge.wanted_query(self._lists, query))[1]

    def _states(self) -> None:
        """Things that exist, in each of their states, and some that do not."""
        resource = self._resource
        for text in (None, "Leave it with the neighbour"):
            body = resource.example | ({resource.text: text} if text else {})
            headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
            answer, _ = self._send(self.create, resource.path, headers, json.dumps(body).encode(), "accepted")
            if answer and (item_id := resource.made_id(answer)):
                self._one(item_id)
        for unknown in (str(uuid.UUID(int=0)), "no-such-thing", "1", "0" * 100):
            self._send(f"GET {resource.item}", resource.item_path(unknown), wanted="unknown")
            self._send(f"POST {resource.cancel}", resource.cancel_path(unknown), {"If-Match": "*"}, wanted="unknown")

    def _one(self, item_id: str) -> None:
        resource = self._resource
        read, path = f"GET {resource.item}", resource.item_path(item_id)
        answer, _ = self._send(read, path, wanted="accepted")
        etag = (answer.headers.get("etag") if answer else None) or "*"
        self._send(read, path, {"If-None-Match": etag}, wanted="accepted")
        self._send(read, path, {"If-None-Match": '"no-such-state"'}, wanted="accepted")
        for tag in (None, '"no-such-state"', etag, etag, "*"):
            self._send(f"POST {resource.cancel}", resource.cancel_path(item_id), {"If-Match": tag} if tag else {})
        self._send(read, path, wanted="accepted")
        self._list({"limit": 1})

    def _send(
        self,
        operation: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        wanted: Wanted = "any",
    ) -> tuple[Response | None, bool]:
        """Send one request; its answer, and whether that is right. A flaw is kept unless a smaller one is known."""
        if time.monotonic() > self._until:
            raise TimeoutError
        fields = (self._bearer, *(headers or {}).items())
        exchange = self._patiently(Request(operation.partition(" ")[0], path, fields, body))
        self.count += 1
        if operation == self.create and exchange.seconds > PROMISED + TOLERANCE:
            self.late.append(exchange)
        flaw = self._judge.flaw(operation, exchange, wanted)
        if flaw is None:
            return exchange.response, True
        known = self.flaws.get((operation, flaw.kind))
        if known is None or flaw.size < known.size:
            self.flaws[operation, flaw.kind] = flaw
        return exchange.response, False

    def _patiently(self, request: Request) -> Exchange:
        """Send a request, again while the answer says that this is a bad moment and patience is left.

        On a busy machine a right service may shed a request or lose its dependency for a moment; one that is broken
        answers so every time.
        """
        exchange = self._client.send(request)
        while exchange.response and exchange.response.status in BUSY and self._patience > 0:
            self._patience -= PAUSE
            time.sleep(PAUSE)
            exchange = self._client.send(request)
        return exchange


def _bodies(contract: dict[str, Any], path: str) -> Iterator[Any]:
    """Bodies that differ in one thing from the contract's example: at a limit, beyond it, of another type, missing."""
    media = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    example = media["example"]
    schema = resolved(contract, media["schema"])
    for name, given_schema in schema["properties"].items():
        rest = {key: value for key, value in example.items() if key != name}
        yield rest
        limits = _limits(resolved(contract, given_schema))
        yield from ({**rest, name: value} for value in (*ZOO, *limits))
    yield {**example, "unexpected": 1}
    yield from ([], [example], "x", 3, None)


def _queries(contract: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """Queries of one parameter: at a limit, beyond it, of another type."""
    for given_parameter in contract["paths"][path]["get"]["parameters"]:
        parameter = resolved(contract, given_parameter)
        values = (*ZOO, *_limits(resolved(contract, parameter["schema"])))
        yield from ({parameter["name"]: value} for value in values)


def _limits(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("minimum", "maximum"):
        if name in schema:
            yield from (schema[name] - 1, schema[name], schema[name] + 1)
    for name in ("minLength", "maxLength"):
        if name in schema:
            yield from ("A" * (schema[name] + more) for more in (-1, 0, 1))


def _body(case: Case[Any]) -> bytes:
    if isinstance(case.body, bytes):
        return case.body
    try:
        return json.dumps(case.body, allow_nan=False).encode()
    except (TypeError, ValueError):  # no body at all, or nothing that JSON can say
        return b""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _late(create: str, exchanges: list[Exchange]) -> Failure:
    """Return what is wrong with a service that is too slow because it breaks the contract's promise."""
    seconds = statistics.median(exchange.seconds for exchange in exchanges)
    return Failure(
        f"{create} takes {seconds:.1f} s; the contract promises an answer within {PROMISED:g} s",
        sent=exchanges[0].sent(),
        received=f"{len(exchanges)} answers after more than {PROMISED:g} s, half of them after {seconds:.1f} s or more",
        expected=f"an answer within {PROMISED:g} s",
        exchange=exchanges[0],
    )


def _told(flaws: list[Flaw]) -> Failure:
    """All that is wrong: each flaw in a line, the first few with what was sent and received."""
    first, shown = flaws[0], flaws[:SHOWN]
    others = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
    lines = [f"{flaw.operation}: {flaw.what}" for flaw in flaws]
    received = [f"[{flaw.operation}]\n{flaw.exchange.received()}" for flaw in shown]
    return Failure(
        f"{lines[0]}{others}",
        sent="\n\n".join(f"[{flaw.operation}]\n{flaw.exchange.sent()}" for flaw in shown),
        received="\n\n".join(["\n".join(lines), *received]),
        expected="\n".join(f"{flaw.operation}: {flaw.expected}" for flaw in flaws),
        rule="; ".join(dict.fromkeys(flaw.rule for flaw in flaws)),
        exchange=first.exchange,
    )
