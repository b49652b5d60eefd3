"""A push told after others: what one side writes the other reads, and nothing else passes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corpora
from tidelog.codec import bodies
from tidelog.codec.priming import expand, prime
from tidelog.wire import json_sync, packed
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Part, Push, Record
from tidelog.wire.jsontext import Object
from tidelog.wire.limits import BODY_BYTES_MAX, CONTEXT_BODY_BYTES_MAX, CONTEXT_RECORDS_MAX
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet
from unit.wire.strategies import records

EPOCH = 305_419_896
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/primed.json").read_text("utf8"))


def record(seq: int, body: bytes, *, author: str = "ann", lag: int = -40) -> Record:
    time = 1_760_001_373_811 + 1_000 * seq
    return Record(seq=seq, author=author, time=time, sent=time + lag, body=body, size=len(body))


CONTEXT = [record(seq, b"the tide of day %d is at noon" % seq) for seq in range(1, 21)]
PUSHED = (record(21, b"the tide of day 21 is at one"), record(22, b"\0\1\2\3 and more", author="bob"))


def primed(pushed: Sequence[Record] = PUSHED, context: Sequence[Record] = CONTEXT) -> PrimedPush:
    frame = prime("room1", EPOCH, pushed, context)
    assert frame is not None
    return frame


def refusal(frame: PrimedPush, epoch: int = EPOCH, context: Sequence[Record] = CONTEXT) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        expand(frame, epoch, context)
    return caught.value


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    seqs = sorted(draw(st.sets(st.integers(1, 60), min_size=2, max_size=12)))
    drawn = [draw(records(seq)) for seq in seqs]
    # What is held is whole.
    return [replace(one, size=len(one.body)) if one.seq < 40 else one for one in drawn]


@given(logs(), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(log: list[Record], epoch: int) -> None:
    at = max(1, sum(one.seq < 40 for one in log) - 1)
    frame = prime("room1", epoch, log[at:], log[:at])
    assert frame is not None
    read = packed.decode(packed.encode(frame))
    assert read == frame
    assert expand(frame, epoch, log[:at]) == tuple(log[at:])


def test_what_the_context_has_costs_little() -> None:
    (first, *_) = PUSHED
    plain = Push(part=Part(channel="room1", epoch=EPOCH, head=21, records=(first,)))
    assert len(packed.encode(plain)) == 63
    assert len(packed.encode(primed([first]))) == 26


def test_any_other_epoch_fails_the_check() -> None:
    """Even where all the rest is as it was."""
    assert refusal(primed(), epoch=EPOCH + 1).code == "context"


@pytest.mark.parametrize(
    "other",
    [
        [*CONTEXT[:-1], replace(CONTEXT[-1], body=b"the tide of day 20 is at Noon")],
        [*CONTEXT[:-1], replace(CONTEXT[-1], time=CONTEXT[-1].time + 1)],
        [*CONTEXT[:-1], replace(CONTEXT[-1], author="zoe")],
        CONTEXT[1:],
    ],
    ids=["body", "time", "author", "fewer"],
)
def test_another_context_gives_nothing(other: list[Record]) -> None:
    refusal(primed([record(21, b"day 20 is at noon, day 1 too")]), context=other)


def test_other_seqs_fail_the_check() -> None:
    frame = primed()
    refusal(replace(frame, seqs=RangeSet([(22, 24)])))
    refusal(replace(frame, seqs=RangeSet([(21, 22), (23, 24)])))


def test_large_bodies_are_no_context_but_their_metadata_is() -> None:
    large = record(20, bytes(range(2, 130)) * 9, author="zoe")
    assert large.size > CONTEXT_BODY_BYTES_MAX
    frame = primed(context=[*CONTEXT[:-1], large])
    assert expand(frame, EPOCH, [*CONTEXT[:-1], large]) == PUSHED
    assert frame.bodies == primed(context=CONTEXT[:-1]).bodies
    assert prime("room1", EPOCH, [record(21, b"x", author="zoe")], [large]).authors == ()  # type: ignore[union-attr]


def test_names_that_the_newest_of_the_context_lack_are_new() -> None:
    context = [record(seq, b"x", author="zoe" if seq == 1 else "ann") for seq in range(1, 129)]
    pushed = (replace(record(129, b"y", author="zoe"), content_type="a/b"),)
    frame = primed(pushed, context)
    assert (frame.authors, frame.types) == (("zoe",), ("a/b",))
    assert expand(frame, EPOCH, context) == pushed


def test_the_longest_body_fits_and_more_does_not() -> None:
    longest = record(21, bytes(BODY_BYTES_MAX))
    assert expand(primed([longest]), EPOCH, CONTEXT) == (longest,)
    assert prime("room1", EPOCH, [longest, record(22, b"")], CONTEXT) is None


def test_a_bomb_is_not_inflated() -> None:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = coder.compress(bytes(50_000_000)) + coder.flush()
    assert refusal(replace(primed(), bodies=bomb)).wire_code is Code.LIMIT


def test_a_body_that_is_too_long_is_refused() -> None:
    """Written by hand, as `prime` takes whatever a service has stored."""
    body = b"x" * (BODY_BYTES_MAX + 1)
    assert len(bodies.joined([body])) < 65_537
    assert refusal(primed([record(21, body)])).wire_code is Code.LIMIT


@given(
    st.binary(max_size=12),
    st.binary(max_size=40),
    st.binary(min_size=4, max_size=4),
    st.integers(1, 300),
    st.sampled_from([(), ("zoe",), ("zoe", "ann")]),
)
def test_any_bytes_inside_raise_only_protocol_errors(
    columns: bytes, data: bytes, check: bytes, count: int, authors: tuple[str, ...]
) -> None:
    frame = PrimedPush(
        channel="room1",
        seqs=RangeSet([(21, 21 + count)]),
        context=RangeSet([(1, 21)]),
        check=check,
        columns=columns,
        bodies=data,
        authors=authors,
    )
    refusal(frame)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_gives_nothing_else(where: int, bits: int) -> None:
    """Either it is refused, or it says the same (bits after the end of the stream)."""
    frame = primed()
    inside = bytearray(frame.check + frame.columns + frame.bodies)
    inside[where % len(inside)] ^= bits
    stop = 4 + len(frame.columns)
    changed = replace(
        frame, check=bytes(inside[:4]), columns=bytes(inside[4:stop]), bodies=bytes(inside[stop:])
    )
    try:
        assert expand(changed, EPOCH, CONTEXT) == PUSHED
    except ProtocolError:
        return


@pytest.mark.parametrize(("corpus", "before", "after"), [("chat", 119, 71), ("telemetry", 95, 31)])
def test_a_record_of_a_real_log_takes_as_many_bytes_as_spec_md_says(
    corpus: str, before: int, after: int
) -> None:
    log = [
        Record(
            seq=seq,
            author=row["author"],
            time=row["ts"],
            sent=row["ts"],
            body=row["body"].encode(),
            size=len(row["body"].encode()),
        )
        for seq, row in enumerate(sorted(corpora.records(corpus), key=lambda row: row["ts"]), 1)
    ]
    plain = told = 0
    spots = Random(2).sample(range(CONTEXT_RECORDS_MAX, len(log)), 100)
    for at in spots:
        pushed, context = log[at : at + 1], log[at - CONTEXT_RECORDS_MAX : at]
        part = Part(channel="room1", epoch=EPOCH, head=at + 1, records=tuple(pushed))
        plain += len(packed.encode(Push(part=part)))
        told += len(packed.encode(primed(pushed, context)))
    assert plain / len(spots) == pytest.approx(before, rel=0.1)
    assert told / len(spots) == pytest.approx(after, rel=0.1)


def listed(told: Any) -> tuple[Record, ...]:
    push = {"type": "push", "channel": "a", "epoch": 0, "records": told}
    given_ = Object(push, "a vector")
    given_.take("type")
    return json_sync.to_push(given_).part.records


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_vectors_for_other_implementations(vector: dict[str, Any]) -> None:
    """Read only: another deflate may write other bytes."""
    frame = packed.decode(bytes.fromhex(vector["hex"]))
    assert isinstance(frame, PrimedPush)
    context = listed(vector["context"])
    assert RangeSet.of(one.seq for one in context) == frame.context
    assert expand(frame, vector["epoch"], context) == listed(vector["records"])
    refusal(frame, epoch=vector["epoch"] ^ 1, context=context)


def test_who_holds_a_large_body_in_part_reads_the_same() -> None:
    """It primes on neither side: what counts is how large all of it is."""
    large = bytes(range(32, 127)) * 30
    context = [*CONTEXT[:-1], record(20, large)]
    held = [*CONTEXT[:-1], replace(context[-1], body=large[:512])]
    pushed = (record(21, b"the tide of day 19 is at noon, " + large[:90]),)
    assert expand(primed(pushed, context), EPOCH, held) == pushed
