"""The back office, as far as we need it: accounts, which stay there, and the feed of changes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from invoicing.domain import Account, UnknownError

if TYPE_CHECKING:
    from invoicing.domain import Document

TIMEOUT = (0.5, 2.0)
PAGE = 200


class MonolithError(Exception):
    """It does not answer, or not as agreed."""


class Monolith:
    """A client that keeps its connections."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("http://", HTTPAdapter(pool_maxsize=connections, pool_block=True))

    def account(self, account: str) -> Account:
        """Raises UnknownError, MonolithError."""
        told = self._get(f"/internal/accounts/{quote(account, safe='')}")
        if told is None:
            raise UnknownError("no such account")
        fee = told["fee_percent"]
        percent = None if fee is None else Decimal(str(fee))
        return Account(account, told["state"] == "closed", percent, told["terms_days"])

    def changes(self, after: int) -> tuple[list[Document], int]:
        """A page of the feed, and the place where the feed ends. Raises MonolithError."""
        told = self._get(f"/internal/changes?after={after}&limit={PAGE}")
        if told is None:
            raise MonolithError("it has no feed")
        return told["changes"], told["end"]

    def _get(self, path: str) -> Any:
        try:
            answer = self._http.get(self._url + path, timeout=TIMEOUT)
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as error:
            raise MonolithError(str(error)) from error
