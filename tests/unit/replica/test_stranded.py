"""A log that is set back: what only the device holds stays or comes back, and nothing is there twice."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from simulated.bench import Bench
from simulated.pair import Pair, paired
from simulated.shelf import Shelf
from tidelog.codec import offered
from tidelog.codec.page import Rule
from tidelog.earlier import epochs_of, stranded_of
from tidelog.replica.ports import Changes
from tidelog.replica.requests import Job
from tidelog.replica.steps import Refused
from tidelog.replica.tuning import Tuning
from tidelog.revising import delete_body_of, edit_body_of
from tidelog.wire import payload as wire
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB, Message, Messages
from tidelog.wire.limits import MESSAGE_WINDOW
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import stub_body, stub_for
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Packet


@pytest.fixture
def pair() -> Pair:
    """Ann's phone has written two messages, and Bob one."""
    made = paired(Engine(Shelf({"room": ("ann", "bob")})), device="ann-phone")
    write(made, b"one", b"two")
    bob_writes(made, b"three")
    made.sync()
    return made


def write(pair: Pair, *bodies: bytes, kind: int = 0) -> None:
    for body in bodies:
        _, step = pair.bench.machine.write("room", body, kind=kind, content_type="", sent=500 + len(body))
        pair.bench.do(step)
    pair.bench.tick()
    pair.run()


def settle(pair: Pair) -> None:
    """Let time pass until all that the phone has written has its receipt."""
    for _ in range(100):
        if not pair.bench.machine.outbox.entries:
            return
        pair.wait()
    raise AssertionError("no receipt")


def bob_writes(pair: Pair, body: bytes, *, n: int = 1) -> None:
    frame = Messages(outbox=b"bobs", messages=(Message(n=n, channel="room", body=body, sent=7),))
    pair.engine.handle([Packet("tl1/bob-phone/msg", wire.encode(frame, Encoding.PACKED))], pair.now_ms)


def shelf_of(pair: Pair) -> Shelf:
    shelf = pair.engine._store
    assert isinstance(shelf, Shelf)
    return shelf


def set_back(pair: Pair, backup: Shelf, *, epoch: int = 8) -> Shelf:
    """The service goes on from a backup, which it noticed."""
    restored = deepcopy(backup)
    restored.logs["room"] = replace(restored.logs["room"], epoch=epoch)
    pair.engine = Engine(restored)
    return restored


def stored(pair: Pair) -> list[bytes]:
    return [row.body for _, row in sorted(shelf_of(pair).records[1].items())]


def held(pair: Pair) -> list[bytes]:
    holding = pair.bench.machine.holdings.get("room")
    assert holding is not None
    records = pair.bench.store.records("room", holding.epoch, start=1, stop=2**53, limit=10**6)
    return [record.body for record in records]


def left(pair: Pair) -> list[bytes]:
    return [record.body for record in stranded_of(pair.bench.store, "room")]


def test_what_the_device_wrote_itself_is_stored_again_once(pair: Pair) -> None:
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost", b"lost as well")
    bob_writes(pair, b"Bob's, lost", n=2)
    pair.sync()
    set_back(pair, backup)
    bob_writes(pair, b"new in an old number", n=2)
    pair.sync()
    whole = [b"one", b"two", b"three", b"new in an old number", b"lost", b"lost as well"]
    assert stored(pair) == whole
    assert held(pair) == whole
    assert left(pair) == [b"Bob's, lost"]
    assert not pair.bench.machine.outbox.entries
    pair.sync()
    assert stored(pair) == whole


@pytest.mark.parametrize("there", [True, False])
def test_a_large_body_is_brought_again_where_it_is_still_there(pair: Pair, *, there: bool) -> None:
    """Else its record stays, as another device may have the bytes."""
    backup = deepcopy(shelf_of(pair))
    whole = bytes(range(256)) * 300
    stub = stub_for(whole)
    _, step = pair.bench.machine.write(
        "room", stub_body(stub), kind=KIND_STUB, content_type="", sent=9, whole=whole
    )
    pair.bench.do(step)
    settle(pair)
    assert stored(pair)[3:] == [stub_body(stub)]
    if not there:
        pair.bench.store.apply(Changes(spoilt=(stub.digest,)))
    shelf = set_back(pair, backup)
    pair.sync()
    settle(pair)
    assert stored(pair)[3:] == [stub_body(stub)] * there
    assert left(pair) == [stub.first] * (not there)
    blob = shelf.blobs.of_record(1, 4)
    assert (blob is not None and b"".join(shelf.blobs.pieces(blob.id, 0, blob.size)) == whole) == there


def test_what_comes_again_is_kept_once(pair: Pair) -> None:
    set_back(pair, shelf_of(pair))
    report = pair.sync()
    assert report.records == 3
    assert held(pair) == stored(pair) == [b"one", b"two", b"three"]
    assert epochs_of(pair.bench.store, "room") == []
    assert not [payload for payload in pair.up if isinstance(wire.decode(payload)[0], Messages)]


@pytest.mark.parametrize("reload", [False, True])
def test_what_comes_again_by_its_beginning_is_the_same(pair: Pair, *, reload: bool) -> None:
    """And is here whole, if it was."""
    mine, bobs = b"tide " * 3_000, b"low " * 3_000
    write(pair, mine)
    bob_writes(pair, bobs, n=2)
    pair.sync()
    if reload:
        pair.bench.do(pair.bench.machine.drop("room", RangeSet([(4, 6)])))
        pair.end(Job(id=0, channels=None, filter=Filter(max_body=1_024)))
        assert max(map(len, held(pair))) < 1_024
    set_back(pair, deepcopy(shelf_of(pair)))
    pair.end(Job(id=0, channels=None, filter=None if reload else Filter(max_body=1_024)))
    assert held(pair)[3:] == [mine, bobs]
    assert left(pair) == []
    assert not pair.bench.machine.outbox.entries
    assert pair.audit().records == 5


def test_it_goes_back_again_if_the_service_is_set_back_again(pair: Pair) -> None:
    """The numbers go from epoch to epoch with the records."""
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost twice")
    for epoch in (8, 9, 10):
        set_back(pair, backup, epoch=epoch)
        pair.sync()
        assert stored(pair) == held(pair) == [b"one", b"two", b"three", b"lost twice"]
    assert left(pair) == []


def test_the_number_of_a_record_that_a_page_brought_first_is_known_too(pair: Pair) -> None:
    """Its receipt was lost, and came again later."""
    backup = deepcopy(shelf_of(pair))
    lost: list[bytes] = []
    pair.on_way_down = lost.append  # type: ignore[assignment]  # it returns nothing
    write(pair, b"lost")
    pair.on_way_down = lambda payload: payload
    pair.sync()
    assert len(lost) == 1
    assert not pair.bench.machine.outbox.entries
    set_back(pair, backup)
    pair.sync()
    assert stored(pair)[-1] == b"lost"


def test_a_receipt_of_an_epoch_that_is_over_before_the_device_knew_it_settles_nothing(pair: Pair) -> None:
    backup = deepcopy(shelf_of(pair))
    set_back(pair, backup)
    write(pair, b"stored for a moment")
    assert len(stored(pair)) == 4
    pair.bench.boot()
    pair.bench.connect()
    set_back(pair, backup, epoch=9)
    pair.sync()
    pair.bench.tick()
    pair.run()
    assert stored(pair) == held(pair) == [b"one", b"two", b"three", b"stored for a moment"]
    assert not pair.bench.machine.outbox.entries


def test_an_epoch_may_come_again(pair: Pair) -> None:
    """Both database and witness were put back: what is written in it counts."""
    backup = deepcopy(shelf_of(pair))
    for epoch in (8, 7):
        set_back(pair, backup, epoch=epoch)
        pair.sync()
        write(pair, b"in %d" % epoch)
        assert not pair.bench.machine.outbox.entries
    pair.sync()
    assert stored(pair) == held(pair) == [b"one", b"two", b"three", b"in 8", b"in 7"]


def test_a_channel_may_have_been_gone_when_its_epoch_changed(pair: Pair) -> None:
    shelf_of(pair).members["room"] = ("bob",)
    pair.sync()
    set_back(pair, shelf_of(pair)).members["room"] = ("ann", "bob")
    write(pair, b"back again")
    pair.bench.now += 5
    pair.bench.tick()
    pair.run()
    assert not pair.bench.machine.outbox.entries
    assert held(pair) == stored(pair) == [b"one", b"two", b"three", b"back again"]


def test_a_receipt_of_an_epoch_that_the_device_does_not_know_yet_is_remembered(pair: Pair) -> None:
    backup = deepcopy(shelf_of(pair))
    set_back(pair, backup)
    write(pair, b"in the new epoch")
    pair.sync()
    set_back(pair, backup, epoch=9)
    pair.sync()
    assert stored(pair) == held(pair) == [b"one", b"two", b"three", b"in the new epoch"]


@pytest.mark.parametrize("reboot", [False, True])
def test_nothing_goes_back_before_all_is_there(pair: Pair, *, reboot: bool) -> None:
    """Until then it is not known what was lost."""
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost")
    set_back(pair, backup)
    pair.sync(rule=Rule(newest=1))
    assert sorted(left(pair)) == [b"lost", b"one", b"two"]
    assert len(stored(pair)) == 3
    if reboot:
        pair.bench.boot()
        pair.bench.connect()
    pair.sync()
    assert stored(pair) == held(pair) == [b"one", b"two", b"three", b"lost"]
    assert left(pair) == []


def test_edits_and_deletes_do_not_go_again(pair: Pair) -> None:
    """They name numbers, which are other records' now; those that wait are refused."""
    backup = deepcopy(shelf_of(pair))
    write(pair, b"to be edited", b"to be deleted")
    holding = pair.bench.machine.holdings.get("room")
    body, _ = edit_body_of(pair.bench.store, holding, 4, b"edited")
    write(pair, body, kind=KIND_EDIT)
    write(pair, delete_body_of(pair.bench.store, holding, [(5, 6)]), kind=KIND_DELETE)
    body, _ = edit_body_of(pair.bench.store, holding, 1, b"waits")
    pair.on_way_up = lambda payload: None if payload[0] in (0x21, 0x25) else payload
    write(pair, body, kind=KIND_EDIT)
    set_back(pair, backup)
    pair.sync()
    pair.on_way_up = lambda payload: payload
    assert [event.error.code for event in pair.bench.events if isinstance(event, Refused)] == ["no_record"]
    pair.sync()
    assert stored(pair) == held(pair) == [b"one", b"two", b"three"]
    assert left(pair) == [b"edited"]


def test_what_the_log_keeps_no_longer_does_not_go_back(pair: Pair) -> None:
    restored = set_back(pair, shelf_of(pair))
    restored.lift("room", 3)
    pair.sync()
    assert stored(pair) == held(pair) == [b"three"]
    assert left(pair) == [b"one", b"two"]
    assert not pair.bench.machine.outbox.entries


def test_a_number_that_counts_as_taken_does_not_go_back(pair: Pair) -> None:
    """It would be a conflict, and then another message."""
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost, and long ago")
    pair.bench.machine.outbox.next_n = 3 + MESSAGE_WINDOW
    pair.bench.store.apply(Changes(next_n=3 + MESSAGE_WINDOW))
    set_back(pair, backup)
    pair.sync()
    assert left(pair) == [b"lost, and long ago"]
    assert not pair.bench.machine.outbox.entries


def test_a_message_that_its_own_device_brought_back_is_kept_once(pair: Pair) -> None:
    """It has another number now."""
    backup = deepcopy(shelf_of(pair))
    bob_writes(pair, b"Bob's, lost", n=2)
    pair.sync()
    set_back(pair, backup)
    pair.sync()
    assert left(pair) == [b"Bob's, lost"]
    bob_writes(pair, b"something else", n=3)
    bob_writes(pair, b"Bob's, lost", n=2)
    pair.sync()
    assert held(pair)[3:] == [b"something else", b"Bob's, lost"]
    assert left(pair) == []


def test_what_is_left_can_be_forgotten(pair: Pair) -> None:
    backup = deepcopy(shelf_of(pair))
    bob_writes(pair, b"Bob's, lost", n=2)
    pair.sync()
    set_back(pair, backup)
    pair.sync()
    machine = pair.bench.machine
    pair.bench.do(machine.forget("room", [*epochs_of(pair.bench.store, "room"), 8]))
    assert left(pair) == []
    assert len(held(pair)) == 3


def test_where_times_were_cut_nothing_goes_back() -> None:
    """The message would not be the same one to the service."""
    tuning = Tuning(live=False, whole_seconds=True)
    bench = Bench(tuning=tuning, device="ann-phone", pages=True, codecs=offered())
    pair = Pair(bench, Engine(Shelf({"room": ("ann",)})))
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost")
    pair.sync()
    set_back(pair, backup)
    pair.sync()
    assert stored(pair) == []
    assert left(pair) == [b"lost"]


def test_a_device_without_a_shelf_keeps_what_it_has() -> None:
    bench = Bench(tuning=Tuning(live=False), device="ann-phone")
    pair = Pair(bench, Engine(Shelf({"room": ("ann",)})))
    backup = deepcopy(shelf_of(pair))
    write(pair, b"lost")
    pair.sync()
    set_back(pair, backup)
    pair.sync()
    assert left(pair) == [b"lost"]
    assert pair.have("room") == RangeSet()
