"""Documents for the contract checks: the exercise's own, changed, and served."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.http import BODY_CAP, Client

CONTRACT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "exercises/build-service/contract/openapi.yaml").read_text(encoding="utf-8")
)
Change = Callable[[dict[str, Any]], object]


class Publishing(Client):
    """A client for which every answer is one document."""

    def __init__(self, document: object, status: int = 200) -> None:
        super().__init__(1)
        self.body = json.dumps(document).encode()
        self.status = status

    def send(
        self, request: Request, *, deadline: float = 10.0, unfinished: bool = False, most: int = BODY_CAP
    ) -> Exchange:
        cut = len(self.body) > most
        return Exchange(request, Response(self.status, Headers(), self.body[:most], 0.0, cut), "", deadline)


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(CONTRACT)
    change(document)
    return document


def order_of(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["Order"]
    return found


def create(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/v1/orders"]["post"]
    return found
