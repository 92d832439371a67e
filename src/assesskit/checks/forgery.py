"""Tokens that the gateway never issued, or not for this service, or not for now (RFC 7519, RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from assesskit.checks.tokens import Tokens

FAR = 3600
"""Seconds by which times are wrong, so that no leeway and no clock decides."""


@dataclass(frozen=True)
class Forgery:
    """A value of Authorization that is to be refused, what is wrong with it, and where that is written."""

    name: str
    authorization: str
    rule: str


def forgeries(tokens: Tokens) -> tuple[Forgery, ...]:
    """Every kind of token that has to be refused; each holds every scope and is right but for one thing."""
    return (
        *_unsigned(tokens),
        *_self_signed(tokens),
        *_misdirected(tokens),
        *_malformed(tokens),
        *_otherwise_signed(tokens),
    )


def _unsigned(tokens: Tokens) -> list[Forgery]:
    claims, none = tokens.claims(), "RFC 8725 section 3.1"
    head, payload, signature = tokens.mint().split(".")
    other = _part(claims | {"sub": "somebody-else"})
    found = {
        "a token whose claims were changed after it was signed": (
            f"{head}.{other}.{signature}",
            "RFC 7515 section 5.2",
        ),
        "a token whose signature was left out": (f"{head}.{payload}.", "RFC 7515 section 5.2"),
        "a token with alg none": (f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.", none),
        "a token with alg nOnE": (f"{_part({'alg': 'nOnE', 'typ': 'JWT'})}.{_part(claims)}.", none),
    }
    secret = tokens.public_pem()
    for told, text in (("", secret), (" without its last line break", secret.rstrip("\n"))):
        found[f"a token with alg HS256, signed with the public key{told} as secret"] = (_hmac(claims, text), none)
    return [Forgery(name, f"Bearer {token}", rule) for name, (token, rule) in found.items()]


def _self_signed(tokens: Tokens) -> list[Forgery]:
    stranger = rsa.generate_private_key(65537, 2048)
    own = RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    kinds: dict[str, Mapping[str, Any]] = {
        "a token signed with another key": {},
        "a token signed with another key, which its kid names": {"kid": "../../dev/null"},
        "a token signed with another key, which it brings along as jwk": {"jwk": own},
        "a token signed with another key, which its jku points to": {"jku": "http://127.0.0.1:9/keys.json"},
    }
    return [
        Forgery(name, f"Bearer {jwt.encode(tokens.claims(), stranger, 'RS256', dict(header))}", "RFC 7515 section 5.2")
        for name, header in kinds.items()
    ]


def _misdirected(tokens: Tokens) -> list[Forgery]:
    now, issuer = int(time.time()), tokens.claims()["iss"]
    kinds: dict[str, tuple[dict[str, Any], str]] = {
        "a token that expired an hour ago": ({"iat": now - 2 * FAR, "nbf": now - 2 * FAR, "exp": now - FAR}, "4.1.4"),
        "a token that is not valid for another hour": ({"nbf": now + FAR, "exp": now + 2 * FAR}, "4.1.5"),
        "a token of another issuer": ({"iss": "https://gateway.example"}, "4.1.1"),
        "a token for another audience": ({"aud": "another-service"}, "4.1.3"),
        "a token of an issuer whose name begins with the gateway's": ({"iss": f"{issuer}.example"}, "4.1.1"),
        "a token for an audience whose name begins with this service's": (
            {"aud": f"{tokens.audience}-archive"},
            "4.1.3",
        ),
        "a token for a list of other audiences": ({"aud": ["another-service", "a-third"]}, "4.1.3"),
        "a token without exp": ({"exp": None}, "4.1.4"),
        "a token without iss": ({"iss": None}, "4.1.1"),
        "a token without aud": ({"aud": None}, "4.1.3"),
        "a token without sub": ({"sub": None}, "4.1.2"),
    }
    return [
        Forgery(name, f"Bearer {tokens.mint(**changed)}", f"RFC 7519 section {section}")
        for name, (changed, section) in kinds.items()
    ]


def _malformed(tokens: Tokens) -> list[Forgery]:
    token = tokens.mint()
    kinds = {
        "Bearer without a token": "Bearer",
        "a token of two parts": f"Bearer {token.rpartition('.')[0]}",
        "a token of four parts": f"Bearer {token}.{token.rpartition('.')[2]}",
        "a token whose header is no JSON": f"Bearer {_coded(b'no header')}.{token.partition('.')[2]}",
        "a token under the scheme Basic": f"Basic {token}",
        "a token without scheme": token,
    }
    return [Forgery(name, value, "RFC 6750 section 2.1") for name, value in kinds.items()]


def _otherwise_signed(tokens: Tokens) -> list[Forgery]:
    """By the right key, in a way that is not agreed: let in by whoever leaves the choice to the header."""
    return [
        Forgery(
            f"a token that the gateway's key signed with {algorithm}",
            f"Bearer {tokens.signed(tokens.claims(), alg=algorithm)}",
            "RFC 8725 section 3.1",
        )
        for algorithm in ("RS512", "PS256")
    ]


def _hmac(claims: Mapping[str, Any], secret: str) -> str:
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_coded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def _part(value: Mapping[str, Any]) -> str:
    return _coded(json.dumps(value).encode())


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
