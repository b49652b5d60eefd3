"""What every store must do, tried on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tidelog.codec.dictionaries import trained
from tidelog.replica.ports import BodyPart, Changes, Copy, Holding, Mark, OutboxEntry, Record, Store, Weight
from tidelog.replica.tokens import Token
from tidelog.store import MemoryStore, SqliteStore, epochs, memory
from tidelog.wire.frames import KIND_STUB
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import EVERYTHING, RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog.wire.stubs import stub_body, stub_for

Reopen = Callable[[], Store]


def record(seq: int, *, channel: str = "room1", body: bytes = b"hello", left_out: int = 0) -> Record:
    return Record(
        channel=channel,
        seq=seq,
        author="ann",
        time=1000 + seq,
        sent=900,
        kind=0,
        body=body,
        content_type="t/x",
        left_out=left_out,
    )


def entry(n: int, *, rejected: str = "") -> OutboxEntry:
    return OutboxEntry(
        n=n, channel="room1", kind=16, sent=5, content_type="", body=b"\x00\xff", rejected=rejected
    )


def token(scope: bytes, name: bytes = b"\0\1\2\xff", *standings: Standing) -> Token:
    return Token(scope, name, Standings(standings))


def tokens(store: Store) -> list[tuple[bytes, bytes, list[Standing]]]:
    return [(one.scope, one.token, list(one.account)) for one in store.load().tokens]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """A function that gives the store as a restarted process would find it."""
    opened: list[Store] = []
    memory = MemoryStore()

    def again() -> Store:
        for store in opened:
            store.close()
        if request.param == "sqlite":
            opened.append(SqliteStore(tmp_path / "phone.db", device="a1phone"))
        else:
            opened.append(memory)
        return opened[-1]

    yield again
    for store in opened:
        store.close()


def test_a_new_store_is_empty_and_has_an_outbox_id(reopen: Reopen) -> None:
    snapshot = reopen().load()
    assert len(snapshot.outbox_id) == 4
    assert (snapshot.next_n, snapshot.outbox, snapshot.holdings, snapshot.tokens) == (1, (), (), ())
    assert not snapshot.seconds


def test_the_outbox_id_stays_with_the_store(reopen: Reopen) -> None:
    assert reopen().load().outbox_id == reopen().load().outbox_id


def test_everything_applied_is_there_after_a_restart(reopen: Reopen) -> None:
    have = RangeSet([(1, 4), (9, 12)])
    holding = Holding(channel="room1", epoch=7, have=have, wanted=EVERYTHING, head=20, floor=2)
    changes = Changes(
        records=((7, record(2)), (7, record(1))),
        holdings=(holding,),
        queued=(entry(2, rejected="denied"), entry(1)),
        next_n=3,
    )
    reopen().apply(changes)
    store = reopen()
    snapshot = store.load()
    assert snapshot.holdings == (holding,)
    assert snapshot.outbox == (entry(1), entry(2, rejected="denied"))
    assert snapshot.next_n == 3
    assert store.records("room1", 7, start=1, stop=10, limit=10) == [record(1), record(2)]


def test_marks_are_kept_by_channel_and_user(reopen: Reopen) -> None:
    own = Mark(channel="room1", epoch=7, read=5, delivered=9, receipts=True, waiting=True)
    other = Mark(channel="room1", epoch=7, user="bob", read=3, delivered=3)
    reopen().apply(Changes(marks=(own, other, Mark(channel="a", epoch=1)), user="ann"))
    risen = replace(own, read=6, waiting=False)
    reopen().apply(Changes(marks=(risen,)))
    snapshot = reopen().load()
    assert snapshot.marks == (Mark(channel="a", epoch=1), risen, other)
    assert snapshot.user == "ann"


def test_messages_of_others_above_a_seq_are_counted(reopen: Reopen) -> None:
    """Neither one's own, nor edits, deletes and reserved kinds, nor what was dropped."""
    store = reopen()
    kinds = {1: 0, 2: 0, 3: 1, 4: 2, 5: 15, 6: 16, 7: 255, 8: KIND_STUB, 9: 0}
    records = [replace(record(seq), kind=kind, author="bob") for seq, kind in kinds.items()]
    mine = replace(record(10), author="ann")
    store.apply(Changes(records=tuple((7, one) for one in (*records, mine)), holdings=()))
    assert store.written("room1", 7, above=1, besides="ann") == 5
    assert store.written("room1", 7, above=0, besides="con") == 7
    assert store.written("room1", 7, above=9, besides="ann") == 0
    store.apply(Changes(dropped=(("room1", 7, RangeSet([(8, 9)])),)))
    assert store.written("room1", 7, above=1, besides="ann") == 4
    assert store.written("room1", 8, above=0, besides="ann") == 0
    assert store.written("nowhere", 7, above=0, besides="ann") == 0


def test_records_are_read_by_half_open_range_ascending_up_to_the_limit(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=tuple((1, record(seq)) for seq in (5, 1, 3, 9))))
    seqs = [one.seq for one in store.records("room1", 1, start=1, stop=9, limit=10)]
    assert seqs == [1, 3, 5]
    assert [one.seq for one in store.records("room1", 1, start=2, stop=2**53, limit=2)] == [3, 5]
    assert store.records("room1", 1, start=1, stop=9, limit=0) == []


def test_epochs_and_channels_are_kept_apart(reopen: Reopen) -> None:
    store = reopen()
    other = record(1, channel="room2")
    store.apply(Changes(records=((1, record(1)), (2, record(1, body=b"new")), (1, other))))
    assert store.records("room1", 2, start=1, stop=2, limit=9) == [record(1, body=b"new")]
    assert store.records("room2", 1, start=1, stop=2, limit=9) == [other]
    assert store.records("nowhere", 1, start=1, stop=2, limit=9) == []
    assert store.weight("room1", 1) == Weight(records=1, body_bytes=5)
    assert store.weight("room1", 2) == Weight(records=1, body_bytes=3)
    assert store.weight("room2", 2) == store.weight("nowhere", 1) == Weight()


def test_a_record_put_twice_is_replaced_and_counted_once(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=((1, record(1)), (1, record(2)))))
    store.apply(Changes(records=((1, record(2, body=b"x")), (1, record(3)), (1, record(3, body=b"y")))))
    bodies = [one.body for one in store.records("room1", 1, start=1, stop=9, limit=9)]
    assert bodies == [b"hello", b"x", b"y"]
    assert store.weight("room1", 1) == Weight(records=3, body_bytes=7)


def test_dropped_ranges_leave_the_store_and_the_count(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=tuple((1, record(seq)) for seq in range(1, 11))))
    store.apply(Changes(dropped=(("room1", 1, RangeSet([(2, 4), (9, 100)])), ("nowhere", 1, EVERYTHING))))
    assert [one.seq for one in store.records("room1", 1, start=1, stop=99, limit=99)] == [1, 4, 5, 6, 7, 8]
    assert store.weight("room1", 1) == Weight(records=6, body_bytes=30)
    assert reopen().weight("room1", 1) == Weight(records=6, body_bytes=30)


def test_drops_come_before_records_of_the_same_step(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=((1, record(1)), (1, record(2)))))
    store.apply(Changes(dropped=(("room1", 1, EVERYTHING),), records=((1, record(2, body=b"late")),)))
    assert store.records("room1", 1, start=1, stop=9, limit=9) == [record(2, body=b"late")]
    assert store.weight("room1", 1).records == 1


def test_settled_entries_leave_before_queued_ones_are_put(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(queued=(entry(1), entry(2)), next_n=3))
    store.apply(Changes(settled=(1, 2, 77), queued=(entry(2, rejected="conflict"),)))
    assert store.load().outbox == (entry(2, rejected="conflict"),)


def test_next_n_only_rises(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(next_n=9))
    store.apply(Changes(next_n=4))
    store.apply(Changes(settled=(1,)))
    assert store.load().next_n == 9


def test_a_holding_replaces_that_of_the_same_channel(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(holdings=(Holding(channel="b", epoch=1), Holding(channel="a", epoch=1))))
    later = Holding(channel="b", epoch=2, have=RangeSet([(1, 2)]), head=1)
    store.apply(Changes(holdings=(later,)))
    assert reopen().load().holdings == (Holding(channel="a", epoch=1), later)


def test_a_channel_that_is_gone_is_so_after_a_restart(reopen: Reopen) -> None:
    gone = Holding(channel="a", epoch=1, gone=True)
    reopen().apply(Changes(holdings=(gone, Holding(channel="b", epoch=1))))
    assert reopen().load().holdings == (gone, Holding(channel="b", epoch=1))


def test_whole_seconds_are_for_good(reopen: Reopen) -> None:
    reopen().apply(Changes(seconds=True))
    reopen().apply(Changes(next_n=2))
    assert reopen().load().seconds


def test_dictionaries_are_kept_in_the_order_in_which_they_came(reopen: Reopen) -> None:
    one, two, three = (trained(data) for data in (b"one", b"two\0", bytes(65_536)))
    reopen().apply(Changes(dictionaries=(two, one)))
    reopen().apply(Changes(outworn=(two.id, 777), dictionaries=(three, one)))
    store = reopen()
    assert store.load().dictionaries == (one.id, three.id)
    assert [store.dictionary(number.id) for number in (one, two, three)] == [one, None, three]


def test_an_outworn_dictionary_goes_before_it_is_put_again(reopen: Reopen) -> None:
    one, two = trained(b"one"), trained(b"two")
    reopen().apply(Changes(dictionaries=(one, two)))
    reopen().apply(Changes(outworn=(one.id,), dictionaries=(one,)))
    assert reopen().load().dictionaries == (two.id, one.id)


def test_a_have_set_with_more_runs_than_a_packet_may_hold_is_kept(reopen: Reopen) -> None:
    many = RangeSet.of(range(1, 80_000, 2))
    reopen().apply(Changes(holdings=(Holding(channel="room1", epoch=1, have=many, head=80_000),)))
    assert reopen().load().holdings[0].have == many


def test_tokens_are_there_after_a_restart_with_their_accounts(reopen: Reopen) -> None:
    account = (
        Standing("room1", 2**32 - 1, RangeSet([(1, 4), (9, SEQ_STOP)]), 7),
        Standing("zürich", 1, RangeSet.of(range(1, 40_000, 2))),
        Standing("empty"),
    )
    reopen().apply(Changes(tokens=(token(b"scope\0", b"\0\1\2\xff", *account),)))
    store = reopen()
    assert tokens(store) == [(b"scope\0", b"\0\1\2\xff", list(account))]
    assert store.load().tokens[0].account.digest == Standings(account).digest


def test_a_token_replaces_that_of_its_scope_and_counts_as_the_last_used(reopen: Reopen) -> None:
    reopen().apply(Changes(tokens=(token(b"a"), token(b"b"), token(b"c"))))
    reopen().apply(Changes(tokens=(token(b"a", b"next", Standing("room1", 7)),)))
    reopen().apply(Changes(tokens=(token(b"b", b"new"),)))
    assert tokens(reopen()) == [
        (b"c", b"\0\1\2\xff", []),
        (b"a", b"next", [Standing("room1", 7)]),
        (b"b", b"new", []),
    ]


def test_forgotten_tokens_leave_before_others_are_put(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(tokens=(token(b"a"), token(b"b"))))
    store.apply(Changes(forgotten=(b"b", b"a", b"unknown"), tokens=(token(b"a", b"next"),)))
    assert tokens(reopen()) == [(b"a", b"next", [])]


def test_a_token_does_not_change_with_the_account_that_it_was_put_with(reopen: Reopen) -> None:
    """Both belong to the machine, which goes on from a copy; what was read belongs to the next machine."""
    store = reopen()
    store.apply(Changes(tokens=(token(b"a", b"name", Standing("room1", 7)),)))
    again = reopen().load().tokens[0].account.copy()
    again.add("room1", RangeSet([(1, 2)]))
    assert tokens(reopen()) == [(b"a", b"name", [Standing("room1", 7)])]


LARGE = bytes(range(256)) * 600
STUB = stub_for(LARGE)


def stub_record(seq: int) -> Record:
    return replace(record(seq, body=stub_body(STUB)), kind=KIND_STUB)


def whole() -> BodyPart:
    return BodyPart(STUB.digest, STUB.size, 0, LARGE)


def test_a_large_body_is_kept_in_parts_and_survives_a_restart(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=((7, stub_record(1)),)))
    assert store.got(STUB.digest) == 0
    for at in range(0, STUB.size, 50_000):
        part = BodyPart(STUB.digest, STUB.size, at, LARGE[at : at + 50_000])
        store.apply(Changes(parts=(part,)))
        store.apply(Changes(parts=(part,)))
    store = reopen()
    assert store.got(STUB.digest) == STUB.size
    assert store.part(STUB.digest, 0, STUB.size) == LARGE
    assert store.part(STUB.digest, 49_999, 100_001) == LARGE[49_999:100_001]
    assert store.part(STUB.digest, 150_000, 10**9) == LARGE[150_000:]
    assert store.part(bytes(32), 0, 9) == b""
    assert store.weight("room1", 7).body_bytes == len(stub_body(STUB)), "it is no part of the log"


def test_it_goes_with_the_last_that_speaks_of_it(reopen: Reopen) -> None:
    """A message becomes a record in one step; that record and another one are dropped."""
    store = reopen()
    store.apply(Changes(queued=(replace(entry(1), kind=KIND_STUB, body=stub_body(STUB)),), parts=(whole(),)))
    store.apply(Changes(settled=(1,), records=((7, stub_record(1)), (7, stub_record(2)))))
    store.apply(Changes(dropped=(("room1", 7, RangeSet([(1, 2)])),)))
    assert reopen().part(STUB.digest, 0, STUB.size) == LARGE
    reopen().apply(Changes(dropped=(("room1", 7, RangeSet([(2, 9)])),)))
    assert reopen().got(STUB.digest) == 0
    reopen().apply(Changes(parts=(whole(),)))
    assert reopen().got(STUB.digest) == 0, "what nothing speaks of is not kept"


def test_a_body_that_is_all_there_takes_the_place_of_what_has_come_of_it(reopen: Reopen) -> None:
    """Somebody sends a file that the device has fetched in part."""
    store = reopen()
    part = BodyPart(STUB.digest, STUB.size, 0, bytes(50_000))
    store.apply(Changes(records=((7, stub_record(1)),), parts=(part,)))
    store.apply(Changes(parts=(whole(),)))
    store.apply(Changes(parts=(part,)))
    store = reopen()
    assert store.got(STUB.digest) == STUB.size
    assert store.part(STUB.digest, 0, STUB.size) == LARGE


def test_what_is_spoilt_goes(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=((7, stub_record(1)),), parts=(whole(),)))
    store.apply(Changes(spoilt=(STUB.digest,)))
    assert store.got(STUB.digest) == 0
    store.apply(Changes(parts=(whole(),)))
    assert reopen().got(STUB.digest) == STUB.size


def test_of_a_refused_message_it_stays(reopen: Reopen) -> None:
    """It may be sent again, under another number."""
    store = reopen()
    one = replace(entry(1), kind=KIND_STUB, body=stub_body(STUB))
    store.apply(Changes(queued=(one,), parts=(whole(),)))
    store.apply(Changes(queued=(replace(one, rejected="limit"),)))
    store.apply(Changes(settled=(1,), queued=(replace(one, n=2),)))
    assert store.got(STUB.digest) == STUB.size
    store.apply(Changes(settled=(2,)))
    assert store.got(STUB.digest) == 0


def test_a_message_is_found_in_earlier_epochs_by_what_it_says(reopen: Reopen) -> None:
    store = reopen()
    store.apply(
        Changes(
            records=((1, record(5)), (1, record(7, body=b"other")), (2, record(6)), (3, record(5))),
            written=(("room1", 1, 5, 40), ("room1", 1, 6, 41), ("nowhere", 1, 5, 42)),
        )
    )
    store = reopen()
    assert sorted(store.copies(record(5), 3)) == [Copy(1, 5, 40), Copy(2, 6, 0)]
    assert store.copies(record(9, body=b"other"), 3) == [Copy(1, 7, 0)]
    assert store.copies(record(9, body=b"unheard of"), 3) == []
    assert store.copies(record(5, channel="nowhere"), 3) == []


def test_a_message_is_found_at_its_number_by_its_beginning(reopen: Reopen) -> None:
    """Either side may have no more of it; elsewhere it may be another one that begins alike."""
    store = reopen()
    first = record(5, body=b"a long story")
    store.apply(Changes(records=((1, first), (2, record(5, body=b"a long", left_out=6)))))
    found = [Copy(1, 5, 0), Copy(2, 5, 0)]
    assert sorted(store.copies(first, 3)) == found
    assert sorted(store.copies(record(5, body=b"a lo", left_out=8), 3)) == found
    assert store.copies(record(5, body=b"a lo", left_out=9), 3) == []
    assert store.copies(record(5, body=b"a la", left_out=8), 3) == []
    assert store.copies(record(6, body=b"a lo", left_out=8), 3) == []
    assert store.copies(record(6, body=b"a long", left_out=6), 3) == [Copy(2, 5, 0)]


def test_among_many_records_a_message_is_looked_for_at_its_own_number(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory, epochs):
        monkeypatch.setattr(module, "COPIES_MAX", 2)
    store = reopen()
    store.apply(Changes(records=tuple((1, record(seq)) for seq in (1, 2, 3))))
    assert store.copies(record(2), 2) == [Copy(1, 2, 0)]
    assert store.copies(record(4), 2) == []


def test_what_the_device_wrote_is_told_by_its_numbers(reopen: Reopen) -> None:
    store = reopen()
    store.apply(
        Changes(
            records=(*tuple((1, record(seq)) for seq in range(1, 6)), (2, record(9))),
            written=(*tuple(("room1", 1, seq, 50 - seq) for seq in range(1, 6)), ("room1", 2, 9, 60)),
        )
    )
    store.apply(Changes(records=((1, record(3)),), dropped=(("room1", 1, RangeSet([(5, 6)])),)))

    def ns(epoch: int, *, since: int = 0, above: int = 0, limit: int = 9) -> list[tuple[int, int]]:
        found = store.own_earlier("room1", epoch, since=since, above=above, limit=limit)
        assert all(one == record(copy.seq) for copy, one in found)
        return [(copy.epoch, copy.n) for copy, _ in found]

    assert ns(2) == [(1, 46), (1, 47), (1, 48), (1, 49)]
    assert ns(2, since=1003) == [(1, 46), (1, 47)]
    assert ns(2, above=47) == [(1, 48), (1, 49)]
    assert ns(3, limit=1) == [(1, 46)]
    assert ns(1) == [(2, 60)]
    assert store.own_earlier("nowhere", 1, since=0, above=0, limit=9) == []


def test_epochs_of_which_there_are_records_beside_the_holdings_are_told(reopen: Reopen) -> None:
    store = reopen()
    store.apply(Changes(records=((1, record(1)), (2, record(1)), (4, record(1, channel="room2")))))
    store.apply(Changes(holdings=(Holding(channel="room1", epoch=2),)))
    assert store.load().earlier == (("room1", 1), ("room2", 4))
    store.apply(Changes(dropped=(("room1", 1, EVERYTHING),)))
    assert reopen().load().earlier == (("room2", 4),)


def test_a_record_of_which_the_beginning_came_may_become_whole(reopen: Reopen) -> None:
    store = reopen()
    cut = replace(record(1), left_out=900)
    store.apply(Changes(records=((7, cut), (7, record(2)))))
    assert reopen().records("room1", 7, start=1, stop=3, limit=9) == [cut, record(2)]
    whole = replace(cut, body=b"hello" * 181, left_out=0)
    store = reopen()
    store.apply(Changes(records=((7, whole),)))
    assert store.records("room1", 7, start=1, stop=2, limit=9) == [whole]
    assert store.weight("room1", 7).body_bytes == 910
