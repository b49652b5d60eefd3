"""Pushes told after records that the device holds, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from simulated.bench import Bench
from simulated.samples import EPOCH, Steady, part, primed, push, runs
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Record
from tidelog.replica.priming import WAITING_MAX
from tidelog.replica.steps import Arrived, Event
from tidelog.wire import payload as wire
from tidelog.wire.frames import Delta, SyncRequest
from tidelog.wire.payload import Encoding
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import RangeSet


@pytest.fixture
def bench() -> Bench:
    """A machine that is online and has synced records 1 to 4 of the room."""
    made = Bench(pages=True)
    made.connect()
    made.sync()
    answer(made, 1, 2, 3, 4)
    return made


def answer(bench: Bench, *seqs: int, epoch: int = EPOCH, head: int = 0) -> Sequence[Event]:
    """The service's answer to the newest request: these records of the room, and no more."""
    told = (part("room", *seqs, epoch=epoch, head=head),) if seqs or head else ()
    return bench.receive(Delta(rid=bench.request().rid, more=False, parts=told))


def asked_after(bench: Bench, seconds: float) -> SyncRequest:
    """The request that goes out after so long, and not before."""
    bench.sent.clear()
    bench.now += seconds - 0.01
    bench.tick()
    assert not bench.sent
    bench.now += 0.02
    bench.tick()
    return bench.request()


def held(bench: Bench) -> list[tuple[int, bytes]]:
    found = bench.store.records("room", EPOCH, start=1, stop=99, limit=99)
    return [(record.seq, record.body) for record in found]


def arrived(events: Sequence[Event]) -> list[list[int]]:
    return [[record.seq for record in event.records] for event in events if isinstance(event, Arrived)]


def test_a_push_is_read_with_what_is_held(bench: Bench) -> None:
    events = bench.receive(primed(5, 6, after=runs((2, 5))))
    assert arrived(events) == [[5, 6]]
    assert held(bench)[-2:] == [(5, b"record 5"), (6, b"record 6")]
    holding = bench.machine.holdings.by_channel["room"]
    assert (holding.have, holding.head, holding.epoch) == (runs((1, 7)), 6, EPOCH)
    assert bench.machine.due() is None


def test_a_context_with_holes_is_read_as_it_is_named(bench: Bench) -> None:
    assert arrived(bench.receive(primed(5, after=runs((1, 2), (3, 4))))) == [[5]]


def test_one_that_came_twice_says_nothing_new(bench: Bench) -> None:
    bench.receive(primed(5, after=runs((1, 5))))
    assert not bench.receive(primed(5, after=runs((1, 5))))
    assert bench.machine.due() is None


def test_without_the_records_that_prime_it_nothing_is_kept_and_the_device_asks(bench: Bench) -> None:
    assert not bench.receive(primed(6, after=runs((3, 6))))
    assert held(bench)[-1][0] == 4
    assert bench.machine.holdings.by_channel["room"].head == 4
    request = asked_after(bench, 2.0)
    assert request.statements[0].have == runs((1, 5))
    assert request.statements[0].want is None
    assert not request.plain, "what is lacking is wanted: the next push can be read"
    answer(bench, 5, 6)
    assert [seq for seq, _ in held(bench)] == [1, 2, 3, 4, 5, 6]
    assert bench.machine.due() is None


def test_what_overtook_what_primes_it_is_read_once_that_is_there(bench: Bench) -> None:
    bench.receive(primed(7, after=runs((1, 7))))
    bench.receive(primed(6, after=runs((1, 6))))
    assert arrived(bench.receive(primed(5, after=runs((1, 5))))) == [[5], [6], [7]]
    assert held(bench)[-1] == (7, b"record 7")
    assert bench.machine.due() is None, "nothing is left to ask for"


def test_what_a_plain_push_brings_primes_one_that_waits(bench: Bench) -> None:
    bench.receive(primed(6, after=runs((1, 6))))
    assert arrived(bench.receive(push("room", 5))) == [[5], [6]]


def test_only_so_many_pushes_wait(bench: Bench) -> None:
    for seq in range(6, 7 + WAITING_MAX):
        bench.receive(primed(seq, after=runs((5, 6))))
    (first, *rest) = arrived(bench.receive(push("room", 5)))
    assert (first, rest) == ([5], [[seq] for seq in range(7, 7 + WAITING_MAX)])
    assert asked_after(bench, 2.0).statements[0].have == runs((1, 6), (7, 7 + WAITING_MAX))


@pytest.mark.parametrize(
    "lie",
    [
        replace(primed(5, after=runs((1, 5))), check=b"lies"),
        replace(primed(5, after=runs((1, 5))), bodies=b""),
        replace(primed(5, after=runs((1, 5))), seqs=runs((7, 8))),
        replace(primed(5, after=runs((1, 5))), context=runs((2, 5))),
        replace(primed(5, after=runs((1, 5))), authors=("bob",)),
    ],
    ids=["check", "bodies", "seqs", "context", "authors"],
)
def test_a_push_that_lies_stores_nothing_and_costs_one_question(bench: Bench, lie: PrimedPush) -> None:
    before = bench.store.load()
    assert not bench.receive(lie)
    assert bench.store.load() == before
    assert len(held(bench)) == 4
    asked_after(bench, 2.0)
    answer(bench)
    assert bench.machine.due() is None


def test_a_push_of_another_epoch_is_asked_about_though_its_seqs_are_had(bench: Bench) -> None:
    assert not bench.receive(primed(3, after=runs((1, 3)), epoch=8))
    assert not asked_after(bench, 2.0).plain
    answer(bench, 1, 2, 3, epoch=8)
    assert bench.machine.holdings.by_channel["room"].epoch == 8
    assert bench.machine.due() is None


def test_what_does_not_fit_twice_in_an_epoch_is_asked_for_plain(bench: Bench) -> None:
    """The device holds something else than the service thinks, and will at the next push too."""
    lie = replace(primed(5, after=runs((1, 5))), check=b"lies")
    bench.receive(lie)
    bench.receive(lie)
    assert asked_after(bench, 2.0).plain
    answer(bench, 1, 5, epoch=8)
    bench.sync("room", wanted=True)
    assert not bench.request().plain, "another epoch has other records"


def test_a_device_that_dropped_what_primes_asks_for_plain_pushes_until_it_syncs(bench: Bench) -> None:
    bench.do(bench.machine.drop("room", runs((1, 3))))
    bench.receive(primed(5, after=runs((1, 5))))
    request = asked_after(bench, 2.0)
    assert request.plain
    assert request.statements[0].want is not None
    assert not request.statements[0].want & runs((1, 3)), "dropped records do not come back by this"
    answer(bench, 5)
    bench.sync("room", wanted=True)
    assert bench.request().plain
    answer(bench)
    bench.sync("other")
    assert bench.request().plain
    answer(bench)
    bench.sync()
    assert not bench.request().plain


def test_a_push_of_a_channel_that_is_new_brings_its_own_records_only() -> None:
    bench = Bench()
    bench.connect()
    assert not bench.receive(primed(50, after=runs((1, 50))))
    request = asked_after(bench, 2.0)
    (statement,) = request.statements
    assert (statement.channel, statement.epoch, statement.have) == ("room", 0, RangeSet())
    assert statement.want == runs((50, 51))
    assert request.plain
    assert arrived(answer(bench, 50)) == [[50]]
    assert bench.machine.holdings.by_channel["room"].epoch == EPOCH
    assert bench.machine.due() is None
    assert arrived(bench.receive(push("room", 51))) == [[51]]


def test_the_answer_to_an_older_request_does_not_end_the_matter(bench: Bench) -> None:
    """It was on its way before the push."""
    bench.sync("room", wanted=True)
    bench.receive(primed(6, after=runs((3, 6))))
    answer(bench)
    assert asked_after(bench, 2.0).statements[0].have == runs((1, 5))
    answer(bench, head=5)
    assert bench.machine.holdings.by_channel["room"].gaps == runs((5, 6))


def test_a_late_push_of_what_does_not_exist_any_more_costs_one_question(bench: Bench) -> None:
    bench.receive(primed(50, after=runs((40, 50))))
    asked_after(bench, 2.0)
    answer(bench)
    assert bench.machine.due() is None


def test_a_machine_without_a_shelf_asks_for_plain_pushes() -> None:
    bench = Bench()
    machine = Machine(bench.store.load(), device="phone", chance=Steady())
    step = machine.connected(0.0)
    frame = primed(5, after=runs((1, 5)))
    payload = wire.encode(frame, Encoding.PACKED)
    step = machine.received(payload, len(payload), 0.0)
    assert not step.changes.records
    (outgoing,) = machine.tick(2.0).send
    request, _ = wire.decode(outgoing.payload)
    assert isinstance(request, SyncRequest)
    assert request.plain


class Ledger:
    """A shelf that notes what is read."""

    def __init__(self, bench: Bench) -> None:
        self.read: list[tuple[int, int, int]] = []
        self._store = bench.store

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        self.read.append((start, stop, limit))
        return self._store.records(channel, epoch, start=start, stop=stop, limit=limit)


def test_no_more_is_read_than_is_named_and_nothing_where_something_lacks(bench: Bench) -> None:
    ledger = Ledger(bench)
    bench.machine = Machine(bench.store.load(), device="phone", chance=Steady(), shelf=ledger)
    bench.receive(primed(9, after=runs((2, 9))))
    assert not ledger.read
    bench.receive(primed(5, after=runs((1, 2), (3, 5))))
    assert ledger.read == [(1, 2, 1), (3, 5, 2)]
