"""What must hold once the network has healed and every device has synced."""

from __future__ import annotations

from collections.abc import Iterable

from simulated.ledger import Written
from simulated.people import DEVICES, RECEIPTS, readable
from simulated.plain import PlainDevice
from simulated.terminal import Terminal
from simulated.world import World
from tidelog.replica.ports import Mark, Record
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import KINDS as REVISIONS
from tidelog.wire.revisions import voided_by
from tidelog.wire.topics import messages_topic
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Log, MemberMark, Row
from tidelog_service.store.records import RecordStore

_ALL = 10**9

Truth = dict[str, tuple[Log, list[Row]]]
"""What the service has, by channel."""


def check(world: World) -> None:
    """Raise an AssertionError that says which promise was broken."""
    truth = _read(world)
    _check_numbers(truth)
    _check_messages(world, truth)
    for terminal in world.terminals:
        _check_outbox(terminal, world)
        _check_terminal(terminal, world, truth)
        _check_marks(terminal, world)
    for plain in world.plains:
        _check_plain(plain, world, truth)


def _read(world: World) -> Truth:
    store = RecordStore(world.database)
    logs: dict[str, Log] = {}
    for device, *_ in DEVICES.values():
        terminal = store.terminal(device)
        assert terminal is not None
        logs |= store.logs_of(terminal.user_id)
    return {
        name: (
            log,
            store.rows(
                log.id, RangeSet([(1, SEQ_STOP)]), records_max=_ALL, bytes_max=_ALL, newest_first=False
            ),
        )
        for name, log in logs.items()
    }


def _check_numbers(truth: Truth) -> None:
    """Numbers are dense from the floor on, but for what edits and deletes void; and times never fall."""
    for name, (log, rows) in truth.items():
        voided = voided_by((row.kind, row.body) for row in rows)
        there = RangeSet.of(row.seq for row in rows)
        assert not voided & there, f"what is void in {name} is still there"
        assert (voided | there) & _kept(log) == _kept(log), f"numbers of {name}"
        assert not there - _kept(log), f"what is below the floor of {name} is still there"
        assert log.floor > 1 or log.revisions == 0 or any(row.kind in REVISIONS for row in rows)
        assert [row.time for row in rows] == sorted(row.time for row in rows), f"times of {name}"


def _check_messages(world: World, truth: Truth) -> None:
    """What was receipted is there; what was not lost by its own device is there; each once; no more."""
    stored: dict[bytes, list[tuple[str, Row]]] = {}
    for name, (log, rows) in truth.items():
        for row in [*rows, *_buried(world, log, rows)]:
            if row.kind == KIND_DELETE:
                continue
            stored.setdefault(row.body, []).append((name, row))
    assert stored.keys() <= world.ledger.messages.keys(), "records that nobody wrote"
    for body, written in world.ledger.messages.items():
        log = truth[written.channel][0] if written.channel in truth else None
        # A message that a restored service lost is not sent again where it is older than what is kept.
        if log is not None and log.floor > 1 and world.tally["restored"]:
            written.may_be_lost = True
        _check_message(body, written, stored.get(body, []), world)


def _buried(world: World, log: Log, rows: list[Row]) -> list[Row]:
    """What was there and is void now."""
    voided = voided_by((row.kind, row.body) for row in rows)
    return [
        row
        for (channel_id, seq), row in world.server.buried.items()
        if channel_id == log.id and (seq in voided or seq < log.floor)
    ]


def _kept(log: Log) -> RangeSet:
    return RangeSet([(log.floor, log.head + 1)])


def _check_message(body: bytes, written: Written, found: list[tuple[str, Row]], world: World) -> None:
    label = f"{written.device}'s message {body[:20]!r}, numbers {written.numbers}"
    for channel, row in found:
        assert written.allowed, f"{label} was stored"
        assert channel == written.channel, f"{label} is in {channel}"
        assert (row.author, row.kind, row.content_type) == (written.user, written.kind, written.content_type)
        assert row.sent == (written.sent or row.time), label
    if not written.confirmed:
        packet = Packet(messages_topic(written.device, written.channel), body)
        assert len(found) <= world.server.packets[packet], f"{label}: {len(found)} times"
        return
    # An edit may have been refused: another came first.
    least = 0 if written.may_be_lost or not written.allowed or written.kind == KIND_EDIT else 1
    most = 1 + written.set_back
    assert least <= len(found) <= most, f"{label} is stored {len(found)} times"
    for epoch, seq, time in written.receipts:
        # Where the service was set back, what was told of earlier epochs may no longer be so.
        if not world.tally["restored"] or epoch in world.epochs():
            assert (seq, time) in {(row.seq, row.time) for _, row in found}, f"the receipt {seq} of {label}"


def _check_outbox(terminal: Terminal, world: World) -> None:
    """Nothing waits but what was refused, and only what the user may not write was, or what came too late."""
    outbox = terminal.store.load().outbox
    assert tuple(terminal.machine.outbox.entries[entry.n] for entry in outbox) == outbox
    for entry in outbox:
        if entry.kind in REVISIONS:
            # Where the service was set back the numbers may be another user's records.
            allowed = {"no_record", "denied"} if world.tally["restored"] else {"no_record"}
            assert entry.rejected in allowed, f"{terminal.device} still has message {entry.n}"
            continue
        assert entry.rejected == "no_channel", f"{terminal.device} still has message {entry.n}"
        assert not world.ledger.messages[entry.body].allowed


def _check_terminal(terminal: Terminal, world: World, truth: Truth) -> None:
    """The device holds exactly what its user may read, and knows it."""
    snapshot = terminal.store.load()
    known = {holding.channel: holding for holding in snapshot.holdings}
    assert known == terminal.machine.holdings.by_channel, f"{terminal.device}: memory and disk differ"
    assert known.keys() == readable(world.users[terminal.device]), f"{terminal.device}: channels"
    for name, holding in known.items():
        log, rows = truth[name]
        # Of a log that is empty for good the floor says all, and nobody is told the head.
        knows = holding.head == log.head or log.floor > log.head
        assert (holding.epoch, knows) == (log.epoch, True), f"{terminal.device}: {holding}, {log}"
        held = terminal.store.records(name, log.epoch, start=log.floor, stop=SEQ_STOP, limit=_ALL)
        label = f"{terminal.device} in {name}: {holding}"
        # A delete goes only to devices that have something of what it deletes.
        assert [_as_row(one) for one in held if one.kind != KIND_DELETE] == _lasting(rows), label
        assert {_as_row(one) for one in held} <= set(rows), label
        assert holding.floor == log.floor, label
        assert holding.have & _kept(log) == _kept(log), label
        assert not holding.gaps, label


def _check_marks(terminal: Terminal, world: World) -> None:
    """Nothing waits; a device that gets pages knows what the service has, of its user and of others."""
    store = RecordStore(world.database)
    user = world.users[terminal.device]
    me = store.terminal(terminal.device)
    assert me is not None
    logs = store.logs_of(me.user_id)
    known = {(one.channel, one.user): one for one in terminal.store.load().marks}
    assert known == terminal.machine.marks._marks, f"{terminal.device}: memory and disk differ"
    assert not any(one.waiting for one in known.values()), f"{terminal.device}: a mark waits"
    for name, log in logs.items():
        label = f"{terminal.device} in {name}: {known}, {log}"
        own = terminal.machine.marks.own(name, log.epoch)
        assert own.read <= log.read <= log.delivered <= log.head, label
        rows = store.marks_of(log, after=0, count_max=_ALL) if name in RECEIPTS else []
        others = _above([row for row in rows if row.user != user], log.floor)
        heard = _above(
            [one for one in known.values() if one.user and (one.channel, one.epoch) == (name, log.epoch)],
            log.floor,
        )
        assert name in RECEIPTS or not heard, label
        if terminal.pages:
            assert (own.read, own.delivered) == (log.read, log.delivered), label
            assert heard == others, label


def _above(marks: Iterable[Mark | MemberMark], floor: int) -> set[tuple[str, int, int]]:
    """Marks as one hears of them who may read from a floor on; who heard before it rose knows more."""
    return {
        (one.user, one.read if one.read >= floor else 0, one.delivered)
        for one in marks
        if one.delivered >= floor
    }


def _check_plain(plain: PlainDevice, world: World, truth: Truth) -> None:
    channels = readable(world.users[plain.device])
    assert plain.copies.keys() == channels, f"{plain.device}: channels"
    for name, copy in plain.copies.items():
        log, rows = truth[name]
        assert copy.epoch == log.epoch
        assert copy.have & _kept(log) == _kept(log), f"{plain.device} in {name}"
        lasting = {
            seq for seq, record in copy.records.items() if record.kind != KIND_DELETE and seq >= log.floor
        }
        assert lasting == {row.seq for row in _lasting(rows)}, f"{plain.device} in {name}"
        for row in _lasting(rows):
            record = copy.records[row.seq]
            told = (record.author, record.time, record.sent, record.kind, record.content_type, record.body)
            assert told == row[1:], f"{plain.device} in {name}: {row.seq}"


def _lasting(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.kind != KIND_DELETE]


def _as_row(record: Record) -> Row:
    return Row(
        record.seq,
        record.author,
        record.time,
        record.sent,
        record.kind,
        record.content_type,
        record.body,
    )
