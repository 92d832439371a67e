"""Tokens are what a service has to accept, and what it has to refuse."""

from __future__ import annotations

import jwt
from cryptography.hazmat.primitives import serialization

from assesskit.checks.tokens import Tokens


def test_a_token_says_what_was_asked(key_pem: str) -> None:
    """Claims can be replaced and left out; the signature is the named service's key."""
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    tokens = Tokens({"submission": key_pem}, "https://gateway.test", "orders")
    token = tokens.mint(scope="orders:read", subject="bob", aud="other", nbf=None)
    public = key.public_key()
    claims = jwt.decode(token, public, algorithms=["RS256"], audience="other")  # type: ignore[arg-type]
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("https://gateway.test", "bob", "orders:read")
    assert "nbf" not in claims
    assert claims["exp"] > claims["iat"]
