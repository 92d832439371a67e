"""Tokens as the gateway in front of the services issues them: JWT (RFC 7519), RS256 (RFC 7518 section 3.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt

LIFETIME = 600
"""Seconds."""


class Tokens:
    """Mints tokens with the private key (PEM) of each service of the pod that checks them."""

    def __init__(self, keys: Mapping[str, str], issuer: str, audience: str, scopes: str = "") -> None:
        self._scopes = scopes
        self._keys = dict(keys)
        self._issuer = issuer
        self._audience = audience

    def mint(
        self,
        scope: str | None = None,
        subject: str = "candidate-check",
        *,
        key: str = "submission",
        **overrides: Any,
    ) -> str:
        """A signed token for the service named by `key`, with every scope unless one is named.

        `overrides` replace claims; None leaves a claim out.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "scope": self._scopes if scope is None else scope,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        claims |= overrides
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self._keys[key], algorithm="RS256")
