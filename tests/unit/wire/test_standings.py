from __future__ import annotations

from hashlib import blake2b

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import standings, varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import DIGEST_STOP, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import (
    Standing,
    Standings,
    Told,
)
from unit.wire.accounts import ACCOUNTS, NAMES, SMALL_SETS, STANDINGS, stood
from unit.wire.strategies import EPOCHS, SEQS

# One channel


@given(
    SMALL_SETS, st.integers(1, 25), st.integers(0, 25), st.integers(0, 25), st.one_of(st.none(), SMALL_SETS)
)
def test_what_is_lacking_is_what_exists_is_asked_for_and_not_accounted_for(
    have: RangeSet, floor: int, head: int, newest: int, want: RangeSet | None
) -> None:
    lacking = Standing("a", 7, have, floor, want).lacking(head, newest=newest)
    assert set(lacking) == {
        seq
        for seq in range(floor, head + 1)
        if seq not in have and (want is None or seq in want) and (not newest or seq > head - newest)
    }


@given(SMALL_SETS, st.integers(1, 25))
def test_what_is_below_the_floor_is_not_kept(have: RangeSet, floor: int) -> None:
    assert set(Standing("a", 7, have, floor).kept) == {seq for seq in have if seq >= floor}


def test_the_head_is_the_highest_seq_accounted_for() -> None:
    assert [one.head for one in (stood(), stood((1, 6)), stood((1, 2), (9, 10)))] == [0, 5, 9]


def test_a_share_is_a_hash_of_name_epoch_floor_runs_and_marks() -> None:
    told = b"caf\xc3\xa9\0" + varint.encode([305419896, 2, 3, 7, 9, SEQ_STOP])
    share = int.from_bytes(blake2b(told, digest_size=4).digest())
    have = RangeSet([(3, 7), (9, SEQ_STOP)])
    assert Standing("café", 305419896, have, 2).share() == share
    assert Standing("café", 305419896, have, 2, want=EMPTY).share() == share
    with_marks = int.from_bytes(blake2b(told + varint.encode([114]), digest_size=4).digest())
    assert Standing("café", 305419896, have, 2, marks=114).share() == with_marks


@given(STANDINGS, STANDINGS)
def test_another_standing_has_another_share(one: Standing, other: Standing) -> None:
    assert (one.share() == other.share()) is (one == other)


# The account and its digest


@given(ACCOUNTS)
def test_the_digest_counts_each_share_by_its_place(listed: list[Standing]) -> None:
    weighted = [(2 * place + 1) * one.share() for place, one in enumerate(listed)]
    assert Standings(listed).digest == sum(weighted) % DIGEST_STOP


@given(ACCOUNTS.filter(lambda listed: len(listed) > 1))
def test_an_account_in_another_order_has_another_digest(listed: list[Standing]) -> None:
    """Else a channel named by its place could be another one."""
    assert Standings(listed[::-1]).digest != Standings(listed).digest


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, object]]:
    """Ways in which an account changes."""
    step = st.one_of(
        st.tuples(st.just("put"), STANDINGS),
        st.tuples(st.just("remove"), NAMES),
        st.tuples(st.just("add"), SMALL_SETS),
        st.tuples(st.just("tell"), st.tuples(NAMES, EPOCHS, SEQS, SMALL_SETS)),
        st.tuples(st.just("gone"), NAMES),
    )
    return draw(st.lists(step, max_size=6))


def applied(account: Standings, what: str, value: object) -> None:
    match what, value:
        case "put", Standing() as standing:
            account.put(standing)
        case "remove", str() as name:
            account.remove(name)
        case "add", RangeSet() as seqs:
            for name in account.names()[:1]:
                account.add(name, seqs)
        case "tell", (str() as name, int() as epoch, int() as floor, RangeSet() as voids):
            account.tell([Told(name, epoch, floor, voids)], [])
        case _:
            account.tell([], [str(value)])


@given(ACCOUNTS, steps())
def test_the_digest_is_kept_whatever_changes(
    listed: list[Standing], changes: list[tuple[str, object]]
) -> None:
    account = Standings(listed)
    copied = account.copy()
    for what, value in changes:
        applied(account, what, value)
        assert account.digest == Standings(account).digest
    assert copied == Standings(listed)
    assert copied.digest == Standings(listed).digest


def test_a_channel_keeps_its_place_and_a_new_one_goes_to_the_end() -> None:
    account = Standings([Standing("b"), Standing("a"), Standing("c")])
    account.put(Standing("a", 9))
    account.put(Standing("z"))
    assert account.names() == ["b", "a", "c", "z"]
    account.remove("a")
    account.remove("unknown")
    assert account.names() == ["b", "c", "z"]
    assert (len(account), "b" in account, "a" in account) == (3, True, False)
    assert account.get("a") is None
    assert account != [*account]


def test_to_account_for_more_leaves_the_rest_as_it_is() -> None:
    account = Standings([stood((1, 5), floor=3, want=RangeSet([(1, 90)]))])
    account.add("a", RangeSet([(5, 7)]))
    assert list(account) == [stood((1, 7), floor=3, want=RangeSet([(1, 90)]))]


# What a page tells


def test_voids_enter_the_have_set_and_an_epoch_empties_it() -> None:
    want = RangeSet([(1, 50)])
    account = Standings([stood((1, 5), want=want), Standing("b", 7, RangeSet([(1, 5)]))])
    account.tell([Told(0, 7, 3, RangeSet([(8, 9)])), Told(1, 8), Told("c", 9)], [])
    assert list(account) == [
        stood((1, 5), (8, 9), floor=3, want=want),
        Standing("b", 8),
        Standing("c", 9),
    ]


def test_places_are_those_before_anything_was_told() -> None:
    account = Standings([Standing("a", 7), Standing("b", 7), Standing("c", 7)])
    account.tell([Told("d", 7), Told(2, 8)], ["a", "unknown"])
    assert list(account) == [
        Standing("a", 7, floor=0),
        Standing("b", 7),
        Standing("c", 8),
        Standing("d", 7),
    ]


def test_a_channel_that_is_gone_keeps_its_place_and_what_was_accounted_for() -> None:
    account = Standings([stood((1, 5), floor=3), Standing("b", 7)])
    account.tell([], ["a"])
    gone = account.get("a")
    assert gone == stood((1, 5), floor=0)
    assert gone is not None
    assert (gone.gone, gone.kept, gone.lacking(9), gone.lacking(9, newest=2)) == (True, EMPTY, EMPTY, EMPTY)
    assert account.names() == ["a", "b"]


@pytest.mark.parametrize(("epoch", "have"), [(7, RangeSet([(1, 5)])), (8, EMPTY)])
def test_a_channel_that_comes_back_has_what_is_of_its_epoch(epoch: int, have: RangeSet) -> None:
    account = Standings([stood((1, 5))])
    account.tell([], ["a"])
    account.tell([Told(0, epoch, 2)], [])
    assert list(account) == [Standing("a", epoch, have, 2)]


def test_channels_that_are_gone_make_room_for_others_the_first_first() -> None:
    account = Standings(Standing(f"c{at}", 1, RangeSet([(1, 3)])) for at in range(STATEMENTS_MAX))
    account.tell([], ["c7", "c3", "c9"])
    account.tell([Told("x", 1), Told("y", 1)], [])
    assert len(account) == STATEMENTS_MAX
    assert [name for name in ("c3", "c7", "c9", "x", "y") if name in account] == ["c9", "x", "y"]
    account.tell([Told("z", 1)], ["c10"])
    assert [name for name in ("c9", "c10", "z") if name in account] == ["c10", "z"]


@pytest.mark.parametrize(
    ("told", "gone"),
    [
        ([Told(1, 7)], []),
        ([Told(0, 7), Told("a", 8)], []),
        ([Told(0, 7), Told(0, 7)], []),
        ([Told(0, 7)], ["a"]),
        ([], ["a", "a"]),
    ],
)
def test_a_place_outside_and_a_channel_told_twice_are_refused(told: list[Told], gone: list[str]) -> None:
    account = Standings([stood((1, 5))])
    with pytest.raises(ProtocolError) as caught:
        account.tell(told, gone)
    assert caught.value.wire_code is Code.MALFORMED
    assert list(account) == [stood((1, 5))]


def test_an_account_has_so_many_channels_and_no_more() -> None:
    account = Standings(Standing(f"c{at}") for at in range(STATEMENTS_MAX - 1))
    account.tell([Told("last", 1)], [])
    with pytest.raises(ProtocolError) as caught:
        account.tell([Told("one more", 1)], [])
    assert caught.value.wire_code is Code.LIMIT


# In a store


@given(ACCOUNTS)
def test_an_account_is_kept_as_it_is_but_for_what_is_wanted(listed: list[Standing]) -> None:
    read = standings.load(standings.dump(listed))
    assert list(read) == listed
    assert read.digest == Standings(listed).digest


@pytest.mark.parametrize(
    "blob", [b"", b"\x81", cbor2.dumps([["a", 7, 1, [1]]]), cbor2.dumps([["a", 7, 1, [5, 2]]])]
)
def test_a_damaged_blob_is_an_error(blob: bytes) -> None:
    with pytest.raises((ValueError, cbor2.CBORDecodeError)):
        standings.load(blob)
