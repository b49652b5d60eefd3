"""Retention through real processes: what is gone is told once, and never asked for."""

from __future__ import annotations

from stacks import Stack, eventually, held
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.keeping import set_keeping

_CHECK_BYTES = 54 - 2 * 2
"""For a device id of 6 characters instead of 8."""


def test_a_channel_keeps_its_newest_records_and_devices_take_it_so(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        for n in range(1, 21):
            phone.send("room1", f"message {n}")
        eventually(lambda: not phone.outbox())
        other.sync(newest=12)
        with open_database(DataFolder(stack.folder).database) as beside:
            set_keeping(beside, "room1", {"keep_records": 5})
        eventually(lambda: [seq for seq, *_ in stack.stored("room1")] == [16, 17, 18, 19, 20])
        report = other.sync()
        assert (report.records, report.rounds, report.complete) == (0, 1, True)
        phone.sync()
        for device in (phone, other):
            report = device.sync()
            assert (report.records, report.rounds) == (0, 1)
            assert report.bytes_up + report.bytes_down == _CHECK_BYTES
        assert [record[0] for record in held(phone, "room1")] == list(range(1, 21))
        assert [record[0] for record in held(other, "room1")] == list(range(9, 21))
        assert [(one.floor, one.head, one.held) for one in other.channels()] == [(16, 20, 12)]
        assert phone.send("room1", "message 21").result(timeout=10).seq == 21
    with stack.device("atablet", live=False) as new:
        assert new.sync().records == 6
