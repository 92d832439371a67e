"""A small right service in Flask, with the mistakes that can be made in it: what the contract checks are tested on."""

from __future__ import annotations

import html
import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import jwt
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

ISSUER, AUDIENCE = "https://gateway.test", "orders"
LARGEST, SMALL, DEFAULT, LONGEST_KEY = 48 * 1024, 10 * 1024, 18, 140
SKU = re.compile(r"[A-Z0-9][A-Z0-9-]{2,31}")
AWAKE = 16
"""Things after which a service that wakes slowly is quick."""
INSIDE = {
    "tells the trace": 'Traceback (most recent call last):\n  File "/app/orders.py", line 3, in create',
    "tells the stack": "TypeError: no quantity\n    at create (server:12:7)",
    "tells the file": "quantity: see /app/orders/domain.py",
    "tells the statement": "UPDATE orders SET quantity = ? failed",
}
TITLES = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 405: "Method not allowed"}


class Refused(Exception):  # noqa: N818  an answer, not an error
    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        self.headers = headers


class Orders:
    """`flaws` are the mistakes this service makes; without any it is right."""

    def __init__(self, public_key: str, document: Mapping[str, Any], flaws: frozenset[str]) -> None:
        self.key = public_key
        self.document = document
        self.flaws = flaws
        self.orders: dict[str, dict[str, Any]] = {}
        self.makers: dict[str, str] = {}
        self.asked = self.tagged = 0
        self.lock = threading.Lock()

    def app(self) -> Flask:
        app = Flask("orders")
        app.add_url_rule("/v1/orders", view_func=self.create, methods=["POST"])
        app.add_url_rule("/v1/orders", view_func=self.page, methods=["GET"])
        app.add_url_rule("/v1/orders/<key>", view_func=self.read, methods=["GET"])
        app.add_url_rule("/v1/orders/<key>/cancel", view_func=self.cancel, methods=["POST"])
        app.add_url_rule("/openapi.json", view_func=lambda: dict(self.document), endpoint="document")
        for path in ("/livez", "/readyz", "/metrics"):
            app.add_url_rule(path, view_func=lambda: "fine", endpoint=path)
        app.before_request(self.moment)
        app.register_error_handler(Refused, lambda error: self.problem(error.status, **error.headers))
        if "html errors" not in self.flaws:
            app.register_error_handler(HTTPException, self.framework_error)
        return app

    def moment(self) -> Response | None:
        """What right services do, too, though it is named like a flaw: turn a request away on a busy machine, or have a
        router that sends whoever asks for a path with dots to a clean one.
        """
        self.asked += 1
        if "bad moments" in self.flaws and self.asked % 40 == 0:
            return self.problem(503, Retry_After="1")
        if "cleans paths" in self.flaws and ".." in request.path:
            return self.problem(301, Location="/etc/passwd")
        return None

    def framework_error(self, error: HTTPException) -> Response:
        headers = (
            {} if "no Allow" in self.flaws else {name: text for name, text in error.get_headers() if name == "Allow"}
        )
        if "wrong Allow" in self.flaws and headers:
            headers["Allow"] = "OPTIONS, TRACE"
        return self.problem(error.code or 500, **headers)

    def problem(self, status: int, **headers: str) -> Response:
        detail = headers.pop("detail", "")
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        if status == 401 and "no challenge" not in self.flaws:
            named["WWW-Authenticate"] = 'Bearer realm="orders"'
        body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(status, "Refused"), "status": status}
        if detail:
            body["detail"] = detail
        if "status 200 in problems" in self.flaws:
            body["status"] = 200
        kind = "application/json" if "errors as json" in self.flaws else "application/problem+json"
        return Response(json.dumps(body), status, named, content_type=kind)

    def caller(self, scope: str) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        skipped = {"no signature": "signature", "no audience": "aud", "no issuer": "iss", "no nbf": "nbf"}
        options: Any = {f"verify_{name}": False for flaw, name in skipped.items() if flaw in self.flaws}
        if "audience as text" in self.flaws or "issuer as text" in self.flaws:
            options |= {"verify_aud": False, "verify_iss": False}
        options["require"] = [] if "claims may be missing" in self.flaws else ["iss", "aud", "exp", "sub"]
        try:
            if scheme.lower() != "bearer" or ("Bearer only" in self.flaws and scheme != "Bearer"):
                raise jwt.InvalidTokenError
            named = str(jwt.get_unverified_header(token).get("alg"))
            algorithms = [named] if "algorithm of the header" in self.flaws else ["RS256"]
            claims = jwt.decode(token, self.key, algorithms, options, audience=AUDIENCE, issuer=ISSUER)
        except jwt.PyJWTError:
            if "anonymous" in self.flaws:
                return "nobody"
            told = token if "tells the token" in self.flaws else token[:80] if "cuts the token" in self.flaws else ""
            raise Refused(401, detail=told) from None
        if not self.is_meant(claims):
            raise Refused(401)
        granted = claims.get("scope", "")
        held = scope in (granted if "scope as text" in self.flaws else granted.split())
        if not held and "no scopes" not in self.flaws:
            raise Refused(403)
        g.subject = str(claims.get("sub"))
        return str(g.subject)

    def is_meant(self, claims: Mapping[str, Any]) -> bool:
        """Audience and issuer once more, as those look at them who compare parts of texts."""
        audience, issuer = claims.get("aud", ""), str(claims.get("iss"))
        if "audience as text" in self.flaws:
            return AUDIENCE in audience and issuer == ISSUER
        if "issuer as text" in self.flaws:
            return issuer.startswith(ISSUER) and AUDIENCE in ([audience] if isinstance(audience, str) else audience)
        return True

    def answer(self, order: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
        shown = {key: value for key, value in order.items() if key != "version"}
        if "missing field" in self.flaws:
            del shown["created_at"]
        if "mistyped field" in self.flaws:
            shown["quantity"] = str(shown["quantity"])
        if "local time" in self.flaws:
            shown["created_at"] = "1 March 2026, 09:30"
        body = json.dumps(shown)
        if "deep answer" in self.flaws:
            body = "[" * 800 + "]" * 800
        if "bottomless answer" in self.flaws:
            body = "[" * 200_000
        if "no JSON" in self.flaws:
            body = str(shown)
        kind = "text/plain" if "wrong content type" in self.flaws else "application/json; charset=utf-8"
        tag = {} if "no ETag" in self.flaws else {"ETag": self.tag(order)}
        return Response(body, status, {**headers, **tag}, content_type=kind)

    def payload(self) -> dict[str, Any]:
        like = request.is_json and "any JSON" in self.flaws
        like |= request.mimetype.startswith("application/json") and "JSON by its beginning" in self.flaws
        like |= request.mimetype == "" and "undeclared bodies" in self.flaws
        if request.mimetype != "application/json" and not like and "any media type" not in self.flaws:
            raise Refused(415)
        if "bare JSON only" in self.flaws and request.content_type != "application/json":
            raise Refused(415)
        if "crash on bad JSON" in self.flaws:
            given = json.loads(request.data)
        else:
            try:
                given = json.loads(request.data)
            except ValueError:
                raise Refused(400) from None
            except RecursionError:
                if "no depth" in self.flaws:
                    raise
                raise Refused(400) from None
        if "crash on no object" not in self.flaws and not isinstance(given, dict):
            raise Refused(422)
        self.validate(given)
        return dict(given)

    def validate(self, given: dict[str, Any]) -> None:
        sku, quantity, note = given.get("sku"), given.get("quantity"), given.get("note")
        most = 10**9 if "no maximum" in self.flaws else 144
        if "numbers in strings" in self.flaws and isinstance(quantity, str) and quantity.isdecimal():
            quantity = int(quantity)
        whole = isinstance(quantity, int) and not isinstance(quantity, bool) and 1 <= quantity <= most
        text = note is None or (isinstance(note, str) and len(note) <= (239 if "short notes" in self.flaws else 240))
        text = text and ("counts bytes" not in self.flaws or len(str(note).encode()) <= 240)
        extra = given.keys() - {"sku", "quantity", "note"} and "more fields" not in self.flaws
        if "types are syntax" in self.flaws and not isinstance(quantity, int | None):
            raise Refused(400)
        if "gives up on zero" in self.flaws and quantity == 0:
            raise Refused(503)
        if not (isinstance(sku, str) and SKU.fullmatch(sku) and whole and text) or extra:
            told = next((text for flaw, text in INSIDE.items() if flaw in self.flaws), "")
            vague = "400 for 422" in self.flaws or ("400 for more fields" in self.flaws and extra)
            raise Refused(400 if vague else 422, detail=told)

    def create(self) -> Response:
        if "reads first" in self.flaws:
            self.payload()
        key = request.headers.get("Idempotency-Key", "")
        if "key first" in self.flaws:
            self.check_key(key)
        self.caller("orders:write")
        self.check_key(key)
        if "slow" in self.flaws:
            time.sleep(0.1)
        self.measure()
        given = self.payload()
        if given["sku"].startswith("OUT-"):
            raise Refused(409)
        with self.lock if self.waking() else nullcontext():
            if self.waking():
                time.sleep(0.4)
            return self.made(given)

    def waking(self) -> bool:
        """Whether it still makes one thing after the other, slowly, as a right service on a busy machine may."""
        return "wakes slowly" in self.flaws and len(self.orders) < AWAKE

    def made(self, given: Mapping[str, Any]) -> Response:
        key = str(uuid.UUID(int=2**128 - 1 - len(self.orders)) if "ids that fall" in self.flaws else uuid.uuid4())
        made = "2026-03-01T09:30:00Z" if "same time for all" in self.flaws else datetime.now(UTC).isoformat()
        if "whole seconds" in self.flaws:
            made = datetime.now(UTC).isoformat(timespec="seconds")
        fixed = {"id": key, "status": "confirmed", "created_at": made, "version": 1}
        self.orders[key] = {"sku": given["sku"], "quantity": given["quantity"], "note": given.get("note"), **fixed}
        self.makers[key] = g.get("subject", "nobody")
        if "forgets the note" in self.flaws:
            self.orders[key]["note"] = None
        if self.flaws & {"trims", "escapes"} and given.get("note"):
            self.orders[key]["note"] = given["note"].strip() if "trims" in self.flaws else html.escape(given["note"])
        place = uuid.uuid4() if "another place" in self.flaws else key
        below = "" if "place without version" in self.flaws else "/v1"
        headers = {} if "no Location" in self.flaws else {"Location": f"{below}/orders/{place}"}
        return self.answer(self.orders[key], 200 if "200 for 201" in self.flaws else 201, **headers)

    def check_key(self, key: str) -> None:
        longest = {"keys of any length": 10**6, "short keys": LONGEST_KEY - 1}
        most = next((most for flaw, most in longest.items() if flaw in self.flaws), LONGEST_KEY)
        spaced = " " in key and "keys with spaces" not in self.flaws
        if not (key.isascii() and 0 < len(key) <= most) or spaced:
            raise Refused(400)

    def measure(self) -> None:
        if "small bodies" in self.flaws and (request.content_length or 0) > SMALL:
            raise Refused(413)
        if "any size" not in self.flaws and "waits for the rest" not in self.flaws:
            if (request.content_length or 0) > LARGEST:
                raise Refused(413)
            if "any chunks" not in self.flaws and len(request.get_data()) > LARGEST:
                raise Refused(413)

    def page(self) -> dict[str, Any]:
        self.caller("orders:read")
        limit = request.args.get("limit", "9" if "pages of nine" in self.flaws else str(DEFAULT))
        if "limit ignored" not in self.flaws and not (limit.isdecimal() and 1 <= int(limit) <= 72):
            raise Refused(400 if "400 for a limit" in self.flaws else 422)
        newest = [*self.orders.values()] if "oldest first" in self.flaws else [*self.orders.values()][::-1]
        if "hides the cancelled" in self.flaws:
            newest = [order for order in newest if order["status"] == "confirmed"]
        if "lists only one's own" in self.flaws:
            newest = [order for order in newest if self.makers[order["id"]] == g.subject]
        if "whole seconds" in self.flaws:
            newest.sort(key=lambda order: (order["created_at"], order["id"]), reverse=True)
        start, size = self.start(newest), int(limit) if limit.isdecimal() else DEFAULT
        if "a page too many" in self.flaws:
            size += 1
        items = [{key: value for key, value in order.items() if key != "version"} for order in newest[start:]][:size]
        if "lists without notes" in self.flaws:
            items = [item | {"note": None} for item in items]
        following: Any = newest[start + size - 1]["id"] if len(newest) > start + size else None
        if "offset" in self.flaws and following:
            following = str(start + size)
        if "no last page" in self.flaws:
            following = items[-1]["id"] if items else "last"
        if "skips one" in self.flaws and following:
            following = newest[start + size]["id"]
        return {"items": items, "next_cursor": 7 if "number as cursor" in self.flaws else following}

    def start(self, newest: list[dict[str, Any]]) -> int:
        """Where the page begins that the cursor names."""
        cursor = request.args.get("cursor")
        if cursor is None:
            return 0
        if "offset" in self.flaws and cursor.isdecimal():
            return int(cursor)
        found = [index for index, order in enumerate(newest) if order["id"] == cursor]
        if "no last page" in self.flaws and cursor == "last":
            return len(newest)
        if "any cursor" not in self.flaws and not found:
            raise Refused(400)
        return found[0] + 1 if found else 0

    def find(self, key: str) -> dict[str, Any]:
        if "crash on unknown" in self.flaws:
            return self.orders[key]
        if key not in self.orders or ("only one's own" in self.flaws and self.makers[key] != g.subject):
            raise Refused(404)
        if "answers a neighbour" in self.flaws:
            return next(iter(self.orders.values()))
        return self.orders[key]

    def read(self, key: str) -> Response:
        if "looks first" in self.flaws and key not in self.orders:
            raise Refused(404)
        self.caller("orders:read")
        order = self.find(key)
        if self.matches("If-None-Match", order, weak="strong reads" not in self.flaws):
            bare = "304 without ETag" in self.flaws
            return Response(status=304, headers={} if bare else {"ETag": self.tag(order)})
        return self.answer(order)

    def tag(self, order: Mapping[str, Any]) -> str:
        self.tagged += 1
        made = {
            "weak tag": f'W/"{order["version"]}"',
            "random tag": f'"{self.tagged}"',
            "tag of the id": f'"{order["id"]}"',
        }
        return next((text for flaw, text in made.items() if flaw in self.flaws), f'"{order["version"]}"')

    def matches(self, header: str, order: Mapping[str, Any], *, weak: bool) -> bool:
        """RFC 9110, 13.1: whether a header names the state of an order."""
        field, tag = request.headers.get(header, ""), self.tag(order)
        if "whole header" in self.flaws:
            return field in ("*", tag)
        if "tag as text" in self.flaws and weak:
            return field == "*" or tag.strip('"') in field
        tags = [one.strip().removeprefix("W/" if weak else "") for one in field.split(",")]
        return field == "*" or tag in tags

    def cancel(self, key: str) -> Response:
        self.caller("orders:write")
        order = self.find(key)
        with nullcontext() if "race" in self.flaws else self.lock:
            self.check_state(order)
            if "race" in self.flaws:
                time.sleep(0.02)
            if "stays confirmed" not in self.flaws:
                order["status"] = "canceled" if "another status" in self.flaws else "cancelled"
            order["version"] += 1
            return self.answer(order)

    def check_state(self, order: Mapping[str, Any]) -> None:
        if "If-Match" not in request.headers and "cancels unconditionally" not in self.flaws:
            raise Refused(428)
        named = self.matches("If-Match", order, weak="weak writes" in self.flaws)
        if not named and not self.flaws & {"If-Match ignored", "cancels unconditionally"}:
            raise Refused(412)
        if order["status"] == "cancelled" and "cancels twice" not in self.flaws:
            raise Refused(409)
