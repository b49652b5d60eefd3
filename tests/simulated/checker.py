"""What must hold once the network has healed and every device has synced."""

from __future__ import annotations

from simulated.ledger import Written
from simulated.people import DEVICES, readable
from simulated.plain import PlainDevice
from simulated.terminal import Terminal
from simulated.world import World
from tidelog.replica.ports import Record
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.topics import messages_topic
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.ports import Log, Row
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
    """Numbers are dense, and times never fall."""
    for name, (log, rows) in truth.items():
        assert [row.seq for row in rows] == list(range(1, log.head + 1)), f"numbers of {name}"
        assert [row.time for row in rows] == sorted(row.time for row in rows), f"times of {name}"


def _check_messages(world: World, truth: Truth) -> None:
    """What was receipted is there; what was not lost by its own device is there; each once; no more."""
    stored: dict[bytes, list[tuple[str, Row]]] = {}
    for name, (_, rows) in truth.items():
        for row in rows:
            stored.setdefault(row.body, []).append((name, row))
    assert stored.keys() <= world.ledger.messages.keys(), "records that nobody wrote"
    for body, written in world.ledger.messages.items():
        _check_message(body, written, stored.get(body, []), world)


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
    least = 0 if written.may_be_lost or not written.allowed else 1
    most = 1 + written.set_back
    assert least <= len(found) <= most, f"{label} is stored {len(found)} times"
    for seq, time in written.receipts:
        assert (seq, time) in {(row.seq, row.time) for _, row in found}, f"the receipt {seq} of {label}"


def _check_outbox(terminal: Terminal, world: World) -> None:
    """Nothing waits but what was refused, and only what the user may not write was."""
    outbox = terminal.store.load().outbox
    assert tuple(terminal.machine.outbox.entries[entry.n] for entry in outbox) == outbox
    for entry in outbox:
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
        assert (holding.epoch, holding.head) == (log.epoch, log.head), f"{terminal.device}: {holding}, {log}"
        held = terminal.store.records(name, log.epoch, start=1, stop=SEQ_STOP, limit=_ALL)
        label = f"{terminal.device} in {name}: {holding}"
        assert [_as_row(record) for record in held] == rows, label
        assert holding.have == RangeSet.of(row.seq for row in rows), label
        assert not holding.gaps, label


def _check_plain(plain: PlainDevice, world: World, truth: Truth) -> None:
    channels = readable(world.users[plain.device])
    assert plain.copies.keys() == channels, f"{plain.device}: channels"
    for name, copy in plain.copies.items():
        log, rows = truth[name]
        assert copy.epoch == log.epoch
        assert copy.records.keys() == {row.seq for row in rows}, f"{plain.device} in {name}"
        for row in rows:
            record = copy.records[row.seq]
            told = (record.author, record.time, record.sent, record.kind, record.content_type, record.body)
            assert told == row[1:], f"{plain.device} in {name}: {row.seq}"


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
