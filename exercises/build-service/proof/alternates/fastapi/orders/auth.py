"""Who calls, and what the token lets them do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.requests import Request

from orders.config import Config
from orders.problems import Problem

REALM = 'Bearer realm="orders"'


@dataclass(frozen=True)
class Caller:
    sub: str
    scopes: frozenset[str]


class Authenticator:
    def __init__(self, config: Config) -> None:
        self._key = load_pem_public_key(config.auth_public_key.encode())
        self._issuer = config.auth_issuer
        self._audience = config.auth_audience

    def caller(self, request: Request) -> Caller:
        values = request.headers.getlist("authorization")
        if not values:
            raise _unauthorized("A token is needed.", REALM)
        scheme, _, token = values[0].partition(" ")
        if len(values) > 1 or scheme.lower() != "bearer":
            raise _unauthorized("One Authorization header with a Bearer token is needed.", REALM)
        try:
            claims = jwt.decode(
                token.strip(" "),
                self._key,
                algorithms=["RS256"],
                issuer=self._issuer,
                audience=self._audience,
                # iat is informative here; a gateway whose clock runs ahead must not lock everybody out.
                options={"require": ["iss", "aud", "exp", "sub"], "verify_iat": False},
            )
            sub = claims["sub"]
            if not isinstance(sub, str) or not sub:
                raise ValueError("sub is not a name")
            sub.encode()  # lone surrogates are no name either
        except Exception as error:  # whatever is wrong with a token, it is the caller's token
            raise _unauthorized("The token is not valid.", f'{REALM}, error="invalid_token"') from error
        scope = claims.get("scope")
        return Caller(sub, frozenset(scope.split(" ") if isinstance(scope, str) else ()))


def needs(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency for FastAPI. `async`, since a plain function would cost a thread per request."""

    async def check(request: Request) -> Caller:
        caller = request.app.state.authenticator.caller(request)
        request.scope["orders.caller"] = caller.sub
        if scope not in caller.scopes:
            challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'
            raise Problem(403, "forbidden", f"The token lacks {scope}.", headers={"WWW-Authenticate": challenge})
        return caller

    return check


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
