"""``tidelog log`` on a store as the device library leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.replica.ports import Changes, Holding, OutboxEntry, Record
from tidelog.store.sqlite import SqliteStore
from tidelog.wire.ranges import RangeSet

Command = Callable[..., Any]

EPOCH = 7


def record(channel: str, seq: int) -> Record:
    return Record(
        channel=channel, seq=seq, author="alice", time=1_000 * seq, sent=1_000 * seq, kind=0, body=b"%d" % seq
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two channels: one of 2,500 records with a hole before the last one; one of 2."""
    held = {"big": [*range(1, 2_100), 2_500], "small": [1, 2]}
    path = tmp_path / "phone.db"
    opened = SqliteStore(path, device="phone")
    for channel, seqs in held.items():
        have = RangeSet([(seq, seq + 1) for seq in seqs])
        opened.apply(
            Changes(
                records=tuple((EPOCH, record(channel, seq)) for seq in seqs),
                holdings=(Holding(channel=channel, epoch=EPOCH, have=have, head=max(seqs)),),
            )
        )
    waiting = OutboxEntry(n=1, channel="small", kind=0, sent=1, content_type="", body=b"later")
    opened.apply(Changes(queued=(waiting,), next_n=2))
    opened.close()
    return path


def shown(tidelog: Command, store: Path, *words: object) -> list[tuple[str, int]]:
    outcome = tidelog("log", *words, "--device", "phone", "--store", store, "--json")
    assert outcome.code == 0
    told = [json.loads(line) for line in outcome.out.splitlines()]
    return [(one["channel"], one["seq"]) for one in told]


def test_all_channels_one_after_another_in_the_order_of_the_log(tidelog: Command, store: Path) -> None:
    expected = [("big", seq) for seq in [*range(1, 2_100), 2_500]] + [("small", 1), ("small", 2)]
    assert shown(tidelog, store) == expected


def test_one_channel(tidelog: Command, store: Path) -> None:
    assert shown(tidelog, store, "small") == [("small", 1), ("small", 2)]


@pytest.mark.parametrize("count", [1, 2, 3, 2_099, 5_000])
def test_the_newest_ones_are_found_below_holes(count: int, tidelog: Command, store: Path) -> None:
    assert shown(tidelog, store, "big", "--tail", count) == [
        ("big", seq) for seq in [*range(1, 2_100), 2_500][-count:]
    ]


def test_the_newest_of_each_channel(tidelog: Command, store: Path) -> None:
    assert shown(tidelog, store, "--tail", 1) == [("big", 2_500), ("small", 2)]


def test_it_reads_beside_a_program_that_uses_the_store(tidelog: Command, store: Path) -> None:
    writer = SqliteStore(store, device="phone")
    try:
        assert shown(tidelog, store, "small") == [("small", 1), ("small", 2)]
    finally:
        writer.close()


def test_messages_without_a_receipt_are_mentioned(tidelog: Command, store: Path) -> None:
    outcome = tidelog("log", "small", "--device", "phone", "--store", store)
    assert outcome.err == "1 message without a receipt in the outbox\n"
    assert [line.split()[1:] for line in outcome.out.splitlines()] == [
        ["small", "1", "alice", "1"],
        ["small", "2", "alice", "2"],
    ]


def test_an_unknown_channel_is_told_with_those_known(tidelog: Command, store: Path) -> None:
    outcome = tidelog("log", "medium", "--device", "phone", "--store", store, "--json")
    assert (outcome.code, outcome.error["code"]) == (2, "no_channel")
    assert "big, small" in outcome.error["message"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--device", "other"), "store_device"),
        (("--device", "phone", "--store", "/nowhere.db"), "store_missing"),
    ],
)
def test_a_store_that_does_not_fit_is_told(
    words: tuple[str, ...], code: str, tidelog: Command, store: Path
) -> None:
    outcome = tidelog("log", "--store", store, *words, "--json")
    assert (outcome.code, outcome.error["code"]) == (6, code)


def test_what_is_left_of_earlier_epochs_is_shown_apart(tidelog: Command, store: Path) -> None:
    opened = SqliteStore(store, device="phone")
    opened.apply(Changes(records=((5, record("small", 9)), (6, record("small", 3)))))
    opened.close()
    assert shown(tidelog, store, "small") == [("small", 1), ("small", 2)]
    assert shown(tidelog, store, "--stranded") == [("small", 9), ("small", 3)]
    outcome = tidelog("log", "--stranded", "--tail", 3, "--device", "phone", "--store", store)
    assert outcome.code == 2
