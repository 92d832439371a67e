"""Tokens as the gateway in front of the services issues them: JWT (RFC 7519), RS256 (RFC 7518 section 3.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME = 600
"""Seconds."""


class Tokens:
    """Mints tokens with the private key (PEM) of each service of the pod that checks them."""

    def __init__(self, keys: Mapping[str, str], issuer: str, audience: str, scopes: str = "") -> None:
        self.audience = audience
        self._scopes = scopes
        self._keys = dict(keys)
        self._read: dict[str, RSAPrivateKey] = {}
        self._issuer = issuer

    def mint(
        self,
        scope: str | None = None,
        subject: str = "candidate-check",
        *,
        key: str = "submission",
        **overrides: Any,
    ) -> str:
        """A signed token for the service named by `key`; see `claims`."""
        return self.signed(self.claims(scope, subject, **overrides), key=key)

    def bearer(self, scope: str | None = None, **overrides: Any) -> dict[str, str]:
        """The header that a new token is sent in; see `claims`."""
        return {"Authorization": f"Bearer {self.mint(scope, **overrides)}"}

    def signed(self, claims: Mapping[str, Any], *, key: str = "submission", **header: Any) -> str:
        """A token of just these claims, with further header parameters."""
        return jwt.encode(dict(claims), self._key(key), algorithm="RS256", headers=header)

    def _key(self, name: str) -> RSAPrivateKey:
        """A key as a value: reading its PEM takes a tenth of a second, a hundred times as long as signing."""
        if name not in self._read:
            key = serialization.load_pem_private_key(self._keys[name].encode(), None)
            assert isinstance(key, RSAPrivateKey)
            self._read[name] = key
        return self._read[name]

    def claims(self, scope: str | None = None, subject: str = "candidate-check", **overrides: Any) -> dict[str, Any]:
        """The claims of a right token, with every scope unless one is named.

        `overrides` replace claims; None leaves a claim out.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self.audience,
            "sub": subject,
            "scope": self._scopes if scope is None else scope,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        }
        claims |= overrides
        return {name: value for name, value in claims.items() if value is not None}

    def public_pem(self, key: str = "submission") -> str:
        """The public key that the service named by `key` was given."""
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self._key(key).public_key().public_bytes(*form).decode()
