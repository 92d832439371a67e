"""Serves tests.checks.orders, the small right service, with the flaws a test asks for."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.checks.orders import AUDIENCE, ISSUER, Orders
from werkzeug.serving import WSGIRequestHandler, make_server

from assesskit.checks.http import Client
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

EXERCISE = Path(__file__).parents[2] / "exercises/build-service"
CONTRACT = EXERCISE / "contract/openapi.yaml"
RESOURCE = Resource(**tomllib.loads((EXERCISE / "exercise.toml").read_text())["grader"]["facts"]["resource"])
Serve = Callable[..., Client]


class Quiet(WSGIRequestHandler):
    def log(self, *_args: Any, **_kwargs: Any) -> None:
        pass


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def tokens(key: rsa.RSAPrivateKey) -> Tokens:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Tokens({"submission": pem}, ISSUER, AUDIENCE, RESOURCE.scopes)


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return document


@pytest.fixture
def serve(key: rsa.RSAPrivateKey, contract: dict[str, Any]) -> Iterator[Serve]:
    """Serves Orders with the given flaws until the test is over."""
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )

    @contextmanager
    def served(*flaws: str) -> Iterator[Client]:
        app = Orders(public, contract, frozenset(flaws)).app()
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client(server.server_port)
        server.shutdown()
        thread.join()
        server.server_close()

    with ExitStack() as stack:
        yield lambda *flaws: stack.enter_context(served(*flaws))
