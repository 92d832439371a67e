"""Jaeger's thrift, as its clients send it over UDP, to OTLP.

Sources: jaeger-idl (agent.thrift, jaeger.thrift; the types are jaeger_client's own), and for what becomes of tags,
references and logs the OpenTelemetry Collector's Jaeger translator.
"""

from __future__ import annotations

import struct
from typing import Any

from jaeger_client.thrift_gen.agent import Agent
from jaeger_client.thrift_gen.jaeger import ttypes
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from thrift.protocol import fastbinary
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TException, TType
from thrift.transport.TTransport import TMemoryBuffer

MAX_DATAGRAM = 65_000
"""Bytes, which is what the clients keep to; UDP itself carries 65,507."""
MAX_ITEMS = 4096
"""Of one list. With thrift's own limit of 64 structs within structs, nothing declared outgrows what is there."""
PROTOCOLS = {
    0x82: (TCompactProtocol, fastbinary.decode_compact),
    0x80: (TBinaryProtocol, fastbinary.decode_binary),
}
"""By a message's first byte."""
METHOD = "emitBatch"
SCOPE = "jaeger"
"""The instrumentation scope of every span that came as thrift: Jaeger knows none."""
KINDS = {
    word: OtlpSpan.SpanKind.Value(f"SPAN_KIND_{word.upper()}")
    for word in ("internal", "server", "client", "producer", "consumer")
}
FIELDS = {
    ttypes.TagType.STRING: "vStr",
    ttypes.TagType.DOUBLE: "vDouble",
    ttypes.TagType.BOOL: "vBool",
    ttypes.TagType.LONG: "vLong",
    ttypes.TagType.BINARY: "vBinary",
}
SAMPLED, DEBUG = 1, 2
"""Of Jaeger's flags; the first means the same in OTLP."""
DEBUG_TAG = "jaeger.debug"
CLIENT_ERROR, SERVER_ERROR, LAST_STATUS = 400, 500, 599
# What the decoder raises for bytes that are no message, some of it by chance: a length that is no index, say.
MALFORMED = (TException, EOFError, ValueError, TypeError, OverflowError, LookupError, AssertionError, struct.error)

Value = str | bool | int | float | bytes


def _layout(kind: Any) -> tuple[Any, ...]:
    """The fields of one of jaeger_client's types as today's thrift wants them, which is not how it once wrote them.

    Texts are read as bytes, so one bad letter does not cost a batch.
    """
    fields: list[Any] = []
    for field in kind.thrift_spec:
        if field and field[1] == TType.STRUCT:
            below = field[3][0]
            fields.append((*field[:3], [below, _layout(below)], None))
        elif field and field[1] == TType.LIST:
            below = field[3][1][0]
            fields.append((*field[:3], (TType.STRUCT, [below, _layout(below)], False), None))
        elif field and field[1] == TType.STRING:
            fields.append((*field[:3], "BINARY", None))
        else:
            fields.append(field)
    return tuple(fields)


ARGUMENTS = [Agent.emitBatch_args, _layout(Agent.emitBatch_args)]


def decode(datagram: bytes) -> tuple[ResourceSpans, int]:
    """Return one batch as OTLP, and how many of its spans were left out: without ids, or with impossible times.

    Raises ValueError for anything that is no batch.
    """
    batch = _batch(datagram)
    spans: list[OtlpSpan] = []
    for each in batch.spans:
        try:
            spans.append(_span(each))
        except (ValueError, TException):
            continue
    service = KeyValue(key="service.name", value=_any(_text(batch.process.serviceName)))
    resource = Resource(attributes=[service, *_attributes(_values(batch.process.tags))])
    scope = ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=spans)
    return ResourceSpans(resource=resource, scope_spans=[scope]), len(batch.spans) - len(spans)


def _batch(datagram: bytes) -> Any:
    """Decode with bounds on every declared length."""
    if not datagram or len(datagram) > MAX_DATAGRAM or datagram[0] not in PROTOCOLS:
        raise ValueError("no thrift message of at most 65,000 bytes, compact or binary")
    protocol, read = PROTOCOLS[datagram[0]]
    message = protocol(TMemoryBuffer(datagram), string_length_limit=MAX_DATAGRAM, container_length_limit=MAX_ITEMS)
    arguments = Agent.emitBatch_args()
    try:
        name, _, _ = message.readMessageBegin()
        if name.rpartition("::")[2] != METHOD:
            raise ValueError(f"a call of {name[:40]!r}, not of {METHOD}")
        read(arguments, message, ARGUMENTS)
        if arguments.batch is None:
            raise ValueError("a call without a batch")
        arguments.batch.validate()
        arguments.batch.process.validate()
    except MALFORMED as error:
        raise ValueError(f"no batch: {type(error).__name__}: {str(error)[:200]}") from None
    return arguments.batch


def _span(span: Any) -> OtlpSpan:
    """One span. Raises ValueError or TException for one that is none."""
    span.validate()
    trace_id, span_id = _trace_id(span.traceIdHigh, span.traceIdLow), _span_id(span.spanId)
    if not any(trace_id) or not any(span_id):
        raise ValueError("an id of zero")
    references = [(each.refType, *_reference(each)) for each in span.references or ()]
    parent = _parent(span, trace_id, references)
    tags = _values(span.tags)
    kind = KINDS.get(str(tags.get("span.kind", "")), OtlpSpan.SPAN_KIND_UNSPECIFIED)
    if kind:
        del tags["span.kind"]
    status = _status(tags, kind)
    if span.flags & DEBUG:
        tags[DEBUG_TAG] = True
    return OtlpSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        flags=span.flags & SAMPLED,
        name=_text(span.operationName),
        kind=kind,
        start_time_unix_nano=_nanoseconds(span.startTime),
        end_time_unix_nano=_nanoseconds(span.startTime + span.duration),
        attributes=_attributes(tags),
        events=[_event(log) for log in span.logs or ()],
        links=[
            OtlpSpan.Link(trace_id=trace, span_id=other)
            for kind_of, trace, other in references
            if (kind_of, trace, other) != (ttypes.SpanRefType.CHILD_OF, trace_id, parent)
        ],
        status=status,
    )


def _parent(span: Any, trace_id: bytes, references: list[tuple[int, bytes, bytes]]) -> bytes:
    """Its parent's id, or nothing. Newer clients name it in a reference only; a child before a follower."""
    if span.parentSpanId:
        return _span_id(span.parentSpanId)
    own = sorted((kind, place, other) for place, (kind, trace, other) in enumerate(references) if trace == trace_id)
    return own[0][2] if own else b""


def _reference(reference: Any) -> tuple[bytes, bytes]:
    reference.validate()
    return _trace_id(reference.traceIdHigh, reference.traceIdLow), _span_id(reference.spanId)


def _status(tags: dict[str, Value], kind: int) -> Status:
    """The status that its tags mean; the tag of an error goes, since the status says it. Without one, HTTP's counts."""
    if tags.get("error") in {True, "true"}:
        del tags["error"]
        return Status(code=Status.STATUS_CODE_ERROR)
    code = tags.get("http.status_code")
    if isinstance(code, str) and len(code) == len("500") and code.isdecimal():
        code = int(code)
    lowest = CLIENT_ERROR if kind == OtlpSpan.SPAN_KIND_CLIENT else SERVER_ERROR
    failed = "error" not in tags and isinstance(code, int) and lowest <= code <= LAST_STATUS
    return Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET)


def _event(log: Any) -> OtlpSpan.Event:
    log.validate()
    fields = _values(log.fields)
    name = str(fields.pop("event", ""))
    return OtlpSpan.Event(time_unix_nano=_nanoseconds(log.timestamp), name=name, attributes=_attributes(fields))


def _values(tags: list[Any] | None) -> dict[str, Value]:
    """Tags by key; the last of a key counts. One without a value of its type is left out."""
    found: dict[str, Value] = {}
    for tag in tags or ():
        value = getattr(tag, FIELDS.get(tag.vType, ""), None)
        if tag.key is not None and value is not None:
            found[_text(tag.key)] = _text(value) if tag.vType == ttypes.TagType.STRING else value
    return found


def _attributes(values: dict[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items()]


def _any(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case _:
            return AnyValue(string_value=value)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _trace_id(high: int, low: int) -> bytes:
    return struct.pack(">qq", high, low)


def _span_id(number: int) -> bytes:
    return struct.pack(">q", number)


def _nanoseconds(microseconds: int) -> int:
    """OTLP's time. Raises ValueError before 1970, and for one that OTLP cannot say."""
    if not 0 <= microseconds < 2**63 // 1000:
        raise ValueError("an impossible time")
    return microseconds * 1000
