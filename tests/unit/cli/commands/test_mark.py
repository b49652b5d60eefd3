"""``tidelog mark`` without a channel: on a store as the device library leaves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.replica.ports import Changes, Holding, Mark, Record
from tidelog.store.sqlite import SqliteStore
from tidelog.wire.ranges import RangeSet

Command = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two channels of alice's device: of one bob has written five records, of which she has read two."""
    path = tmp_path / "phone.db"
    opened = SqliteStore(path, device="phone")
    records = [
        Record(channel="chat", seq=seq, author="bob", time=seq, sent=seq, kind=0, body=b"x")
        for seq in range(1, 6)
    ]
    opened.apply(
        Changes(
            records=tuple((7, one) for one in records),
            holdings=(
                Holding(channel="chat", epoch=7, have=RangeSet([(1, 6)]), head=5),
                Holding(channel="new", epoch=7),
            ),
            marks=(
                Mark(channel="chat", epoch=7, read=2, delivered=5, receipts=True),
                Mark(channel="chat", epoch=7, user="bob", read=4, delivered=5),
                Mark(channel="chat", epoch=6, user="con", read=9, delivered=9),
            ),
        )
    )
    opened.close()
    return path


def named(store: Path) -> None:
    opened = SqliteStore(store, device="phone")
    opened.apply(Changes(user="alice"))
    opened.close()


def test_it_shows_how_far_one_and_others_have_come(tidelog: Command, store: Path) -> None:
    named(store)
    assert tidelog("mark", "--device", "phone", "--store", store, "--json").value == [
        {
            "channel": "chat",
            "head": 5,
            "read": 2,
            "delivered": 5,
            "unread": 3,
            "others": {"bob": {"read": 4, "delivered": 5}},
        },
        {"channel": "new", "head": 0, "read": 0, "delivered": 0, "unread": 0, "others": {}},
    ]
    lines = tidelog("mark", "--device", "phone", "--store", store).out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["chat", "5", "2", "3", "bob", "4"],
        ["new", "0", "0", "0"],
    ]


def test_whose_device_it_is_may_not_be_known_yet(tidelog: Command, store: Path) -> None:
    told = tidelog("mark", "--device", "phone", "--store", store, "--json").value
    assert [one["unread"] for one in told] == [None, None]
    assert "-" in tidelog("mark", "--device", "phone", "--store", store).out


def test_a_store_in_memory_has_nothing_to_show(tidelog: Command) -> None:
    shown = tidelog("mark", "--device", "phone", "--store", ":memory:", "--json")
    assert (shown.code, shown.error["code"]) == (2, "usage")
