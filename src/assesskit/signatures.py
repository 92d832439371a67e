"""Ed25519 signatures (RFC 8032) of what is said in JSON, and the file a private key is kept in.

A signature says who said something and that it was not edited since. It keeps out nobody who holds the private key, or
who may choose which public keys are believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import StringConstraints

from assesskit.errors import StoreError, UsageError

PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The 32 bytes of an Ed25519 public key, in hexadecimal."""
Signature = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
"""The 64 bytes of an Ed25519 signature, in hexadecimal."""


class Signer:
    """Signs with somebody's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    def sign(self, said: Mapping[str, Any]) -> str:
        """Return the signature of what is said, in hexadecimal."""
        return self._key.sign(canonical(said)).hex()


def signed_by(public: str, signature: str, said: Mapping[str, Any]) -> bool:
    """Whether the holder of `public` signed exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), canonical(said))
    except (InvalidSignature, ValueError):
        return False
    return True


def canonical(said: Mapping[str, Any]) -> bytes:
    """Return JSON in the one form that is signed: sorted keys, no spaces."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def signer_at(path: Path) -> Signer:
    """Return the signer whose private key lies at `path` (PEM, PKCS 8), making one readable to its owner at first use.

    Raises UsageError for a file that holds no such key, StoreError when none can be made.
    """
    if not path.exists():
        _make(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise UsageError(f"is no private key: {error}", where=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("is no Ed25519 key", where=str(path))
    return Signer(key)


def _make(path: Path) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    data = Ed25519PrivateKey.generate().private_bytes(*form)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error
