"""The operations of contract/openapi.yaml."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import yaml
from fastapi import Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import Match

from orders.auth import Authenticator, Caller, needs
from orders.config import Config
from orders.creation import Creation, parse
from orders.inventory import Inventory
from orders.observe import Observe
from orders.problems import Problem, for_status, to_json
from orders.readiness import Readiness
from orders.store import BadCursor, Order, Store

CONTRACT = Path(__file__).parent.parent / "contract" / "openapi.yaml"
BODY_AT_MOST = 48 * 1024
BODY_WITHIN = 4.0

KEY = re.compile(r"[!-~]{1,140}")
LIMIT = re.compile(r"[0-9]{1,3}")
ENTITY_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
ENTITY_TAGS = re.compile(rf"[ \t,]*{ENTITY_TAG}(?:[ \t]*,[ \t,]*{ENTITY_TAG})*[ \t,]*")

Reader = Annotated[Caller, Depends(needs("orders:read"))]
Writer = Annotated[Caller, Depends(needs("orders:write"))]


def create_app(config: Config) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        state.store = Store(config.data_dir)
        state.inventory = Inventory(config.inventory_url)
        state.creation = Creation(state.store, state.inventory)
        state.readiness = Readiness(state.store, state.inventory)
        watch = asyncio.create_task(state.readiness.watch())
        yield
        watch.cancel()
        await asyncio.wait([watch])
        await state.creation.finish()
        await state.inventory.close()
        state.store.close()

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI would add a server span of its own to the one of Observe, probes included.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.draining = False
    app.state.authenticator = Authenticator(config)
    app.add_middleware(Observe, orders=app)
    document = json.dumps(yaml.safe_load(CONTRACT.read_text("utf-8"))).encode("ascii")

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Each route knows only its own methods; the path may have more.
            headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        return for_status(error.status_code, headers).response()

    @app.post("/v1/orders")
    async def create(request: Request, caller: Writer) -> Response:
        key = _idempotency_key(request)
        if _media_type(request) != "application/json":
            raise Problem(415, "unsupported-media-type", "The body must be declared as application/json.")
        order = await app.state.creation.create(caller.sub, key, parse(await _body(request)))
        return _order(order, 201, Location=order.location)

    @app.get("/v1/orders")
    async def page(request: Request, caller: Reader) -> Response:
        query = request.query_params
        limit = _limit(query.getlist("limit"))
        cursors = query.getlist("cursor")
        try:
            if len(cursors) > 1:
                raise BadCursor
            items, following = app.state.store.page(limit, cursors[0] if cursors else None)
        except BadCursor as error:
            raise Problem(400, "bad-cursor", "The cursor was not handed out by this service.") from error
        return _json({"items": [order.document() for order in items], "next_cursor": following})

    @app.get("/v1/orders/{order_id}")
    async def read(request: Request, order_id: str, caller: Reader) -> Response:
        order = _found(app.state.store, order_id)
        if _matches(request.headers.getlist("if-none-match"), order.etag, weak=True):
            return Response(status_code=304, headers={"ETag": order.etag})
        return _order(order)

    @app.post("/v1/orders/{order_id}/cancel")
    async def cancel(request: Request, order_id: str, caller: Writer) -> Response:
        wanted = request.headers.getlist("if-match")
        store: Store = app.state.store
        # When somebody else is quicker, what we decided no longer holds: look again. An order changes once, so twice
        # is enough.
        for _ in range(2):
            order = _found(store, order_id)
            if not wanted:
                raise Problem(428, "precondition-required", "Say with If-Match which state is to be cancelled.")
            if not _matches(wanted, order.etag, weak=False):
                raise Problem(412, "precondition-failed", "The order is not in the state that If-Match names.")
            if order.version != 1:
                raise Problem(409, "already-cancelled", "The order was cancelled before.")
            if await store.cancel(order_id, order.version):
                break
        return _order(_found(store, order_id))

    @app.get("/livez")
    async def live() -> Response:
        return _json({"status": "alive"})

    @app.get("/readyz")
    async def ready() -> Response:
        checks = {name: "up" if up else "down" for name, up in app.state.readiness.state.items()}
        if app.state.draining:
            raise Problem(503, "shutting-down", checks=checks)
        if not app.state.readiness.ready:
            raise Problem(503, "not-ready", checks=checks)
        return _json({"status": "ready", "checks": checks})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return Response(document, media_type="application/json")

    return app


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(value), status_code=status, headers=headers, media_type="application/json")


def _order(order: Order, status: int = 200, **headers: str) -> Response:
    return _json(order.document(), status, {"ETag": order.etag} | headers)


def _found(store: Store, order_id: str) -> Order:
    order = store.by_id(order_id)
    if order is None:
        raise Problem(404, "no-such-order", "There is no such order.")
    return order


def _methods(app: FastAPI, request: Request) -> set[str]:
    routes = [route for route in app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


def _idempotency_key(request: Request) -> str:
    values = request.headers.getlist("idempotency-key")
    if not values:
        raise Problem(400, "idempotency-key-missing", "The Idempotency-Key header is missing.")
    if len(values) > 1 or not KEY.fullmatch(values[0]):
        detail = "The Idempotency-Key header must be 1 to 140 printable ASCII characters without spaces."
        raise Problem(400, "idempotency-key-malformed", detail)
    return values[0]


def _media_type(request: Request) -> str:
    values = request.headers.getlist("content-type")
    return values[0].partition(";")[0].strip().lower() if len(values) == 1 else ""


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if int(declared) > BODY_AT_MOST:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_AT_MOST:
                    raise _too_large()
    except TimeoutError as error:
        raise Problem(400, "body-incomplete", "The body did not arrive in time.") from error
    return bytes(body)


def _too_large() -> Problem:
    return Problem(413, "content-too-large", "The body is larger than 48 KiB.")


def _limit(values: list[str]) -> int:
    if not values:
        return 18
    if len(values) == 1 and LIMIT.fullmatch(values[0]) and 1 <= int(values[0]) <= 72:
        return int(values[0])
    raise Problem(422, "limit-out-of-range", "limit must be a whole number from 1 to 72.")


def _matches(values: list[str], etag: str, *, weak: bool) -> bool:
    """RFC 9110, 13.1: does the field name this state? Weak comparison ignores the W/."""
    field = ", ".join(values).strip()
    if field == "*":
        return bool(values)
    if not ENTITY_TAGS.fullmatch(field):
        return False
    tags = re.findall(ENTITY_TAG, field)
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)
