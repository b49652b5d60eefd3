"""Have-set and wanted set, as answers, pushes and drops change them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulated.samples import EPOCH, part, runs
from tidelog.replica.holdings import RUNS_STATED_MAX, Holdings
from tidelog.replica.ports import Holding
from tidelog.wire import payload as wire
from tidelog.wire.frames import SyncRequest
from tidelog.wire.limits import PACKET_BYTES_MAX, SEQ_STOP
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet


def holdings(**fields: object) -> Holdings:
    return Holdings([Holding(channel="room", epoch=EPOCH, **fields)])  # type: ignore[arg-type] # fitting ones


def test_a_record_is_had_and_wanted_from_its_arrival() -> None:
    known = Holdings([])
    holding, fresh, _ = known.accept(part("room", 3, 5, head=9))
    assert (holding.have, holding.wanted, holding.head) == (runs((3, 4), (5, 6)), runs((3, 4), (5, 6)), 9)
    assert [record.seq for record in fresh] == [3, 5]
    assert known.get("room") is holding


def test_a_record_that_is_held_already_is_not_fresh() -> None:
    known = holdings(have=runs((1, 4)))
    _, fresh, _ = known.accept(part("room", 3, 4))
    assert [record.seq for record in fresh] == [4]


def test_what_was_pushed_and_could_not_be_read_is_wanted() -> None:
    known = holdings(have=runs((1, 4)), wanted=runs((1, 4)), head=3)
    heard = known.hear("room", runs((5, 6)))
    assert heard is not None
    assert (heard.have, heard.wanted, heard.head) == (runs((1, 4)), runs((1, 4), (5, 6)), 3)
    assert known.get("room") is heard
    assert known.hear("room", runs((5, 6))) is None


def test_a_channel_known_by_such_a_push_only_has_no_epoch_until_an_answer_brings_it() -> None:
    known = Holdings([])
    heard = known.hear("room", runs((5, 6)))
    assert heard == Holding(channel="room", epoch=0, wanted=runs((5, 6)))
    assert known.speaks_of("room", EPOCH)
    state = known.state("room", wanted_only=True)
    assert (state.epoch, state.have, state.want) == (0, EMPTY, runs((5, 6)))
    holding, _, _ = known.accept(part("room", 5, head=9))
    assert (holding.epoch, holding.have, holding.wanted) == (EPOCH, runs((5, 6)), runs((5, 6)))
    assert not known.speaks_of("room", 8)


def test_voids_are_accounted_for_without_a_record() -> None:
    holding, fresh, _ = holdings().accept(part("room", 3, voids=runs((1, 3))))
    assert holding.have == runs((1, 4))
    assert [record.seq for record in fresh] == [3]


def test_head_and_floor_only_rise() -> None:
    known = holdings(head=9, floor=4)
    known.accept(part("room", 2, head=2, floor=1))
    holding = known.get("room")
    assert holding is not None
    assert (holding.head, holding.floor) == (9, 4)


def test_another_epoch_begins_anew() -> None:
    """Records of the old one stay in the store; of the new one nothing is had."""
    known = holdings(have=runs((1, 9)), wanted=runs((1, 9)), head=8, floor=3)
    holding, _, _ = known.accept(part("room", 2, epoch=8))
    assert holding == Holding(channel="room", epoch=8, have=runs((2, 3)), wanted=runs((2, 3)), head=2)


def test_what_was_wanted_without_end_stays_wanted_in_another_epoch() -> None:
    known = holdings(wanted=EVERYTHING, have=runs((1, 9)))
    assert known.at("room", 8).wanted == EVERYTHING
    assert known.at("room", 8).have == EMPTY


def test_a_channel_that_is_new_speaks_of_any_epoch() -> None:
    known = holdings()
    assert known.speaks_of("room", EPOCH)
    assert not known.speaks_of("room", 8)
    assert known.speaks_of("elsewhere", 8)


def test_wanting_what_is_wanted_changes_nothing() -> None:
    known = holdings(wanted=runs((1, 9)))
    assert known.want("room", runs((3, 5))) is None
    assert known.want("elsewhere", EVERYTHING) is None
    wanted = known.want("room", runs((5, 12)))
    assert wanted is not None
    assert wanted.wanted == runs((1, 12))


def test_dropped_records_are_neither_had_nor_wanted() -> None:
    known = holdings(have=runs((1, 9)), wanted=EVERYTHING, head=8)
    holding = known.drop("room", runs((3, 5)))
    assert holding is not None
    assert holding.have == runs((1, 3), (5, 9))
    assert not holding.gaps
    assert known.drop("elsewhere", EVERYTHING) is None


def test_dropping_everything_keeps_wanting_what_is_still_to_be_written() -> None:
    """A drop without an end must not make a live channel quiet."""
    holding = holdings(have=runs((1, 9)), wanted=EVERYTHING, head=8).drop("room", EVERYTHING)
    assert holding is not None
    assert holding.wanted == runs((9, SEQ_STOP))
    assert holding.wanted.open_ended


def test_an_unknown_channel_is_stated_as_never_seen() -> None:
    statement = Holdings([]).state("room", wanted_only=False)
    assert (statement.epoch, statement.have, statement.want) == (0, EMPTY, None)


def test_the_wanted_set_is_stated_only_where_only_that_is_asked() -> None:
    known = holdings(have=runs((1, 3)), wanted=runs((1, 9)))
    assert known.state("room", wanted_only=False).want is None
    assert known.state("room", wanted_only=True).want == runs((1, 9))


def test_a_have_set_in_pieces_is_cut_at_the_end_that_comes_last() -> None:
    pieces = RangeSet((seq, seq + 1) for seq in range(1, 3 * RUNS_STATED_MAX, 2))
    known = holdings(have=pieces)
    newest_first = known.state("room", wanted_only=False).have
    oldest_first = known.state("room", wanted_only=False, oldest_first=True).have
    assert newest_first.runs == pieces.runs[-RUNS_STATED_MAX:]
    assert oldest_first.runs == pieces.runs[:RUNS_STATED_MAX]


def test_the_worst_have_set_still_fits_a_packet() -> None:
    """Runs and holes of many bytes each, had and wanted."""
    pieces = RangeSet((at, at + 9_999) for at in range(1, 20_000 * 3 * RUNS_STATED_MAX, 20_000))
    known = holdings(have=pieces, wanted=pieces)
    request = SyncRequest(rid=1, statements=(known.state("room", wanted_only=True),))
    assert len(wire.encode(request, Encoding.PACKED)) < PACKET_BYTES_MAX


@given(st.lists(st.tuples(st.sampled_from(["take", "drop"]), st.sets(st.integers(1, 40), min_size=1))))
def test_against_plain_sets(steps: list[tuple[str, set[int]]]) -> None:
    """Have-set and wanted set are what a dumb version with plain sets makes of the same steps."""
    known = holdings(wanted=EMPTY)
    have: set[int] = set()
    wanted: set[int] = set()
    for what, seqs in steps:
        if what == "take":
            before = set(have)
            _, fresh, _ = known.accept(part("room", *seqs, head=40))
            assert {record.seq for record in fresh} == seqs - before
            have |= seqs
            wanted |= seqs
        else:
            known.drop("room", RangeSet.of(seqs))
            head = known.by_channel["room"].head
            have -= {seq for seq in seqs if seq <= head}
            wanted -= {seq for seq in seqs if seq <= head}
        holding = known.by_channel["room"]
        assert (set(holding.have), set(holding.wanted)) == (have, wanted)
        assert all(before[1] < after[0] for before, after in pairwise(holding.have.runs))
