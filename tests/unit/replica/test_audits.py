"""Audits of a machine against the service's engine: what they cost, find and mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.replica import narrowing
from tidelog.replica.ports import Changes, Record
from tidelog.replica.requests import Job
from tidelog.replica.steps import AuditEnded
from tidelog.wire import payload as wire
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.errors import Code, Denied, Unavailable, UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, Fault, Message, Messages
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet

BOUNDS = Bounds(requests_per_second=10_000, requests_burst=100_000)


def shelf(rooms: int = 1, lines: int = 40) -> Shelf:
    made = Shelf({f"room{n}": ("ann", "bob") for n in range(rooms)})
    for name in made.members:
        made.fill(name, [b"%s %d: the tide is high" % (name.encode(), n) for n in range(lines)])
    return made


def synced(store: Shelf, **options: object) -> Pair:
    pair = paired(Engine(store, bounds=BOUNDS), device="ann-phn1", **options)
    pair.sync()
    return pair


def spoil(pair: Pair, channel: str, *seqs: int) -> None:
    """Records of the device are changed behind its back."""
    records = pair.bench.store.records(channel, 7, start=1, stop=2**53, limit=10**6)
    changed = [replace(one, body=one.body + b"!") for one in records if one.seq in seqs]
    assert len(changed) == len(seqs)
    pair.bench.store.apply(Changes(records=tuple((7, one) for one in changed)))


def lose(pair: Pair, channel: str, *seqs: int) -> None:
    """Records of the device vanish behind its back."""
    pair.bench.store.apply(Changes(dropped=((channel, 7, RangeSet.of(seqs)),)))


def texts(pair: Pair, channel: str) -> dict[int, bytes]:
    records = pair.bench.store.records(channel, 7, start=1, stop=2**53, limit=10**6)
    return {one.seq: one.body for one in records}


def kept(store: Shelf, channel: str) -> dict[int, bytes]:
    return {seq: row.body for seq, row in store.records[store.logs[channel].id].items()}


def audits(pair: Pair) -> list[Audit]:
    return [frame for frame in pair.frames() if isinstance(frame, Audit)]


@pytest.mark.parametrize("rooms", [1, 1_000])
def test_to_be_sure_takes_55_bytes_whatever_the_number_of_channels(rooms: int) -> None:
    pair = synced(shelf(rooms, 3))
    report = pair.audit()
    assert (report.complete, report.equal, report.records) == (True, True, 3 * rooms)
    assert (report.bytes_up, report.bytes_down, report.rounds) == (33, 22, 1)
    assert max(report.bytes_up, report.bytes_down) <= 64
    assert pair.bytes == report.bytes_up + report.bytes_down


def test_pushes_since_the_last_sync_make_it_no_longer() -> None:
    """Nor that the device has no token any more: what is asked about is all that there is."""
    store = shelf(300, 3)
    pair = paired(Engine(store, bounds=BOUNDS), device="ann-phone", live=True)
    pair.sync()
    for name in store.members:
        frame = Messages(outbox=b"", messages=(Message(n=0, channel=name, body=b"more"),))
        pair.engine.handle(
            [Packet("tl1/bob-tab/msg", wire.encode(frame, Encoding.PACKED), qos=1)], pair.now_ms
        )
        pair.push()
    report = pair.audit()
    assert (report.complete, report.equal, report.records, report.rounds) == (True, True, 4 * 300, 1)
    assert max(report.bytes_up, report.bytes_down) <= 64


def test_what_a_device_has_not_heard_of_is_no_equality() -> None:
    """An empty channel, a delete of what is gone already: no record tells of them."""
    store = shelf(1, 3)
    pair = synced(store)
    store.open("hall", "ann")
    report = pair.audit(repair=False)
    assert (report.complete, report.equal) == (True, True)
    assert report.rounds == 2, "all that there is comes to something else"
    assert pair.audit().equal
    pair.sync()
    assert pair.audit().rounds == 1


def test_only_the_channels_that_a_pattern_matches_are_compared() -> None:
    store = Shelf(dict.fromkeys(("ship/a", "ship/b", "hall"), ("ann",)))
    for name in store.members:
        store.fill(name, [b"low", b"high"])
    pair = synced(store)
    spoil(pair, "hall", 1)
    store.fill("hall", [b"more"])
    report = pair.audit("ship/+")
    assert (report.complete, report.equal, report.records, report.rounds) == (True, True, 4, 1)
    spoil(pair, "ship/b", 2)
    store.fill("ship/a", [b"more"])
    report = pair.audit("ship/+")
    assert (report.complete, report.equal, report.records, report.repaired) == (True, True, 5, 1)
    assert pair.have("hall") == RangeSet([(1, 3)])
    assert not pair.audit(repair=False).complete
    store.open("ship/c", "ann")
    store.fill("ship/c", [b"new"])
    report = pair.audit("ship/#", repair=False)
    assert (report.complete, report.lacking) == (False, 1)


@pytest.mark.parametrize("rooms", [1, 5])
def test_a_record_that_was_changed_is_found_and_brought_anew(rooms: int) -> None:
    store = shelf(rooms, 3_000)
    pair = synced(store)
    spoil(pair, "room0", 1_234)
    report = pair.audit()
    assert (report.complete, report.equal, report.repaired, report.repairs) == (True, True, 1, 1)
    assert report.differing == {}
    assert texts(pair, "room0") == kept(store, "room0")
    assert (report.bytes_up, report.bytes_down) == (
        sum(len(one) + 21 for one in pair.up) + sum(len(one) > 127 for one in pair.up),
        pair.bytes - report.bytes_up,
    )
    assert report.bytes_up < 700
    assert report.bytes_down < 500
    # And then there is nothing more to be said.
    assert pair.audit().rounds == 1


def test_records_that_are_missing_are_brought_anew() -> None:
    store = shelf(3, 100)
    pair = synced(store)
    lose(pair, "room1", 7, 50, 51)
    lose(pair, "room2", 100)
    report = pair.audit()
    assert (report.equal, report.repaired, report.repairs) == (True, 4, 1)
    assert all(texts(pair, name) == kept(store, name) for name in store.members)


def test_without_repair_it_is_only_told() -> None:
    pair = synced(shelf(3, 100))
    spoil(pair, "room1", 7, 50, 51)
    lose(pair, "room2", 100)
    report = pair.audit(repair=False)
    assert (report.complete, report.equal, report.repairs) == (True, False, 0)
    assert report.differing == {"room1": ((7, 8), (50, 52)), "room2": ((100, 101),)}
    assert pair.have("room1") == RangeSet([(1, 101)])
    assert not pair.pages()


def test_only_the_channels_that_are_named_are_compared() -> None:
    pair = synced(shelf(3, 100))
    spoil(pair, "room1", 7)
    assert pair.audit("room0", "room2").equal
    report = pair.audit("room1", repair=False)
    assert report.differing == {"room1": ((7, 8),)}


def test_what_is_lacking_is_brought_first() -> None:
    store = shelf(2, 20)
    pair = synced(store)
    store.fill("room0", [b"more"] * 3)
    report = pair.audit()
    assert (report.complete, report.equal, report.lacking, report.records) == (True, True, 0, 43)
    assert [type(frame).__name__ for frame in pair.frames()] == ["Audit", "Audit", "Resync", "Audit"]


def test_without_repair_what_is_lacking_is_counted() -> None:
    store = shelf(2, 20)
    pair = synced(store)
    store.fill("room0", [b"more"] * 3)
    report = pair.audit(repair=False)
    assert (report.complete, report.equal, report.lacking) == (False, True, 3)


def test_a_device_that_has_nothing_lacks_everything() -> None:
    pair = paired(Engine(shelf(2, 20), bounds=BOUNDS))
    report = pair.audit(repair=False)
    assert (report.complete, report.equal, report.lacking, report.records) == (False, True, 40, 0)
    report = pair.audit()
    assert (report.complete, report.equal, report.records) == (True, True, 40)


def test_a_channel_that_is_not_there_is_an_error() -> None:
    pair = synced(shelf())
    with pytest.raises(Denied):
        pair.audit("nowhere")
    assert not pair.audit("nowhere", repair=False).complete
    report = pair.audit("nowhere", "room0")
    assert (report.complete, report.equal, report.gone) == (True, True, ("nowhere",))


def test_edits_and_deletes_leave_both_sides_equal() -> None:
    """Also a delete that is void to one device and a record to another."""
    store = shelf(1, 20)
    pair = synced(store)
    edit = edit_body(Edit(voids=RangeSet([(3, 4)]), kind=0, time=1_000, content=b"better"))
    for kind, body in ((KIND_EDIT, edit), (KIND_DELETE, delete_body(RangeSet([(5, 8), (9, 10)])))):
        frame = Messages(outbox=b"", messages=(Message(n=0, channel="room0", body=body, kind=kind),))
        packet = Packet("tl1/ann-tab/msg", wire.encode(frame, Encoding.PACKED), qos=1)
        pair.engine.handle([packet], pair.now_ms)
    # Until it hears of them it cannot be told whether what it holds is right.
    report = pair.audit(repair=False)
    assert (report.complete, report.equal, report.lacking, report.differing) == (False, False, 2, {})
    report = pair.audit()
    assert (report.complete, report.equal, report.repairs) == (True, True, 0)
    other = synced(store)
    assert other.audit().equal


def test_a_device_of_whole_seconds_is_as_equal() -> None:
    store = shelf(1, 0)
    store.fill("room0", [b"low"] * 9, times=range(1_001, 2_000, 111))
    assert synced(store, whole_seconds=True).audit().equal


def test_a_floor_that_rose_is_heard_of_first() -> None:
    """What it holds below stays: the service has no word on it any more."""
    store = shelf(1, 40)
    pair = synced(store)
    store.lift("room0", 11)
    report = pair.audit()
    assert (report.complete, report.equal, report.repairs, report.records) == (True, True, 0, 30)
    assert len(texts(pair, "room0")) == 40
    spoil(pair, "room0", 5, 30)
    assert pair.audit().repaired == 1


def test_another_epoch_is_heard_of_first() -> None:
    store = shelf(1, 40)
    pair = synced(store)
    store.begin("room0", 9)
    store.fill("room0", [b"anew"] * 2)
    report = pair.audit()
    assert (report.complete, report.equal, report.repairs, report.records) == (True, True, 0, 2)


@pytest.mark.parametrize("large", [False, True])
def test_a_log_that_is_set_back_meanwhile_takes_nothing_away(*, large: bool) -> None:
    """What was there before may be nowhere else."""
    store = shelf(1, 40)
    store.fill("room0", [b"x" * 2_000])
    pair = cut(store) if large else synced(store)
    if not large:
        spoil(pair, "room0", 5)
    before = texts(pair, "room0")

    def set_back(payload: bytes) -> bytes:
        frame, _ = wire.decode(payload)
        if isinstance(frame, Audit) and frame.spans and store.logs["room0"].epoch == 7:
            store.begin("room0", 9)
            store.fill("room0", [b"anew"] * 2)
        return payload

    pair.on_way_up = set_back
    report = pair.audit()
    assert (report.complete, report.equal, report.repairs, report.records) == (True, True, 0, 2)
    assert texts(pair, "room0") == before


def test_who_has_left_compares_the_window() -> None:
    store = shelf(1, 40)
    store.windows["ann", "room0"] = (11, None)
    pair = synced(store)
    assert pair.audit().records == 30
    store.fill("room0", [b"later"] * 5)
    store.members["room0"] = ("bob",)
    store.windows["ann", "room0"] = (11, 40)
    spoil(pair, "room0", 30)
    report = pair.audit("room0")
    assert (report.complete, report.equal, report.repaired) == (True, True, 1)
    assert texts(pair, "room0") == {
        seq: body for seq, body in kept(store, "room0").items() if 11 <= seq <= 40
    }


def test_a_repair_that_does_not_help_is_given_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times, with a pause in between; then it is the caller's to see."""
    pair = synced(shelf(2, 40))
    spoil(pair, "room1", 7)
    apply = pair.bench.store.apply

    def spoilt(changes: Changes) -> None:
        """A disk that writes something else than it was given."""
        apply(replace(changes, records=tuple((epoch, _worse(one)) for epoch, one in changes.records)))

    monkeypatch.setattr(pair.bench.store, "apply", spoilt)
    begun = pair.bench.now
    report = pair.audit()
    assert (report.complete, report.equal, report.repairs, report.repaired) == (True, False, 3, 0)
    assert report.differing == {"room1": ((7, 8),)}
    assert pair.bench.now - begun > 5 + 10 + 20
    assert report.seconds == pytest.approx(pair.bench.now - begun - 10)
    # Nothing goes on by itself.
    assert pair.bench.machine.due() is None


def _nothing(_payload: bytes) -> None:
    """A packet is lost."""


def _worse(record: Record) -> Record:
    return replace(record, body=record.body + b"?")


def test_a_lost_verdict_is_asked_for_again() -> None:
    pair = synced(shelf())
    lost = iter([True, True])
    pair.on_way_down = lambda payload: None if next(lost, False) else payload
    report = pair.audit()
    assert (report.equal, report.rounds) == (True, 3)
    assert report.bytes_up == 3 * 33


def test_a_stale_verdict_is_dropped_and_counted() -> None:
    pair = synced(shelf())
    strays = pair.bench.machine.strays
    pair.bench.receive(Verdict(rid=5))
    assert pair.bench.machine.strays == strays + 1
    assert not [one for one in pair.bench.events if isinstance(one, AuditEnded)]


def test_a_link_that_went_is_asked_on_again() -> None:
    pair = synced(shelf())
    pair.on_way_up = _nothing
    pair.bench.audit()
    pair.run()
    pair.bench.do(pair.bench.machine.disconnected())
    pair.on_way_up = lambda payload: payload
    pair.bench.connect()
    pair.run()
    (ended,) = [one for one in pair.bench.events if isinstance(one, AuditEnded)]
    assert ended.report is not None
    assert ended.report.equal


def test_a_token_that_is_forgotten_costs_bytes_and_nothing_else() -> None:
    store = shelf(3, 20)
    pair = synced(store)
    store.tokens.clear()
    assert pair.audit().rounds == 1
    spoil(pair, "room1", 5)
    report = pair.audit(repair=False)
    assert report.differing == {"room1": ((5, 6),)}
    requests = [type(audit.request).__name__ for audit in audits(pair)]
    assert requests == ["int", "Resync", "SyncRequest", "SyncRequest", "SyncRequest"]


def test_what_is_refused_for_good_ends_it() -> None:
    pair = synced(shelf())
    number = pair.bench.audit()
    (asked,) = pair.bench.sent
    rid = wire.request_id(asked.payload)
    pair.bench.receive(Fault(code=Code.UNSUPPORTED, rid=rid))
    (ended,) = [one for one in pair.bench.events if isinstance(one, AuditEnded)]
    assert isinstance(ended.error, UsageError)
    assert ended.job == number


def test_a_busy_service_is_asked_again() -> None:
    pair = synced(shelf())
    pair.bench.audit()
    (asked,) = pair.bench.sent
    pair.bench.receive(Fault(code=Code.BUSY, rid=wire.request_id(asked.payload)))
    assert not [one for one in pair.bench.events if isinstance(one, AuditEnded)]
    pair.bench.sent.clear()
    pair.wait()
    (ended,) = [one for one in pair.bench.events if isinstance(one, AuditEnded)]
    assert ended.report is not None
    assert ended.report.equal


def test_audits_are_carried_out_one_after_the_other() -> None:
    pair = synced(shelf())
    pair.bench.audit()
    pair.bench.audit("room0")
    pair.run()
    ended = [one for one in pair.bench.events if isinstance(one, AuditEnded)]
    assert [one.report is not None and one.report.equal for one in ended] == [True, True]


@pytest.mark.parametrize("running", [True, False])
def test_it_may_be_given_up(running: bool) -> None:  # noqa: FBT001 - a parameter of the test
    pair = synced(shelf())
    pair.on_way_up = _nothing
    first = pair.bench.audit()
    second = pair.bench.audit()
    error = Unavailable("late", code="timeout")
    (event,) = pair.bench.do(pair.bench.machine.give_up(first if running else second, error))
    assert isinstance(event, AuditEnded)
    assert event.error is error
    rest = pair.bench.do(pair.bench.machine.abandon(error))
    assert [type(one) for one in rest] == [AuditEnded]
    assert not pair.bench.machine.auditing


def test_adding_up_goes_in_small_steps() -> None:
    """So that what arrives meanwhile is not kept waiting, however much there is."""
    pair = synced(shelf(1, 2_000))
    machine, bench = pair.bench.machine, pair.bench
    reads: list[int] = []
    records = bench.store.records

    def counted(*args: object, **named: object) -> Sequence[Record]:
        found = records(*args, **named)  # type: ignore[arg-type]  # as they came
        reads.append(len(found))
        return found

    bench.store.records = counted  # type: ignore[method-assign]  # counts
    bench.audit()
    assert max(reads) == narrowing.STEP_RECORDS
    assert len(reads) == -(-2_000 // narrowing.STEP_RECORDS)
    assert machine.auditing


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(st.integers(0, 2), st.sets(st.integers(1, 300), min_size=1, max_size=40), max_size=3),
    st.integers(0, 99),
)
def test_whatever_differs_is_found_exactly(wrong: dict[int, set[int]], seed: int) -> None:
    store = shelf(3, 300)
    pair = synced(store)
    chance = Random(seed)
    for room, seqs in wrong.items():
        for seq in seqs:
            chance.choice([spoil, lose])(pair, f"room{room}", seq)
    expected = {f"room{room}": RangeSet.of(seqs).runs for room, seqs in wrong.items()}
    assert pair.audit(repair=False).differing == expected
    report = pair.audit()
    assert (report.equal, report.repaired) == (True, sum(map(len, wrong.values())))
    assert all(texts(pair, name) == kept(store, name) for name in store.members)


def test_more_than_can_be_narrowed_down_is_brought_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "_ROUNDS_MAX", 1)
    store = shelf(1, 300)
    pair = synced(store)
    spoil(pair, "room0", 5, 100)
    (one,) = pair.audit(repair=False).differing.values()
    assert RangeSet.of([5, 100]) - RangeSet(one) == RangeSet()
    assert RangeSet(one).count <= 20
    assert pair.audit().equal


def cut(store: Shelf, seed: int = 0) -> Pair:
    """A device that took the beginnings of larger bodies only."""
    pair = paired(Engine(store, bounds=BOUNDS), device="ann-phn1")
    pair.end(Job(id=seed, channels=None, filter=Filter(max_body=1_024)))
    return pair


def beginnings(pair: Pair) -> dict[str, set[int]]:
    return {
        name: {
            one.seq
            for one in pair.bench.store.records(name, 7, start=1, stop=2**53, limit=10**6)
            if one.left_out
        }
        for name in pair.bench.machine.holdings.names()
    }


@pytest.mark.parametrize("rooms", [1, 3])
def test_a_body_of_which_the_beginning_is_here_is_not_brought(rooms: int) -> None:
    """It is what was asked for; of such records nothing is compared."""
    store = shelf(rooms, 40)
    store.fill("room0", [b"x" * 3_000, b"short", b"y" * 4_000])
    pair = cut(store)
    for repair in (False, True):
        report = pair.audit(repair=repair)
        assert (report.complete, report.equal, report.repairs, report.differing) == (True, True, 0, {})
        assert (report.records, report.beginnings) == (40 * rooms + 1, 2)
        assert report.rounds <= 4
        assert max(len(one) for one in pair.down) < 200
    assert beginnings(pair)["room0"] == {41, 43}


@settings(deadline=None, max_examples=25)
@given(
    st.sets(st.integers(1, 300), max_size=200),
    st.sets(st.integers(1, 300), max_size=20),
    st.integers(0, 99),
)
def test_beside_beginnings_whatever_differs_is_found_exactly(
    large: set[int], wrong: set[int], seed: int
) -> None:
    store = shelf(2, 0)
    store.fill("room0", [b"%d " % seq * (500 if seq in large else 1) for seq in range(1, 301)])
    store.fill("room1", [b"%d" % seq for seq in range(1, 301)])
    pair = cut(store)
    there = {seq for seq in large if len(b"%d " % seq * 500) > 1_024}
    chance = Random(seed)
    for seq in wrong:
        chance.choice([spoil, lose])(pair, "room1", seq)
        if seq not in there:
            chance.choice([spoil, lose])(pair, "room0", seq)
    expected = {"room0": RangeSet.of(wrong - there).runs, "room1": RangeSet.of(wrong).runs}
    assert pair.audit(repair=False).differing == {name: runs for name, runs in expected.items() if runs}
    report = pair.audit()
    assert (report.complete, report.equal) == (True, True)
    assert report.repaired == len(wrong) + len(wrong - there)
    assert report.beginnings == len(there)
    assert beginnings(pair)["room0"] == there
    assert pair.audit().repairs == 0
