"""Who is calling: the gateway's tokens."""

from __future__ import annotations

from dataclasses import dataclass

import jwt


class NotAuthenticatedError(Exception):
    """The token is missing or not valid."""


class NotAllowedError(Exception):
    """The token lacks a scope."""


@dataclass(frozen=True)
class Gateway:
    """The issuer of tokens: its public key (PEM), its name, and the name it knows us by."""

    public_key: str
    issuer: str
    audience: str

    def caller(self, authorization: str, scope: str) -> str:
        """The subject of a valid token that has this scope. Raises NotAuthenticatedError, NotAllowedError."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticatedError
        try:
            claims = jwt.decode(
                token.strip(),
                self.public_key,
                algorithms=["RS256"],
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, RecursionError) as error:  # a header may hold JSON nested too deeply
            raise NotAuthenticatedError from error
        if scope not in str(claims.get("scope", "")).split():
            raise NotAllowedError
        return str(claims["sub"])
