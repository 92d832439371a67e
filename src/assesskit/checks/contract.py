"""The published document of a service, held against the contract it was given."""

from __future__ import annotations

from typing import Any

from assesskit.checks.contract_document import MAX_BYTES, DocumentError, bounded, validation_problems
from assesskit.checks.contract_operations import breaks
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import Client

DOCUMENT = "/openapi.json"
SHOWN = 12
"""Findings that a feedback text lists."""


def published_document(client: Client) -> dict[str, Any]:
    """The document served at /openapi.json, valid as OpenAPI 3.0 or 3.1.

    Raises Failure when there is none, when it is not valid, or when it is beyond reason (size, depth, circles).
    """
    answer = client.request("GET", DOCUMENT, most=MAX_BYTES)
    sent = f"GET {DOCUMENT}"
    expect(
        answer.status == 200,  # noqa: PLR2004
        f"GET {DOCUMENT} answered {answer.status}",
        sent=sent,
        received=answer.text(),
        expected="200 with the service's own OpenAPI document, without a token",
    )
    expect(
        not answer.truncated,
        f"the document at {DOCUMENT} is larger than {MAX_BYTES} bytes",
        sent=sent,
        expected="an OpenAPI document of this service",
    )
    try:
        document = bounded(answer.json())
    except DocumentError as error:
        raise _invalid([str(error)]) from error
    if problems := validation_problems(document):
        raise _invalid(problems)
    return document


def keeps_contract(document: dict[str, Any], contract: dict[str, Any]) -> None:
    """The document has all that the contract has and asks for nothing more; otherwise Failure lists each difference."""
    try:
        found = breaks(contract, document)
    except DocumentError as error:
        raise _invalid([str(error)]) from error
    count = f"{len(found)} things" if len(found) > 1 else "one thing"
    expect(
        not found,
        f"the document at {DOCUMENT} breaks the contract in {count}, first at {found[0]}" if found else "",
        sent=f"GET {DOCUMENT}",
        received=_listed([str(each) for each in found]),
        expected="everything of contract/openapi.yaml (the pointers above lead into it); more is fine, less is not",
    )


def _invalid(problems: list[str]) -> Failure:
    return Failure(
        f"the document at {DOCUMENT} is not a valid OpenAPI document: {problems[0]}",
        sent=f"GET {DOCUMENT}",
        received=_listed(problems),
        expected="an OpenAPI 3.0 or 3.1 document, complete in itself",
        rule="OpenAPI Specification 3.1.0, section 4.8",
    )


def _listed(findings: list[str]) -> str:
    more = [f"… and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    return "\n".join([*findings[:SHOWN], *more])
