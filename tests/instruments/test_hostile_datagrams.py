from __future__ import annotations

import random
import tracemalloc

import psutil
import pytest
from tests.instruments.batches import CHILD_OF, datagram, jaeger_log, jaeger_span, reference, running, tags, trace_id

from assesskit.instruments.jaeger_thrift import MAX_DATAGRAM, MAX_ITEMS, decode

MUTATED = 40_000
HEADS = {
    "compact": b"\x82\x81\x01\x09emitBatch",
    "binary": b"\x80\x01\x00\x04\x00\x00\x00\x09emitBatch\x00\x00\x00\x01",
}
BOMBS = {
    "a list of 2^31-1 spans": {
        "compact": b"\x1c\x29\xfc\xff\xff\xff\xff\x07",
        "binary": b"\x0c\x00\x01\x0f\x00\x02\x0c\x7f\xff\xff\xff",
    },
    "a list of a negative length": {
        "compact": b"\x1c\x29\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "binary": b"\x0c\x00\x01\x0f\x00\x02\x0c\xff\xff\xff\xff",
    },
    "a text of 2 GB": {
        "compact": b"\x1c\x1c\x18\xff\xff\xff\xff\x07",
        "binary": b"\x0c\x00\x01\x0c\x00\x01\x0b\x00\x01\x7f\xff\xff\xff",
    },
    "a map of 2^31-1 entries, to be skipped": {
        "compact": b"\x1c\x5b\xff\xff\xff\xff\x07\x88",
        "binary": b"\x0c\x00\x01\x0d\x00\x05\x0b\x0b\x7f\xff\xff\xff",
    },
    "structs within structs": {"compact": b"\x1c" * 60_000, "binary": b"\x0c\x00\x09" * 20_000},
    "structs within structs, to be skipped": {
        "compact": b"\x1c\x5c" + b"\x1c" * 60_000,
        "binary": b"\x0c\x00\x01" + b"\x0c\x00\x09" * 20_000,
    },
    "lists within lists, to be skipped": {
        "compact": b"\x1c\x59" + b"\x19" * 60_000,
        "binary": b"\x0c\x00\x01\x0f\x00\x09" + b"\x0f\x00\x00\x00\x01" * 12_000,
    },
    "as many empty spans as there are bytes": {
        "compact": b"\x1c\x29\xfc\xe8\xfb\x03" + b"\x00" * 64_900,
        "binary": b"\x0c\x00\x01\x0f\x00\x02\x0c\x00\x00\xfd\x84" + b"\x00" * 64_900,
    },
}


@pytest.mark.parametrize("protocol", HEADS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_declared_is_held_against_its_bound_before_it_is_read(bomb, protocol):
    """A length or a depth costs its bytes, never what it declares."""
    sent = HEADS[protocol] + BOMBS[bomb][protocol]
    assert len(sent) <= MAX_DATAGRAM
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"no batch: (OverflowError|TProtocolException|TTransportException|EOFError)"):
        decode(sent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_full_list_of_empty_spans_is_refused_span_by_span():
    """At the bound itself, memory is a few hundred bytes for each that is declared."""
    sent = datagram(*[jaeger_span()] * MAX_ITEMS)
    assert len(sent) > MAX_DATAGRAM
    tracemalloc.start()
    empty = b"\x1c\x1c\x18\x07pricing\x00\x19\xfc\x80\x20" + b"\x00" * MAX_ITEMS + b"\x00\x00"
    batch, refused = decode(HEADS["compact"] + empty)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(batch.scope_spans[0].spans), refused) == (0, MAX_ITEMS)
    assert peak < 8 * 2**20


def seeds() -> list[bytes]:
    rich = jaeger_span(
        references=[reference(CHILD_OF, 1, 2, 3)],
        tags=tags(span__kind="server", n=1, part=0.5, yes=True, raw=b"\x00", text="x" * 20),
        logs=[jaeger_log(5, event="x")],
    )
    return [
        datagram(*spans, protocol=protocol)
        for protocol in HEADS
        for spans in ([rich], [jaeger_span(), jaeger_span()], [rich, jaeger_span(), rich])
    ]


def mutated(chance: random.Random, sent: bytes) -> bytes:
    """A datagram with one to six wounds: bytes changed, taken, put in; lengths that lie; its end cut off."""
    body = bytearray(sent)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(body)) if body else 0
        match chance.randrange(6):
            case 0:
                body[at : at + 1] = chance.randbytes(1)
            case 1:
                del body[at : at + chance.randrange(1, 9)]
            case 2:
                body[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 3:
                body[at : at + 5] = chance.choice([b"\xff\xff\xff\xff\x07", b"\x7f\xff\xff\xff", b"\xff" * 10])
            case 4 if at > len(body) // 2:
                del body[at:]
            case _ if body:
                body[at % len(body)] ^= 1 << chance.randrange(8)
    return bytes(body)


def test_forty_thousand_mutated_datagrams_do_no_harm(collector):
    """Each is counted, none ends the agent or makes it large, and a good one after them all still arrives."""
    chance, whole = random.Random(20_260), seeds()
    sent = [mutated(chance, chance.choice(whole)) for _ in range(MUTATED)]
    with running(collector.port) as agent:
        process = psutil.Process(agent.program._process.pid)
        used = []
        for first in range(0, MUTATED, 4000):
            agent.send(*sent[first : first + 4000])
            agent.until(lambda counts: not counts["waiting"])
            used.append(process.memory_info().rss)
        good = jaeger_span()
        agent.send(datagram(good))
        counts = agent.until(lambda counts: not counts["waiting"])
        assert len(collector.spans(trace_id(good), settle=0.05)) == 1
    assert used[-1] - used[0] < 32 * 2**20
    assert counts["received"] == MUTATED + 1
    assert counts["refused"] > MUTATED // 4
    assert counts["passed_spans"] > MUTATED // 100
    assert (counts["lost"], counts["overrun"]) == (0, 0)
