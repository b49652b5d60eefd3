"""Which batches go as parcels, and after which records."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from simulated.samples import EPOCH
from tidelog.codec.parcels import expand
from tidelog.replica.holdings import Holdings
from tidelog.replica.parcels import Parcels
from tidelog.replica.ports import Changes, Holding, Record
from tidelog.store.memory import MemoryStore
from tidelog.wire import packed
from tidelog.wire.errors import Code, Unavailable
from tidelog.wire.frames import Message, Messages
from tidelog.wire.limits import PARCEL_HOLES_MAX
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import RangeSet

TEXT = b"is anybody there? what is there for dinner?"
LIKE = b"is anybody at home, and what is for dinner? number %d"


class Counting(MemoryStore):
    """Counts how often records are read."""

    reads = 0

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        self.reads += 1
        return super().records(channel, epoch, start=start, stop=stop, limit=limit)


def record(channel: str, seq: int, body: bytes) -> Record:
    return Record(channel=channel, seq=seq, author="ann", time=1_000, sent=1_000, kind=0, body=body)


def stocked(
    seqs: Iterable[int],
    *,
    have: RangeSet | None = None,
    channel: str = "room",
    floor: int = 1,
    epoch: int = EPOCH,
) -> tuple[Counting, Holdings]:
    """A store with records like what is to be sent, and what the machine knows of it."""
    store = Counting()
    records = tuple((EPOCH, record(channel, seq, LIKE % seq)) for seq in seqs)
    have = RangeSet.of(one.seq for _, one in records) if have is None else have
    store.apply(Changes(records=records))
    holding = Holding(channel=channel, epoch=epoch, have=have, head=max(seqs), floor=floor)
    return store, Holdings([holding])


def batch(*channels: str, body: bytes = TEXT) -> Messages:
    made = [
        Message(n=n, channel=name, body=body, sent=5_000) for n, name in enumerate(channels or ["room"], 1)
    ]
    return Messages(outbox=b"abcd", messages=tuple(made))


def basis_of(store: Counting, holdings: Holdings, frame: Messages | None = None) -> Basis | None:
    """What a batch builds on."""
    parcels = Parcels(store)
    made = parcels.shortest(frame or batch(), parcels.grounds(holdings))
    assert isinstance(made, Parcel)
    return made.basis


def named(basis: Basis | None) -> tuple[int, RangeSet]:
    assert basis is not None
    return basis.last, basis.holes


def test_a_batch_builds_on_the_newest_records_of_its_channel() -> None:
    store, holdings = stocked(range(1, 10))
    assert named(basis_of(store, holdings)) == (9, RangeSet())


def test_records_of_which_only_some_are_held_are_named_by_what_is_missing() -> None:
    store, holdings = stocked([3, 4, 7, 9])
    noise = Random(1).randbytes(60)
    store.apply(Changes(records=((EPOCH, record("room", 3, noise)),)))
    frame = batch(body=noise + LIKE)
    assert named(basis_of(store, holdings, frame)) == (9, RangeSet([(1, 3), (5, 7), (8, 9)]))


def test_void_seqs_have_no_record() -> None:
    store, holdings = stocked([3, 4, 5], have=RangeSet([(1, 8)]))
    assert named(basis_of(store, holdings)) == (5, RangeSet([(1, 3)]))


def test_a_record_that_is_no_longer_in_the_have_set_is_not_built_on() -> None:
    """It was dropped; the store forgets it with the same step."""
    store, holdings = stocked(range(1, 6), have=RangeSet([(1, 4)]))
    assert named(basis_of(store, holdings)) == (3, RangeSet())


def test_below_the_floor_the_service_has_nothing() -> None:
    store, holdings = stocked(range(1, 10), floor=5)
    assert named(basis_of(store, holdings)) == (9, RangeSet())
    assert store.reads == 1


def test_records_of_an_earlier_epoch_are_none() -> None:
    store, holdings = stocked(range(1, 10), epoch=EPOCH + 1)
    assert basis_of(store, holdings) is None


def test_the_channel_of_most_messages_is_built_on_if_it_can_be() -> None:
    store, holdings = stocked(range(1, 10))
    assert named(basis_of(store, holdings, batch("b", "room", "b")))[0] == 9
    store.apply(Changes(records=((EPOCH, record("b", 1, TEXT)),)))
    holdings.put(Holding(channel="b", epoch=EPOCH, have=RangeSet([(1, 2)]), head=1))
    basis = basis_of(store, holdings, batch("room", "b", "b"))
    assert basis is not None
    assert basis.channel == "b"


def test_a_context_that_does_not_pay_is_left_away() -> None:
    """Check, newest record and holes take six bytes and more."""
    store, holdings = stocked(range(1, 10))
    assert basis_of(store, holdings, batch(body=b"qvx")) is None


def test_bodies_that_do_not_compress_go_plain() -> None:
    frame = batch(body=Random(1).randbytes(5_000))
    parcels = Parcels(MemoryStore())
    assert parcels.shortest(frame, parcels.grounds(Holdings([]))) is frame


def test_messages_of_no_outbox_go_plain() -> None:
    frame = Messages(outbox=b"", messages=batch(body=b"x" * 1_000).messages)
    parcels = Parcels(MemoryStore())
    assert parcels.shortest(frame, parcels.grounds(Holdings([]))) is frame


def test_records_whose_times_were_cut_are_built_on_by_none() -> None:
    store, holdings = stocked(range(1, 30))
    parcels = Parcels(store, grounded=False)
    parcels.restart()
    sent = parcels.shortest(batch(), parcels.grounds(holdings))
    assert store.reads == 0
    assert not isinstance(sent, Parcel) or sent.basis is None


def test_without_a_shelf_every_batch_goes_plain() -> None:
    parcels = Parcels(None)
    frame = batch(body=b"x" * 1_000)
    assert parcels.shortest(frame, parcels.grounds(Holdings([]))) is frame


def test_nothing_is_ever_longer_for_it() -> None:
    store, holdings = stocked(range(1, 10))
    parcels = Parcels(store)
    grounds = parcels.grounds(holdings)
    for body in (b"", b"x", b"hello", TEXT, LIKE % 5, bytes(range(256)), bytes(5_000)):
        for frame in (batch(body=body), batch("room", "b", "c", body=body)):
            assert len(packed.encode(parcels.shortest(frame, grounds))) <= len(packed.encode(frame))


# Reading


def test_records_are_read_once_for_all_batches_of_a_moment() -> None:
    store, holdings = stocked(range(1, 10))
    parcels = Parcels(store)
    grounds = parcels.grounds(holdings)
    for _ in range(5):
        parcels.shortest(batch(), grounds)
    assert store.reads == 1
    parcels.shortest(batch(), parcels.grounds(holdings))
    assert store.reads == 2


def test_a_log_of_any_size_is_read_at_its_end_only() -> None:
    store, holdings = stocked(range(1, 3_000))
    assert named(basis_of(store, holdings)) == (2_999, RangeSet())
    assert store.reads <= 9


def test_any_number_of_seqs_without_a_record_is_looked_through_so_far() -> None:
    store, holdings = stocked([5], have=RangeSet([(1, 2**50)]))
    assert basis_of(store, holdings) is None
    assert store.reads == 64


def test_scattered_records_prime_as_far_as_naming_them_pays() -> None:
    """A batch of long messages gains from many, a short message from the newest alone."""
    store, holdings = stocked(range(1, 201, 2))
    assert named(basis_of(store, holdings)) == (199, RangeSet([(1, 199)]))
    many = [Message(n=n, channel="room", body=LIKE % (187 + 2 * n), sent=5_000) for n in range(1, 7)]
    last, holes = named(basis_of(store, holdings, Messages(outbox=b"abcd", messages=tuple(many))))
    assert last == 199
    assert len(holes.runs) <= 8


def test_more_holes_than_can_be_told_are_no_ground() -> None:
    seqs = range(1, 4 * PARCEL_HOLES_MAX, 2)
    store, holdings = stocked(seqs, have=RangeSet([(1, max(seqs) + 1)]))
    assert basis_of(store, holdings) is None


def test_a_shelf_that_fails_costs_bytes_and_nothing_else() -> None:
    class Fails(Counting):
        def records(self, *_args: object, **_more: object) -> list[Record]:  # type: ignore[override] # never returns
            raise Unavailable("the disk failed", code="store_failed")

    assert basis_of(Fails(), stocked(range(1, 10))[1]) is None


# Faults


def test_after_a_refused_context_batches_build_on_nothing_until_the_next_connection() -> None:
    store, holdings = stocked(range(1, 10))
    parcels = Parcels(store)
    assert parcels.refused(Code.CONTEXT)
    made = parcels.shortest(batch(), parcels.grounds(holdings))
    assert isinstance(made, Parcel)
    assert made.basis is None
    assert expand(made, None) == batch()
    parcels.restart()
    made = parcels.shortest(batch(), parcels.grounds(holdings))
    assert isinstance(made, Parcel)
    assert made.basis is not None


def test_an_earlier_service_gets_plain_batches_until_the_next_connection() -> None:
    store, holdings = stocked(range(1, 10))
    parcels = Parcels(store)
    assert not parcels.refused(Code.UNSUPPORTED)
    parcels.shortest(batch(), parcels.grounds(holdings))
    assert parcels.refused(Code.UNSUPPORTED)
    assert isinstance(parcels.shortest(batch(), parcels.grounds(holdings)), Messages)
    parcels.restart()
    assert isinstance(parcels.shortest(batch(), parcels.grounds(holdings)), Parcel)


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.CONTEXT, Code.UNSUPPORTED}))
def test_other_faults_are_not_about_parcels(code: Code) -> None:
    store, holdings = stocked(range(1, 10))
    parcels = Parcels(store)
    parcels.shortest(batch(), parcels.grounds(holdings))
    assert not parcels.refused(code)
