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
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky
from schemathesis import Case, GenerationMode

from assesskit.checks.contract_facts import Thing
from assesskit.checks.contract_judge import Flaw, Judge, Wanted
from assesskit.checks.contract_limits import body_limit, key_limit
from assesskit.checks.contract_requests import bodies, body_of, queries, text_of
from assesskit.checks.creation import patiently, place
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.http import Client, Request
from assesskit.checks.misses import Miss, tell
from assesskit.checks.resource import Resource
from assesskit.checks.stalls import Stalls
from assesskit.checks.tokens import Tokens

PLATFORM = ("GET /livez", "GET /readyz", "GET /metrics")
EXAMPLES = 25
"""Generated requests for each operation and each of right and wrong."""
SHRINKING = 40
"""Requests after the first flaw of an operation in which a smaller example is looked for."""
SECONDS = 60.0
"""For the exploration; a right service needs a tenth of it. Whoever keeps it waiting for longer was never explored."""
WAITED = 0.8
"""Of that time: what is missing is ours."""
PROMISED, TOLERANCE = 3.0, 0.5
"""Seconds in which a creation is answered while the dependency is well, and what a slow machine is granted."""
LATE = 5
"""So many answers that are later are no accident."""
TEXT = "Leave it with the neighbour's <dog> & Zo\u00eb  "
"""Comes back as it is: neither trimmed nor made fit for a page."""
NEWEST = 3
"""Things on the page where those that were made last are looked for."""
PLACE = "RFC 9110 section 15.3.2"
MADE = (200, 201)
PATIENCE = 10.0
"""Seconds spent in all on answers that say the service cannot just now."""
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

    A service that breaks the contract's promise of 3 seconds, or is so slow that the time was not enough, has failed,
    too. Raises Inconclusive when the time was not enough for another reason.
    """
    exploration = _Exploration(client, tokens, contract, resource)
    try:
        with Stalls() as stalls:
            exploration.run(examples)
    except TimeoutError as late:
        over = sum(exchange.seconds - PROMISED for exchange in exploration.late)
        if not exploration.flaws and len(exploration.late) >= LATE and over > stalls.explained:
            raise _late(exploration.create, exploration.late) from late
        if not exploration.flaws:
            raise _unexplored(exploration.count, exploration.waited - stalls.explained) from late
    tell([Miss(one.operation, one.exchange, one.what, one.expected, one.rule) for one in exploration.flaws.values()])
    return exploration.count


class _Exploration:
    def __init__(self, client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
        self._client = client
        self._contract = contract
        self._resource = resource
        self.create, self._lists = f"POST {resource.path}", f"GET {resource.path}"
        self._judge = Judge(contract)
        self._bearer = tokens.bearer()
        self._until = time.monotonic() + SECONDS
        self._patience = PATIENCE
        self.count = 0
        self.waited = 0.0
        self.late: list[Exchange] = []
        self.flaws: dict[tuple[str, str], Flaw] = {}

    def run(self, examples: int) -> None:
        """Explore each operation. Raises TimeoutError when the time is up."""
        self._resource.made(self._client, self._bearer)
        for operation in PLATFORM:
            self._send(operation, operation.split()[1])
        for body in bodies(self._contract, self._resource.path):
            self._create(json.dumps(body).encode())
        self._at_most()
        self._create(json.dumps(self._resource.example).encode(), kind="Application/JSON; charset=utf-8")
        for query in queries(self._contract, self._resource.path):
            self._list(query)
        self._states()
        for operation, mode in itertools.product((self.create, self._lists), GenerationMode):
            self._explore(operation, mode, examples)

    def _at_most(self) -> None:
        """A body as large as it may be, and a key as long."""
        body, longest = json.dumps(self._resource.example).encode(), key_limit(self._contract, self._resource)
        spaces = b" " * (body_limit(self._contract, self._resource) - len(body))
        self._create(body[:1] + spaces + body[1:])
        self._create(body, key=str(uuid.uuid4()).ljust(longest, "~"))

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
            if not (self._create(body_of(case)) if operation == self.create else self._list(case.query)):
                found_at = found_at or self.count
                raise _Flawed

        try:
            one()
        except (_Flawed, _Enough):
            return
        except Flaky:
            if found_at is None:  # not an answer that came out otherwise the second time, but something of ours
                raise

    def _create(self, body: bytes, key: str = "", kind: str = "application/json") -> bool:
        wanted = self._judge.wanted_body(self.create, body)
        headers = {"Idempotency-Key": key or str(uuid.uuid4()), "Content-Type": kind}
        return self._send(self.create, self._resource.path, headers, body, wanted)[1]

    def _list(self, generated: Mapping[str, Any]) -> bool:
        query = {name: text_of(value) for name, value in generated.items() if name in ("limit", "cursor")}
        path = f"{self._resource.path}?{urlencode(query)}" if query else self._resource.path
        if len(path) > LONGEST:
            return True
        return self._send(self._lists, path, wanted=self._judge.wanted_query(self._lists, query))[1]

    def _states(self) -> None:
        """Things that exist, in each of their states, and some that do not."""
        resource = self._resource
        example = resource.example
        more = {resource.text: TEXT, resource.count: example[resource.count] + 1}
        things = [self._thing(payload) for payload in (example, example | more)]
        known = [self._one(thing) for thing in things if thing]
        self._listed(known)
        for unknown in (str(uuid.UUID(int=0)), "no-such-thing", "1", "0" * 100):
            self._send(f"GET {resource.item}", resource.item_path(unknown), wanted="unknown")
            self._send(f"POST {resource.cancel}", resource.cancel_path(unknown), {"If-Match": "*"}, wanted="unknown")

    def _thing(self, payload: Mapping[str, Any]) -> Thing | None:
        """Make one; None when nothing came of it that could be read."""
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        thing = Thing.of(self._resource, payload)
        body = json.dumps(payload).encode()
        exchange, _ = self._send(self.create, self._resource.path, headers, body, "accepted", thing)
        answer = exchange.response
        item_id = self._resource.made_id(answer) if answer else None
        if answer is None or item_id is None:
            return None
        location = answer.headers.get("location")
        item_path = self._resource.item_path(item_id)
        if location is not None and not _leads_to(item_path, exchange):
            what = f"what has the id {item_id} has the Location {location}"
            self._keep(Flaw(self.create, "another place", what, item_path, PLACE, exchange))
        return thing.known(id=item_id)

    def _one(self, thing: Thing) -> Thing:
        """Read it and cancel it in several ways; return what is known of it then."""
        resource, item_id = self._resource, thing.fields["id"]
        read, path = f"GET {resource.item}", resource.item_path(item_id)
        answer = self._send(read, path, wanted="accepted", thing=thing)[0].response
        etag = (answer.headers.get("etag") if answer else None) or "*"
        self._send(read, path, {"If-None-Match": etag}, wanted="accepted")
        self._send(read, path, {"If-None-Match": '"no-such-state"'}, wanted="accepted", thing=thing)
        cancelled = thing.known(**{resource.status: resource.cancelled})
        for tag in (None, '"no-such-state"', etag, etag, "*"):
            headers = {"If-Match": tag} if tag else {}
            cancel = f"POST {resource.cancel}"
            answer = self._send(cancel, resource.cancel_path(item_id), headers, thing=cancelled)[0].response
            thing = cancelled if answer and answer.status == HTTPStatus.OK else thing
        self._send(read, path, wanted="accepted", thing=thing)
        return thing

    def _listed(self, things: Sequence[Thing]) -> None:
        """The newest are on the first page, and told there as they are when they are read."""
        exchange, fine = self._send(self._lists, f"{self._resource.path}?limit={NEWEST}", wanted="accepted")
        if not fine:
            return
        items = {str(item.get("id")): item for item in exchange.answered().json()["items"]}
        for thing in things:
            self._keep(thing.flaw(self._lists, exchange, items.get(thing.fields["id"])))

    def _send(
        self,
        operation: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        wanted: Wanted = "any",
        thing: Thing | None = None,
    ) -> tuple[Exchange, bool]:
        """Send one request; what came of it, and whether that is right. A success has to tell of `thing` what is so."""
        if time.monotonic() > self._until:
            raise TimeoutError
        fields = {**self._bearer, **(headers or {})}
        exchange = self._patiently(Request(operation.partition(" ")[0], path, tuple(fields.items()), body))
        self.count += 1
        self.waited += exchange.seconds
        if operation == self.create and exchange.seconds > PROMISED + TOLERANCE:
            self.late.append(exchange)
        flaw = self._judge.flaw(operation, exchange, wanted)
        if flaw is None and thing is not None and exchange.answered().status in MADE:
            flaw = thing.flaw(operation, exchange, exchange.answered().json())
        self._keep(flaw)
        return exchange, flaw is None

    def _keep(self, flaw: Flaw | None) -> None:
        """Keep a flaw unless a smaller one of its kind is known."""
        known = self.flaws.get((flaw.operation, flaw.kind)) if flaw else None
        if flaw and (known is None or flaw.size < known.size):
            self.flaws[flaw.operation, flaw.kind] = flaw

    def _patiently(self, request: Request) -> Exchange:
        """Send a request, again while the answer says that this is a bad moment and patience is left.

        On a busy machine a right service may shed a request or lose its dependency for a moment; one that is broken
        answers so every time.
        """
        began = time.monotonic()
        exchange = patiently(self._client, request, self._patience)
        self._patience = max(0.0, self._patience - (time.monotonic() - began - exchange.seconds))
        return exchange


def _leads_to(path: str, exchange: Exchange) -> bool:
    """Whether the Location of what was made is this path, written in full or relative to the request."""
    try:
        return place(exchange).rstrip("/") == path
    except Failure:
        return False


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


def _unexplored(count: int, waited: float) -> Failure | Inconclusive:
    """What to say when the time was up: whether most of it went into waiting for answers."""
    if waited < SECONDS * WAITED:
        return Inconclusive(f"the service was not explored within {SECONDS:g} s")
    return Failure(
        f"{count} requests, one after the other, took the service {waited:.0f} s",
        received=f"{waited / count:.1f} s for an answer, on average" if count else "not one answer",
        expected=f"some two hundred answers within {SECONDS:g} s",
    )
