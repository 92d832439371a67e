"""OTLP bodies to spans. Sources: opentelemetry-proto 1, the OTLP specification (JSON: ids in hex, int64 as strings)."""

from __future__ import annotations

import base64
import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonFormatError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from assesskit.instruments.serving import Refused

MAX_DECODED = 2 * 1024 * 1024
"""Bytes. Protobuf's objects may take ninety times the bytes that declare them, so this bounds the memory too."""
MAX_RATIO = 200
MAX_SPANS = 4096
"""Of one request; a batch of the SDKs has 512."""
MAX_ATTRIBUTES = 128
MAX_EVENTS = 32
MAX_LINKS = 32
MAX_TEXT = 2048
MAX_DEPTH = 4
"""Of values within values."""
TRACE_ID, SPAN_ID = 16, 8
"""Bytes of an id (W3C trace context)."""


@dataclass(frozen=True)
class Received:
    """One span as it is stored: still encoded, which is a tenth of its size as objects.

    `resource`, the Resource it came with, is one object for all spans that came with the same.
    """

    source: str
    service: str
    scope: str
    resource: bytes
    encoded: bytes


def inflate(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding. Raises Refused for an unknown one (415), a broken body (400) and a bomb (413)."""
    if encoding in {"", "identity"}:
        plain, complete = body, True
    elif encoding == "gzip":
        decoder = zlib.decompressobj(wbits=31)
        try:
            plain = decoder.decompress(body, MAX_DECODED + 1)
        except zlib.error as error:
            raise Refused(400, f"the body is no gzip: {error}") from None
        complete = decoder.eof or len(plain) > MAX_DECODED
    else:
        raise Refused(415, f"content encoding {encoding[:40]!r}: only gzip and identity are known")
    if len(plain) > MAX_DECODED:
        raise Refused(413, f"the decoded body is longer than {MAX_DECODED} bytes")
    if len(plain) > max(65536, MAX_RATIO * len(body)):
        raise Refused(413, f"the body grows more than {MAX_RATIO} times when decoded")
    if not complete:
        raise Refused(400, "the gzip body is cut short")
    return plain


def decode(body: bytes, content_type: str, source: str) -> list[tuple[str, Received]]:
    """Return (trace id, span) for each span of an export request. Raises Refused for anything that is not one."""
    if content_type == "application/x-protobuf":
        request = ExportTraceServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError:
            raise Refused(400, "the body is no ExportTraceServiceRequest") from None
    elif content_type == "application/json":
        request = _from_json(body)
    else:
        raise Refused(415, f"content type {content_type[:80]!r}: only application/x-protobuf and application/json")
    found: list[tuple[str, Received]] = []
    for resource in request.resource_spans:
        service = _text(next((_value(a.value) for a in resource.resource.attributes if a.key == "service.name"), ""))
        told = resource.resource.SerializeToString()
        for scope in resource.scope_spans:
            if len(found) + len(scope.spans) > MAX_SPANS:
                raise Refused(413, f"more than {MAX_SPANS} spans in one request")
            for span in scope.spans:
                _check_ids(span)
                stored = Received(source, service, scope.scope.name[:MAX_TEXT], told, span.SerializeToString())
                found.append((span.trace_id.hex(), stored))
    return found


def plain_span(received: Received) -> dict[str, Any]:
    """Return a stored span as plain JSON: the fields of `collector.Span`."""
    span = OtlpSpan.FromString(received.encoded)
    events = [
        {"name": _text(e.name), "time": e.time_unix_nano / 1e9, "attributes": _attributes(list(e.attributes))}
        for e in span.events[:MAX_EVENTS]
    ]
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex(),
        "name": _text(span.name),
        "kind": _word(OtlpSpan.SpanKind, span.kind, "SPAN_KIND_"),
        "service": received.service,
        "source": received.source,
        "start": span.start_time_unix_nano / 1e9,
        "end": span.end_time_unix_nano / 1e9,
        "status": _word(Status.StatusCode, span.status.code, "STATUS_CODE_"),
        "status_message": _text(span.status.message),
        "attributes": _attributes(list(span.attributes)),
        "events": events,
        "links": [(link.trace_id.hex(), link.span_id.hex()) for link in span.links[:MAX_LINKS]],
        "flags": span.flags,
        "scope": received.scope,
        "resource": _attributes(list(Resource.FromString(received.resource).attributes)),
    }


def _check_ids(span: OtlpSpan) -> None:
    if len(span.trace_id) != TRACE_ID or not any(span.trace_id):
        raise Refused(400, f"span {_text(span.name)[:80]!r}: its trace id is not 16 bytes other than zero")
    if len(span.span_id) != SPAN_ID or not any(span.span_id):
        raise Refused(400, f"span {_text(span.name)[:80]!r}: its span id is not 8 bytes other than zero")
    if len(span.parent_span_id) not in {0, SPAN_ID}:
        raise Refused(400, f"span {_text(span.name)[:80]!r}: its parent span id is not 8 bytes")


def _from_json(body: bytes) -> ExportTraceServiceRequest:
    try:
        plain = json.loads(body)
        if not isinstance(plain, dict):
            raise Refused(400, "the body is no JSON object")
        for span in _spans_of(plain):
            _hex_to_base64(span)
            for link in _dicts(span, "links"):
                _hex_to_base64(link)
        return ParseDict(plain, ExportTraceServiceRequest(), ignore_unknown_fields=True, max_recursion_depth=40)
    except (JsonFormatError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(400, f"the body is no OTLP/JSON: {_text(str(error))[:200]}") from None


def _spans_of(plain: dict[str, Any]) -> list[dict[str, Any]]:
    spans = [
        span
        for resource in _dicts(plain, "resourceSpans")
        for scope in _dicts(resource, "scopeSpans")
        for span in _dicts(scope, "spans")
    ]
    if len(spans) > MAX_SPANS:
        raise Refused(413, f"more than {MAX_SPANS} spans in one request")
    return spans


def _dicts(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = holder.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _hex_to_base64(holder: dict[str, Any]) -> None:
    """Rewrite ids from OTLP's hex to the base64 that protobuf's JSON mapping reads. Raises ValueError for no hex."""
    for name in ("traceId", "spanId", "parentSpanId"):
        if isinstance(holder.get(name), str):
            holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()


def _attributes(pairs: list[KeyValue]) -> dict[str, Any]:
    return {_text(pair.key): _value(pair.value) for pair in pairs[:MAX_ATTRIBUTES]}


def _value(value: AnyValue, depth: int = MAX_DEPTH) -> Any:
    match value.WhichOneof("value"):
        case "string_value":
            plain: Any = _text(value.string_value)
        case "double_value":
            plain = value.double_value if math.isfinite(value.double_value) else str(value.double_value)
        case "bool_value" | "int_value" as kind:
            plain = getattr(value, kind)
        case "bytes_value":
            plain = value.bytes_value[:MAX_TEXT].hex()
        case "array_value" if depth:
            plain = [_value(item, depth - 1) for item in value.array_value.values[:MAX_ATTRIBUTES]]
        case "kvlist_value" if depth:
            pairs = value.kvlist_value.values[:MAX_ATTRIBUTES]
            plain = {_text(pair.key): _value(pair.value, depth - 1) for pair in pairs}
        case _:
            plain = None
    return plain


def _text(value: object) -> str:
    return str(value)[:MAX_TEXT]


def _word(enum: Any, number: int, prefix: str) -> str:
    names = enum.DESCRIPTOR.values_by_number
    return names[number].name.removeprefix(prefix) if number in names else str(number)
