"""Batches become parcels and come back whole, or not at all."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import records
from tidelog.codec.deflate import Deflate
from tidelog.codec.parcels import Ground, expand, pack
from tidelog.codec.preset import Held, Preset, walk
from tidelog.wire import jsonform, packed
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Message, Messages
from tidelog.wire.limits import BODY_BYTES_MAX, PARCEL_TEXT_BYTES_MAX
from tidelog.wire.parcels import Parcel
from tidelog.wire.ranges import RangeSet
from unit.wire.mutations import CHANGES, mutated
from unit.wire.strategies import messages
from unit.wire.test_fuzz import LONG

NOW = 1_760_001_373_811
LOG = (b"is anybody at home?", b"hello", b"what is for dinner?")
TEXT = b"is anybody there, and what is there for dinner?"


def preset(bodies: Sequence[bytes] = LOG, *, last: int = 0, time: int = NOW) -> Preset:
    last = last or len(bodies)
    made = walk(Held(last - at, time - at, body) for at, body in enumerate(reversed(bodies)))
    assert made is not None
    return made


def ground(bodies: Sequence[bytes] = LOG) -> Ground:
    return Ground(channel="room1", preset=preset(bodies))


def batch(*bodies: bytes) -> Messages:
    made = [
        Message(n=n, channel="room1", body=body, sent=NOW + 1_000 * n) for n, body in enumerate(bodies, 1)
    ]
    return Messages(outbox=b"abcd", messages=tuple(made))


def packed_up(frame: Messages, on: Ground | None) -> Parcel:
    parcel = pack(frame, on)
    assert parcel is not None
    return parcel


def refused(parcel: Parcel, has: Preset | None) -> Code:
    with pytest.raises(ProtocolError) as caught:
        expand(parcel, has)
    return caught.value.wire_code


@given(
    messages().filter(lambda frame: bool(frame.outbox)),
    st.one_of(st.none(), st.lists(st.binary(max_size=30), min_size=1, max_size=9)),
)
def test_what_is_packed_comes_back(frame: Messages, log: list[bytes] | None) -> None:
    on = ground(log) if log else None
    if any(message.epoch for message in frame.messages):
        assert pack(frame, on) is None, "a parcel cannot say it"
        frame = replace(frame, messages=tuple(replace(one, epoch=0) for one in frame.messages))
    read = packed.decode(packed.encode(packed_up(frame, on)))
    assert isinstance(read, Parcel)
    assert expand(read, on.preset if on else None) == frame


def test_a_message_like_those_before_takes_a_few_bytes() -> None:
    """20 of them name outbox, number, channel, context and time, and are the check."""
    plain = len(packed.encode(batch(TEXT)))
    with_context = len(packed.encode(packed_up(batch(TEXT), ground())))
    assert plain == 70
    assert with_context <= 41


def test_a_byte_0_at_the_end_of_the_stream_is_left_out_and_may_be_there() -> None:
    parcel = packed_up(batch(b"hello"), None)
    whole = Deflate().compress(b"hello", b"")
    assert whole == parcel.deflated + b"\0"
    assert expand(replace(parcel, deflated=whole), None) == batch(b"hello")
    assert refused(replace(parcel, deflated=whole + b"\0"), None) is Code.MALFORMED


def test_a_text_that_is_too_large_makes_no_parcel() -> None:
    half = PARCEL_TEXT_BYTES_MAX // 4
    assert pack(batch(*[b"x" * half] * 4), None) is None
    assert pack(batch(b"\0" * 20_000, b"\0" * 20_000), None) is None
    assert pack(batch(*[b"x" * (half - 1)] * 4), None)


# Vectors


VECTORS = json.loads((Path(__file__).parents[2] / "vectors/parcels.json").read_text("utf8"))


def ground_of(told: dict[str, Any]) -> Ground:
    has = walk(Held(one["seq"], one["time"], one["text"].encode()) for one in told["records"])
    assert has is not None
    return Ground(channel=told["channel"], preset=has, floor=told["floor"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_bytes_and_frame_stand_for_each_other(vector: dict[str, Any]) -> None:
    frame = jsonform.decode(json.dumps(vector["frame"]).encode())
    on = ground_of(vector["context"]) if "context" in vector else None
    assert isinstance(frame, Messages)
    read = packed.decode(bytes.fromhex(vector["hex"]))
    assert isinstance(read, Parcel)
    # What deflate makes is not the same everywhere, as long as it makes the same text.
    written = replace(packed_up(frame, on), deflated=read.deflated)
    assert packed.encode(written).hex() == vector["hex"]
    assert expand(read, on.preset if on else None) == frame
    assert vector["says"]


# Another context


@pytest.mark.parametrize(
    "log",
    [
        (b"is nobody at home??", b"hello", b"what is for dinner?"),
        (b"hello", b"what is for dinner?"),
        (*LOG, b"soup"),
        (b"", b"", b""),
    ],
)
def test_with_other_records_it_is_refused(log: Sequence[bytes]) -> None:
    assert refused(packed_up(batch(TEXT), ground()), preset(log)) is Code.CONTEXT


def test_with_another_time_it_is_refused() -> None:
    """The bodies would be right, and each message sent at another time than the device says."""
    parcel = packed_up(batch(TEXT), ground())
    assert refused(parcel, preset(time=NOW + 1)) is Code.CONTEXT
    assert refused(parcel, preset(time=1)) is Code.CONTEXT


def test_without_records_it_is_refused() -> None:
    assert refused(packed_up(batch(TEXT), ground()), None) is Code.CONTEXT


def test_a_damaged_stream_after_a_context_may_be_the_contexts_fault() -> None:
    parcel = packed_up(batch(TEXT), ground())
    for damaged in (b"", b"\xff", parcel.deflated[:-3], parcel.deflated + b"xy"):
        assert refused(replace(parcel, deflated=damaged), preset()) is Code.CONTEXT


@given(st.lists(st.sampled_from(LOG), min_size=1, max_size=6), st.lists(st.sampled_from(LOG), min_size=1))
def test_any_other_log_is_noticed_or_makes_no_difference(log: list[bytes], other: list[bytes]) -> None:
    frame = batch(TEXT, LOG[0])
    parcel = packed_up(frame, ground(log))
    try:
        read = expand(parcel, preset(other))
    except ProtocolError:
        return
    assert read == frame


# What the ground says


@pytest.mark.parametrize(
    ("seqs", "full", "floor", "holes"),
    [
        ((5, 4, 3, 2, 1), False, 1, []),
        ((5, 4, 3), False, 3, []),
        ((5, 4, 3), False, 1, [(1, 3)]),
        ((5, 4, 3), True, 1, []),
        ((9, 7, 6, 2), True, 1, [(3, 6), (8, 9)]),
        ((9, 7, 6, 2), False, 1, [(1, 2), (3, 6), (8, 9)]),
    ],
)
def test_holes_are_what_the_other_sides_walk_must_pass_over(
    seqs: tuple[int, ...],
    full: bool,  # noqa: FBT001 - a parameter of the test
    floor: int,
    holes: list[tuple[int, int]],
) -> None:
    on = Ground(channel="a", preset=Preset(text=b"", time=0, seqs=seqs, full=full), floor=floor)
    assert on.holes == RangeSet(holes)
    assert on.basis(b"crc!").last == seqs[0]


# Bombs and nonsense


def bomb(size: int) -> bytes:
    return Deflate().compress(bytes(size), b"")


@pytest.mark.parametrize("has", [None, preset()])
def test_a_bomb_costs_no_more_than_the_largest_text(has: Preset | None) -> None:
    parcel = packed_up(batch(b"x"), ground() if has else None)
    parcel = replace(parcel, deflated=bomb(50_000_000))
    assert len(parcel.deflated) < 50_000
    before = process_time()
    tracemalloc.start()
    code = refused(parcel, has)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code is (Code.CONTEXT if has else Code.LIMIT)
    assert process_time() - before < 0.2
    assert peak < 4 * PARCEL_TEXT_BYTES_MAX + len(parcel.deflated)


def test_a_body_that_is_too_large_is_refused() -> None:
    parcel = packed_up(batch(b"x"), None)
    data = Deflate().compress(b"x" * (BODY_BYTES_MAX + 1), b"")
    assert refused(replace(parcel, deflated=data), None) is Code.LIMIT


@pytest.mark.parametrize("text", [b"one", b"one\0two\0three", b"one\0two\0", b"\1\0", b"one\0two\1"])
def test_other_bodies_than_there_are_messages_are_refused(text: bytes) -> None:
    parcel = replace(packed_up(batch(b"x", b"y"), None), deflated=Deflate().compress(text, b""))
    assert refused(parcel, None) is Code.MALFORMED


@pytest.mark.parametrize("sent", [-1, 2**53, 2**70])
def test_a_time_beyond_all_bounds_is_refused(sent: int) -> None:
    parcel = packed_up(batch(b"x"), None)
    assert refused(replace(parcel, sents=(sent,)), None) is Code.LIMIT


@given(CHANGES, st.sampled_from([None, ground()]))
def test_changed_parcels_raise_only_protocol_errors_and_stay_small(
    changes: list[tuple[str, int, int]], on: Ground | None
) -> None:
    try_to_expand(mutated(packed.encode(packed_up(batch(TEXT, b"hello", b""), on)), changes))


def try_to_expand(data: bytes) -> None:
    try:
        read = packed.decode(data)
        if isinstance(read, Parcel):
            made = expand(read, preset() if read.basis else None)
            assert sum(len(message.body) for message in made.messages) <= PARCEL_TEXT_BYTES_MAX
    except ProtocolError:
        return


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@LONG
@given(CHANGES, st.sampled_from([None, ground()]))
def test_many_changed_parcels_raise_only_protocol_errors(
    changes: list[tuple[str, int, int]], on: Ground | None
) -> None:
    try_to_expand(mutated(packed.encode(packed_up(batch(TEXT, b"hello", b""), on)), changes))


@given(st.binary(max_size=200), st.integers(1, 5))
def test_any_bytes_for_the_bodies_raise_only_protocol_errors(data: bytes, count: int) -> None:
    parcel = replace(packed_up(batch(*[b""] * count), ground()), deflated=data)
    for has, basis in ((preset(), parcel.basis), (None, None)):
        try:
            expand(replace(parcel, basis=basis), has)
        except ProtocolError:
            continue


def test_other_implementations_read_it() -> None:
    """Raw deflate with a preset dictionary, and a CRC-32 as in zlib."""
    parcel = packed_up(batch(TEXT, b"hello"), ground())
    coder = zlib.decompressobj(-15, b"is anybody at home?\0hello\0what is for dinner?\0")
    text = coder.decompress(parcel.deflated + b"\0")
    assert text == TEXT + b"\0hello"
    sents = bytes.fromhex("dbf486c29c33") + bytes.fromhex("c3fc86c29c33")
    assert parcel.basis is not None
    assert zlib.crc32(sents + text).to_bytes(4) == parcel.basis.check


@pytest.mark.parametrize(
    ("corpus", "most"),
    [("chat", (71, 252, 834, 3_950)), ("telemetry", (33, 81, 245, 1_045))],
)
def test_real_batches_take_what_is_written_down(corpus: str, most: tuple[int, ...]) -> None:
    """Means of whole payloads over windows of a log that is taken as one channel."""
    log = records(corpus)
    for count, bytes_most in zip((1, 5, 20, 100), most, strict=True):
        sizes = [len(packed.encode(real(log, at, count))) for at in range(1_000, 11_000, 500)]
        assert sum(sizes) / len(sizes) <= bytes_most


def real(log: list[dict[str, object]], at: int, count: int) -> Parcel:
    def held(i: int) -> Held:
        return Held(i + 1, int(str(log[i]["ts"])), str(log[i]["body"]).encode())

    has = walk(held(i) for i in range(at - 1, -1, -1))
    assert has is not None
    made = [
        Message(n=100 + i, channel="room1", body=str(one["body"]).encode(), sent=int(str(one["ts"])))
        for i, one in enumerate(log[at : at + count])
    ]
    frame = Messages(outbox=b"abcd", messages=tuple(made))
    parcel = packed_up(frame, Ground(channel="room1", preset=has))
    assert expand(parcel, has) == frame
    return parcel
