"""Numbers, flights and batches of outgoing messages."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import Steady, entry
from tidelog.codec.parcels import pack
from tidelog.replica.outbox import Outbox
from tidelog.replica.ports import OutboxEntry
from tidelog.replica.tuning import Tuning
from tidelog.wire import payload as wire
from tidelog.wire.frames import Messages
from tidelog.wire.limits import BODY_BYTES_MAX, MESSAGE_WINDOW, PACKET_BYTES_MAX
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.payload import Encoding

ID = b"\x01\x02\x03\x04"


def outbox(*entries: OutboxEntry, next_n: int = 0, tuning: Tuning | None = None) -> Outbox:
    following = max((one.n for one in entries), default=0) + 1
    return Outbox(ID, next_n or following, entries, tuning=tuning or Tuning(), chance=Steady())


def sent(batches: list[Messages]) -> list[int]:
    return [message.n for batch in batches for message in batch.messages]


def test_a_message_goes_out_at_once_and_again_when_its_time_is_over() -> None:
    box = outbox(entry(1))
    assert box.due() == 0.0
    assert sent(box.batches(100.0)) == [1]
    assert box.due() == 105.0
    assert sent(box.batches(104.9)) == []
    assert sent(box.batches(105.0)) == [1]
    assert box.due() == 115.0


def test_a_settled_message_is_never_sent_again() -> None:
    box = outbox(entry(1))
    box.batches(0.0)
    box.remove(1)
    assert box.due() is None
    assert sent(box.batches(1e9)) == []


def test_a_refused_message_waits_without_being_sent() -> None:
    box = outbox(entry(1, rejected="no_channel"), entry(2))
    assert sent(box.batches(0.0)) == [2]
    assert box.entries[1].rejected


def test_a_message_refused_on_its_way_is_not_sent_again() -> None:
    box = outbox(entry(1))
    box.batches(0.0)
    box.put(entry(1, rejected="no_channel"))
    assert box.due() is None
    assert sent(box.batches(1e9)) == []


def test_a_new_connection_sends_everything_at_once() -> None:
    box = outbox(entry(1), entry(2))
    box.batches(0.0)
    box.restart()
    assert box.due() == 0.0
    assert sent(box.batches(0.1)) == [1, 2]


def test_renumbering_goes_above_what_either_side_has_used() -> None:
    box = outbox(entry(3), next_n=4)
    renumbered = box.renumber(3, above=10)
    assert renumbered is not None
    assert (renumbered.n, box.next_n, list(box.entries)) == (11, 12, [11])
    assert box.renumber(11, above=2) is not None
    assert list(box.entries) == [12]
    assert box.renumber(99, above=2) is None


def test_a_postponed_message_waits_as_if_it_had_been_sent_just_now() -> None:
    box = outbox(entry(1))
    box.batches(0.0)
    box.postpone(1, 4.0)
    assert box.due() == 9.0
    box.postpone(99, 4.0)
    assert box.due() == 9.0


def test_batches_are_split_by_count_and_by_size() -> None:
    tuning = Tuning(batch_messages=2, page_bytes=1_000)
    bodies = [10, 10, 10, 990, 990, 10]
    entries = [entry(n, body=b"x" * size) for n, size in enumerate(bodies, 1)]
    batches = outbox(*entries, tuning=tuning).batches(0.0)
    assert [[message.n for message in batch.messages] for batch in batches] == [[1, 2], [3], [4], [5], [6]]
    assert all(batch.outbox == ID for batch in batches)


def test_the_largest_messages_fit_packets() -> None:
    entries = [entry(n, channel="c" * 64, body=b"x" * BODY_BYTES_MAX) for n in (1, 2)]
    for batch in outbox(*entries).batches(0.0):
        assert len(wire.encode(batch, Encoding.PACKED)) <= PACKET_BYTES_MAX


def test_no_more_is_on_its_way_than_the_flight_window_allows() -> None:
    tuning = Tuning(batch_messages=2, flight_batches=2)
    box = outbox(*(entry(n) for n in range(1, 8)), tuning=tuning)
    assert sent(box.batches(0.0)) == [1, 2, 3, 4]
    assert sent(box.batches(1.0)) == []
    box.remove(2)
    assert box.due() == 0.0
    assert sent(box.batches(2.0)) == [5]


def test_a_number_far_above_the_oldest_that_waits_is_held_back() -> None:
    """The service would not take it, and takes it for granted that it need not look so far back."""
    box = outbox(entry(1), entry(MESSAGE_WINDOW), entry(MESSAGE_WINDOW + 1))
    assert sent(box.batches(0.0)) == [1, MESSAGE_WINDOW]
    box.remove(1)
    assert sent(box.batches(0.0)) == [MESSAGE_WINDOW + 1]


def test_what_waited_before_a_restart_waits_after_it() -> None:
    box = outbox(entry(4), entry(9, rejected="denied"), next_n=10)
    box.put(entry(10))
    assert sent(box.batches(0.0)) == [4, 10]
    assert box.next_n == 11


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 3))
def test_everything_is_sent_until_it_is_settled(seed: int, batch_messages: int, flight_batches: int) -> None:
    """Whatever is lost: the window holds, nothing that waits is forgotten, nothing is sent in circles."""
    rng = Random(seed)
    tuning = Tuning(batch_messages=batch_messages, flight_batches=flight_batches)
    box = Outbox(ID, 1, (), tuning=tuning, chance=rng)
    now, unsettled, flying = 0.0, set[int](), set[int]()
    for n in range(1, rng.randrange(2, 30)):
        box.put(entry(n))
        unsettled.add(n)
    for _ in range(600):
        batches = box.batches(now)
        assert set(sent(batches)) <= unsettled
        assert all(len(batch.messages) <= batch_messages for batch in batches)
        flying |= set(sent(batches))
        assert len(flying) <= batch_messages * flight_batches
        due = box.due()
        assert due is None or due > now, "a busy loop"
        assert (due is None) == (not unsettled)
        for n in sorted(flying):
            if rng.random() < 0.3:
                box.remove(n)
                flying.remove(n)
                unsettled.remove(n)
        if rng.random() < 0.1:
            box.restart()
            flying.clear()
        now = max(now, box.due() or now)
    assert not unsettled


def parcel(batch: Messages, *, based: bool = True) -> Parcel:
    made = pack(batch, None)
    assert made is not None
    return replace(made, basis=Basis(channel="room", last=1, check=bytes(4)) if based else None)


def test_what_went_in_parcels_is_recalled_and_nothing_else() -> None:
    box = outbox(entry(1), entry(2), tuning=Tuning(batch_messages=1))
    first, _ = box.batches(100.0)
    box.went_in(parcel(first))
    assert box.due() == 105.0
    box.recall(based=False)
    assert box.due() == 0.0
    assert sent(box.batches(100.0)) == [1]
    box.recall(based=False)
    assert sent(box.batches(100.0)) == []


def test_a_parcel_that_builds_on_nothing_is_not_recalled_for_its_context() -> None:
    """Each of several refused parcels has its fault: only the first one finds what to send again."""
    box = outbox(entry(1))
    box.went_in(parcel(box.batches(100.0)[0], based=False))
    box.recall(based=True)
    assert sent(box.batches(100.0)) == []
    box.recall(based=False)
    assert sent(box.batches(100.0)) == [1]


def test_a_settled_message_is_not_recalled() -> None:
    box = outbox(entry(1), entry(2))
    box.went_in(parcel(box.batches(100.0)[0]))
    box.remove(1)
    box.recall(based=True)
    assert sent(box.batches(100.0)) == [2]


def test_a_batch_is_the_first_try_where_all_of_it_is() -> None:
    box = outbox(entry(1))
    assert all(map(box.is_first, box.batches(100.0)))
    box.put(entry(2))
    assert not any(map(box.is_first, box.batches(105.0)))
    box.restart()
    assert all(map(box.is_first, box.batches(106.0)))
