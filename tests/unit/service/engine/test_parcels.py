"""What a parcel builds on is read for its user, within bounds, or refused with one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated.shelf import Shelf
from tidelog.codec.parcels import Ground, pack
from tidelog.codec.preset import Held, walk
from tidelog.wire.errors import Code, ProtocolError, Unavailable
from tidelog.wire.frames import Message, Messages
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.parcels import opened
from tidelog_service.engine.ports import Row, Terminal

BODIES = [b"is anybody at home?", b"hello", b"what is for dinner?", b"soup"]
ANN = Terminal(device="ann-phone", user_id=1, user="ann")
FRAME = Messages(
    outbox=b"abcd",
    messages=(Message(n=1, channel="room", body=b"is anybody there? what is there for dinner?", sent=5_000),),
)


@pytest.fixture
def store() -> Shelf:
    made = Shelf({"room": ("ann", "bob"), "theirs": ("bob",)})
    made.fill("room", BODIES)
    made.fill("theirs", BODIES)
    return made


def parcel(bodies: Sequence[bytes] = BODIES, *, channel: str = "room", without: Sequence[int] = ()) -> Parcel:
    """What a device makes that holds these records, but for some."""
    numbered = [Held(seq, 1_000, body) for seq, body in enumerate(bodies, 1) if seq not in without]
    preset = walk(reversed(numbered))
    assert preset is not None
    made = pack(FRAME, Ground(channel=channel, preset=preset))
    assert made is not None
    return made


def refused(parcel: Parcel, store: Shelf) -> Code:
    with pytest.raises(ProtocolError) as caught:
        opened(parcel, ANN, store)
    return caught.value.wire_code


def test_after_the_same_records_it_is_read(store: Shelf) -> None:
    assert opened(parcel(), ANN, store) == FRAME
    assert store.reads == 1


def test_without_a_context_no_record_is_read(store: Shelf) -> None:
    made = pack(FRAME, None)
    assert made is not None
    assert opened(made, ANN, store) == FRAME
    assert store.reads == 0


def test_records_that_came_since_do_not_matter(store: Shelf) -> None:
    made = parcel()
    store.fill("room", [b"new"] * 600)
    assert opened(made, ANN, store) == FRAME


@pytest.mark.parametrize("without", [(4,), (2,), (1, 2), (1, 3), (2, 3)])
def test_what_the_device_lacks_is_passed_over(store: Shelf, without: Sequence[int]) -> None:
    assert opened(parcel(without=without), ANN, store) == FRAME


def test_a_floor_that_the_device_knows_of_is_where_the_walk_ends(store: Shelf) -> None:
    made = parcel(without=(1, 2))
    assert made.basis is not None
    for seq in (1, 2):
        del store.records[store.logs["room"].id][seq]
    store.logs["room"] = replace(store.logs["room"], floor=3)
    assert opened(replace(made, basis=replace(made.basis, holes=RangeSet())), ANN, store) == FRAME


@pytest.mark.parametrize("channel", ["theirs", "nowhere"])
def test_a_foreign_channel_and_none_are_the_same_answer_and_nothing_is_read(
    store: Shelf, channel: str
) -> None:
    """Else a device could find out what is said where its user is no member."""
    with pytest.raises(ProtocolError) as other:
        opened(parcel([b"another log"]), ANN, store)
    store.reads = 0
    with pytest.raises(ProtocolError) as caught:
        opened(parcel(channel=channel), ANN, store)
    assert caught.value.wire_code is Code.CONTEXT
    assert str(caught.value) == str(other.value)
    assert store.reads == 0


@pytest.mark.parametrize("last", [5, 2**52])
def test_records_above_the_head_are_not_looked_for(store: Shelf, last: int) -> None:
    made = parcel()
    assert made.basis is not None
    assert refused(replace(made, basis=replace(made.basis, last=last)), store) is Code.CONTEXT
    assert store.reads == 0


def test_records_that_are_gone_are_refused(store: Shelf) -> None:
    store.logs["room"] = replace(store.logs["room"], floor=5)
    assert refused(parcel(), store) is Code.CONTEXT
    store.logs["room"] = replace(store.logs["room"], floor=1)
    store.records[store.logs["room"].id].clear()
    assert refused(parcel(), store) is Code.CONTEXT


def test_other_records_are_refused(store: Shelf) -> None:
    """As after a reset or a restore, whose epoch is not told."""
    log = store.logs["room"]
    for seq, row in store.records[log.id].items():
        store.records[log.id][seq] = Row(seq, "bob", row.time + 1, row.sent, 0, "", row.body)
    assert refused(parcel(), store) is Code.CONTEXT


def test_holes_everywhere_leave_nothing(store: Shelf) -> None:
    made = parcel()
    assert made.basis is not None
    assert refused(replace(made, basis=replace(made.basis, holes=RangeSet([(1, 5)]))), store) is Code.CONTEXT
    assert store.reads == 0


@pytest.mark.parametrize("size", [0, 70, 1_024, 1_025, 32_768])
def test_reading_ends_whatever_the_log_holds(size: int) -> None:
    """At most 512 records, or 32 large ones and one more."""
    store = Shelf({"room": ("ann",)})
    bodies = [b"x" * size] * 1_000
    store.fill("room", bodies)
    assert opened(parcel(bodies), ANN, store) == FRAME
    assert store.reads <= 34


def test_a_store_that_fails_is_not_the_devices_fault(store: Shelf) -> None:
    store.failing = True
    with pytest.raises(Unavailable):
        opened(parcel(), ANN, store)


@given(
    st.lists(st.sampled_from([b"", b"hello", b"\0\1", b"x" * 700, b"y" * 3_000]), min_size=1, max_size=120),
    st.sets(st.integers(1, 120), max_size=20),
    st.integers(0, 2**32),
)
def test_both_sides_walk_the_same_records(bodies: list[bytes], without: set[int], seed: int) -> None:
    """However much of them the store gives at a time."""
    store = Shelf({"room": ("ann",)}, rng=Random(seed))
    store.fill("room", bodies)
    without -= {len(bodies)}
    assert opened(parcel(bodies, without=sorted(without)), ANN, store) == FRAME


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=3))
def test_any_basis_is_read_or_refused_with_that_code(last: int, ends: list[tuple[int, int]]) -> None:
    store = Shelf({"room": ("ann",)})
    store.fill("room", BODIES)
    holes = RangeSet([(min(pair), max(pair)) for pair in ends])
    made = replace(parcel(), basis=Basis(channel="room", last=last, holes=holes, check=b"crc!"))
    assert refused(made, store) is Code.CONTEXT
