"""CloudEvents over HTTP, read strictly: one event or a batch, structured or binary.

Sources: CloudEvents 1.0.2; its JSON format 1.0.2; its HTTP protocol binding 1.0.2. The reader of the official package
(2.2) is not used: it takes an empty id and any version, and fills in a time that nobody sent.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn
from urllib.parse import unquote

SpeltAs = Literal["structured", "binary", "batched"]

STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
PREFIX = "ce-"
MOST_EVENTS = 500
"""In one batch."""
MOST_ATTRIBUTES = 60
LONGEST = 4096
"""Characters of an attribute."""
DEEPEST = 60
SHOWN = 60
REQUIRED = ("id", "source", "specversion", "type")
NAME = re.compile(r"[a-z0-9]{1,60}")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(;.*)?", re.ASCII)
JSON_TYPE = re.compile(r"[\w!#$&^.+-]+/(?:json|[\w!#$&^.+-]+\+json)\s*(;.*)?", re.ASCII | re.IGNORECASE)
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
URI_REFERENCE = re.compile(r"[^\s<>\"{}|\\^`]+")
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LOW, HIGH = -(2**31), 2**31 - 1
"""An integer's bounds (3.2)."""


class UnknownFormatError(ValueError):
    """The content type is none that an event has."""


@dataclass(frozen=True)
class CloudEvent:
    """An event: its attributes, extensions among them, and its data as JSON (text or base64 where it is none)."""

    attributes: Mapping[str, str | int | bool]
    data: Any


def read_events(headers: Sequence[tuple[str, str]], body: bytes) -> tuple[SpeltAs, list[CloudEvent]]:
    """The events of a request. Raises UnknownFormatError, or ValueError with what is wrong."""
    named = {name.lower(): value for name, value in headers}
    content_type = named.get("content-type", "").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if kind == STRUCTURED:
        return "structured", [_structured(_json(body))]
    if kind == BATCHED:
        batch = _json(body)
        if not isinstance(batch, list) or len(batch) > MOST_EVENTS:
            raise ValueError(f"a batch is a JSON array of at most {MOST_EVENTS} events")
        return "batched", [_structured(each) for each in batch]
    if kind.startswith("application/cloudevents"):
        raise UnknownFormatError(f"the content type {kind[:SHOWN]} is not taken here; {STRUCTURED} is")
    spelt = {name.removeprefix(PREFIX): value for name, value in named.items() if name.startswith(PREFIX)}
    if not spelt:
        raise UnknownFormatError(f"neither the content type {STRUCTURED} nor headers that begin with {PREFIX}")
    attributes: dict[str, Any] = {name: unquote(value, errors="strict") for name, value in spelt.items()}
    if "datacontenttype" in attributes:
        raise ValueError("datacontenttype: is Content-Type in binary mode")
    if content_type:
        attributes["datacontenttype"] = content_type
    _check(attributes)
    return "binary", [CloudEvent(attributes, _binary_data(content_type, body))]


def _structured(told: Any) -> CloudEvent:
    if not isinstance(told, dict):
        raise ValueError("an event is a JSON object")  # noqa: TRY004  what was sent is wrong, not the call
    attributes = {name: value for name, value in told.items() if name not in {"data", "data_base64"}}
    attributes = {name: value for name, value in attributes.items() if value is not None}  # JSON format, 2.2
    _check(attributes)
    data = told.get("data")
    if "data_base64" in told:
        if "data" in told:
            raise ValueError("data and data_base64 exclude each other")
        data = _decoded(told["data_base64"], str(attributes.get("datacontenttype", "")))
    return CloudEvent(attributes, data)


def _decoded(text: Any, content_type: str) -> Any:
    try:
        return _binary_data(content_type, base64.b64decode(text, validate=True))
    except (TypeError, binascii.Error):
        raise ValueError("data_base64: is no base64 text") from None


def _binary_data(content_type: str, body: bytes) -> Any:
    if not body:
        return None
    if JSON_TYPE.fullmatch(content_type):
        return _json(body)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def _check(attributes: Mapping[str, Any]) -> None:
    """Hold attributes against section 3 of the specification. Raises ValueError."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise ValueError(f"more than {MOST_ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"{name[:SHOWN]!r}: a name is of lower-case letters and digits")
        whole = isinstance(value, int) and LOW <= value <= HIGH  # a boolean is an int, and fits
        if not (isinstance(value, str) or whole):
            raise ValueError(f"{name}: must be a text, a truth value, or an integer of 32 bits")
        if isinstance(value, str) and (len(value) > LONGEST or CONTROLS.search(value)):
            raise ValueError(f"{name}: has control characters, or more than {LONGEST} characters")
    for name in REQUIRED:
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise ValueError(f"{name}: is required, a text that is not empty")
    if attributes["specversion"] != "1.0":
        raise ValueError(f'specversion: is {attributes["specversion"][:SHOWN]}, and must be "1.0"')
    for name, form, what in (
        ("source", URI_REFERENCE, "a URI reference"),
        ("dataschema", URI, "a URI with a scheme"),
        ("datacontenttype", MEDIA_TYPE, "a media type"),
        ("subject", re.compile(r"(?s).+"), "a text that is not empty"),
    ):
        if name in attributes and not (isinstance(attributes[name], str) and form.fullmatch(attributes[name])):
            raise ValueError(f"{name}: must be {what}")
    if "time" in attributes and not _is_time(str(attributes["time"])):
        raise ValueError("time: must be a timestamp of RFC 3339")


def _is_time(text: str) -> bool:
    if not TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:17].upper() + text[17:19].replace("60", "59"))  # it knows no leap second
    except ValueError:
        return False
    return True


def _json(body: bytes) -> Any:
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refused)
        json.dumps(document)  # what was read can be told on: it is not nested deeper than we can write
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON in UTF-8: {str(error)[:100] or 'nested too deeply'}") from None
    if _depth(document) > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    return document


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _depth(document: Any) -> int:
    deepest, waiting = 0, [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(one, depth + 1) for one in below]
    return deepest
