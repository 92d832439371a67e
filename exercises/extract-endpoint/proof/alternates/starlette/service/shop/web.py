"""The application."""

import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop import money
from shop.lines import Wrong, read
from shop.storage import Storage
from shop.work import Follower, Teller

MOST_OF_A_PAGE, USUAL_PAGE = 188, 25
LONGEST_KEY = 137
THINGS = "/accounts/{account}/invoices"
ENDS = {"settle": ("settled", {"issued"}), "void": ("voided", {"draft", "issued"})}
UNTRACED = "livez,readyz,openapi.json,backfill"


class Api:
    def __init__(self, storage: Storage, monolith: httpx.AsyncClient, teller: Teller) -> None:
        self._storage = storage
        self._monolith = monolith
        self._teller = teller

    async def listed(self, request: Request) -> Response:
        asked = request.query_params
        limit = min(_number(asked.get("limit"), USUAL_PAGE), MOST_OF_A_PAGE)
        skip = limit * (_number(asked.get("page"), 1) - 1)
        page, count = self._storage.listed(request.path_params["account"], asked.get("status"), limit, skip)
        return JSONResponse({"invoices": page, "total_count": count}, headers={"X-Total-Count": str(count)})

    async def one(self, request: Request) -> Response:
        return JSONResponse(self._known(request))

    async def make(self, request: Request) -> Response:
        account, key = request.path_params["account"], request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise Wrong(400, f"a key has 1 to {LONGEST_KEY} characters")
        if known := self._storage.used(account, key):
            return JSONResponse(known)
        owner = await self._owner(account)
        if owner["state"] == "closed":
            raise Wrong(410, "it is closed")
        lines, memo = read(_json(await request.body()))
        if known := self._storage.used(
            account, key
        ):  # it came while we waited, and nothing comes between this and keeping
            return JSONResponse(known)
        net = sum(line["amount_cents"] for line in lines)
        fee = money.fee(net, owner["fee_percent"])
        told = {
            "id": uuid.uuid4().hex[:16],
            "account": account,
            "status": "draft",
            "version": 1,
            "lines": lines,
            "net_cents": net,
            **({} if fee is None else {"fee_cents": fee}),
            "total_cents": net + (fee or 0),
            **memo,
            "created_at": _stamp(datetime.now(UTC)),
        }
        self._keep(request, told, key)
        return JSONResponse(told, 201, headers={"Location": f"{request.url.path}/{told['id']}"})

    async def step(self, request: Request) -> Response:
        step = request.path_params["step"]
        if step == "issue":
            return JSONResponse(await self._issue(request))
        if step not in ENDS:
            raise Wrong(404, "there is no such step")
        status, allowed = ENDS[step]
        told = self._known(request)
        if told["status"] != status:
            _expect(told, allowed)
            told = {**told, "status": status, "version": told["version"] + 1, f"{status}_at": _stamp(datetime.now(UTC))}
            self._keep(request, told, self._storage.key_of(told["id"]))
        return JSONResponse(told)

    async def _issue(self, request: Request) -> dict[str, Any]:
        _expect(self._known(request), {"draft"})
        terms = (await self._owner(request.path_params["account"]))["terms_days"]
        told = self._known(request)
        _expect(told, {"draft"})
        now = datetime.now(UTC)
        told = {
            **told,
            "status": "issued",
            "version": told["version"] + 1,
            "number": f"{told['account']}/{self._storage.counted(told['account']) + 1:04}",
            "issued_at": _stamp(now),
            "due_on": (now + timedelta(days=terms)).date().isoformat(),
            "settled_at": None,
        }
        self._keep(request, told, self._storage.key_of(told["id"]))
        return told

    def _known(self, request: Request) -> dict[str, Any]:
        told = self._storage.one(request.path_params["account"], request.path_params["name"])
        if told is None:
            raise Wrong(404, "there is none")
        return told

    async def _owner(self, account: str) -> dict[str, Any]:
        try:
            answer = await self._monolith.get(f"/internal/accounts/{quote(account, safe='')}")
        except httpx.HTTPError as error:
            raise Wrong(503, "accounts cannot be asked now") from error
        if answer.status_code == 404:
            raise Wrong(404, "there is no such account")
        if not answer.is_success:
            raise Wrong(503, "accounts cannot be asked now")
        owner: dict[str, Any] = answer.json()
        return owner

    def _keep(self, request: Request, told: dict[str, Any], key: str | None) -> None:
        if request.headers.get("rollout-mode", "live") in ("shadow", "mirror"):
            return
        happened = "created" if told["status"] == "draft" else told["status"]
        event = {
            "specversion": "1.0",
            "id": uuid.uuid4().hex,
            "source": "/invoicing",
            "type": f"invoice.{happened}.v1",
            "subject": told["id"],
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "sequence": told["version"],
            "data": {**told, "request_key": key},
        }
        self._storage.keep(told, key, event)
        self._teller.wake.set()


def application() -> Starlette:
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=2), schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument()
    storage = Storage(Path(os.environ["DATA_DIR"]) / "shop.db")
    wait = httpx.Timeout(2.2, connect=0.5)
    monolith = httpx.AsyncClient(base_url=os.environ["MONOLITH_URL"], timeout=wait, trust_env=False)
    teller = Teller(storage, os.environ["EVENTS_URL"])
    follower = Follower(storage, monolith)
    api = Api(storage, monolith, teller)
    document = json.loads(Path(__file__).with_name("openapi.json").read_bytes())

    async def alive(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def ready(_: Request) -> Response:
        return JSONResponse({}, 200 if storage.is_there() else 503)

    async def published(_: Request) -> Response:
        return JSONResponse(document)

    async def begin(_: Request) -> Response:
        follower.begin()
        return JSONResponse(follower.state(), 202)

    async def how_far(_: Request) -> Response:
        return JSONResponse(follower.state())

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each.run()) for each in (follower, teller)]
        yield
        for task in tasks:
            task.cancel()
        provider.shutdown()

    app = Starlette(
        lifespan=life,
        exception_handlers={Wrong: _wrong},
        routes=[
            Route(THINGS, api.listed, methods=["GET"]),
            Route(THINGS, api.make, methods=["POST"]),
            Route(f"{THINGS}/{{name}}", api.one, methods=["GET"]),
            Route(f"{THINGS}/{{name}}/{{step}}", api.step, methods=["POST"]),
            Route("/livez", alive),
            Route("/readyz", ready),
            Route("/openapi.json", published),
            Route("/backfill", begin, methods=["POST"]),
            Route("/backfill", how_far, methods=["GET"]),
        ],
    )
    app.add_middleware(OpenTelemetryMiddleware, excluded_urls=UNTRACED, exclude_spans=["receive", "send"])
    return app


async def _wrong(_: Request, error: Exception) -> Response:
    assert isinstance(error, Wrong)
    return JSONResponse(error.body, error.status)


def _expect(told: dict[str, Any], allowed: set[str]) -> None:
    if told["status"] not in allowed:
        raise Wrong(409, f"it is {told['status']}")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Wrong(400, "the body is no JSON") from None


def _number(told: str | None, usual: int) -> int:
    if told and told.isascii() and told.isdigit() and len(told) < 10 and int(told) > 0:
        return int(told)
    return usual


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
