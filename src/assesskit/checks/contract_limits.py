"""The limits that a contract sets. They differ between variants, so no check may know them by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assesskit.checks.contract_document import resolved
from assesskit.checks.resource import Resource


@dataclass(frozen=True)
class PageLimits:
    """How many things a page holds at most, when the caller says nothing and when it asks for as many as it may."""

    default: int
    largest: int


def page_limits(contract: dict[str, Any], resource: Resource) -> PageLimits:
    """What the contract says of the parameter ``limit``. Raises LookupError when it says nothing: our fault."""
    parameters = contract["paths"][resource.path]["get"]["parameters"]
    schema = next((one["schema"] for one in parameters if one.get("name") == "limit"), None)
    if schema is None:
        raise LookupError(f"the contract has no limit for GET {resource.path}")
    return PageLimits(schema["default"], schema["maximum"])


def key_limit(contract: dict[str, Any], resource: Resource) -> int:
    """The characters that an Idempotency-Key may have. Raises LookupError when the contract names none: our fault."""
    parameters = [resolved(contract, one) for one in contract["paths"][resource.path]["post"]["parameters"]]
    schema = next((one["schema"] for one in parameters if one.get("name") == "Idempotency-Key"), None)
    if schema is None:
        raise LookupError(f"the contract has no Idempotency-Key for POST {resource.path}")
    longest: int = schema["maxLength"]
    return longest


def body_limit(contract: dict[str, Any], resource: Resource) -> int:
    """The bytes that the body of a creation may have: ``x-max-kib`` of its requestBody, in KiB."""
    kib: int = contract["paths"][resource.path]["post"]["requestBody"]["x-max-kib"]
    return kib * 1024
