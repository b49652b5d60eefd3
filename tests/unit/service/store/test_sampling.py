"""Records to train on."""

from __future__ import annotations

import pytest

from tidelog.wire.errors import UsageError
from tidelog_service.store import sampling
from tidelog_service.store.database import Database
from tidelog_service.store.sampling import sample
from tidelog_service.store.transfer import ImportLine, import_records


def fill(database: Database, channel: str, *written: bytes, kind: int = 0) -> None:
    """Append records of Ann's, a second apart."""
    import_records(
        database,
        [
            ImportLine(at, channel, "ann", 1_000 * at, 1_000 * at, body, kind)
            for at, body in enumerate(written, 1)
        ],
    )


def told(database: Database, *patterns: str, bytes_max: int = 10_000) -> list[tuple[str, int]]:
    return [(one.channel, one.seq) for one in sample(database, patterns, bytes_max=bytes_max)]


def test_records_come_with_author_and_body_in_the_order_of_a_page(database: Database) -> None:
    fill(database, "b", b"one", b"two")
    fill(database, "a", b"three")
    made = sample(database, ())
    assert [(one.time, one.channel, one.seq) for one in made] == [
        (1_000, "a", 1),
        (1_000, "b", 1),
        (2_000, "b", 2),
    ]
    assert (made[2].author, made[2].body) == ("ann", b"two")


def test_patterns_choose_channels(database: Database) -> None:
    for channel in ("room1", "room2", "truck7/zone1", "truck7/door"):
        fill(database, channel, b"text")
    assert {name for name, _ in told(database, "room*")} == {"room1", "room2"}
    assert {name for name, _ in told(database, "truck*", "room1")} == {"truck7/zone1", "truck7/door", "room1"}


@pytest.mark.parametrize("patterns", [(), ("nowhere", "no*")])
def test_without_a_channel_there_is_nothing_to_train_on(
    database: Database, patterns: tuple[str, ...]
) -> None:
    if patterns:
        fill(database, "room", b"text")
    with pytest.raises(UsageError) as caught:
        sample(database, patterns)
    assert caught.value.code == "no_channel"


def test_edits_deletes_empty_and_large_bodies_are_left_out(database: Database) -> None:
    fill(database, "room", b"", b"x" * 1_024, b"x" * 1_025, b"text")
    fill(database, "edits", b"edited", kind=1)
    fill(database, "deletes", b"deleted", kind=2)
    fill(database, "readings", b"21.5", kind=16)
    assert told(database) == [("readings", 1), ("room", 2), ("room", 4)]


def test_a_large_channel_gives_its_newest_and_leaves_the_small_ones_their_share(database: Database) -> None:
    fill(database, "small", *[b"x" * 10] * 3)
    fill(database, "large", *[b"x" * 10] * 100)
    made = told(database, bytes_max=300)
    assert [one for one in made if one[0] == "small"] == [("small", seq) for seq in (1, 2, 3)]
    large = [seq for name, seq in made if name == "large"]
    assert large == list(range(101 - len(large), 101))
    assert 22 <= len(large) <= 28


def test_long_logs_are_read_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_BATCH", 7)
    fill(database, "room", *[b"x"] * 20)
    assert told(database) == [("room", seq) for seq in range(1, 21)]


def test_an_empty_channel_has_nothing(database: Database) -> None:
    fill(database, "room", b"text")
    fill(database, "gone", b"text")
    database.peewee.execute_sql("UPDATE channel SET floor = 2 WHERE name = 'gone'")
    assert told(database) == [("room", 1)]


def test_progress_tells_the_channels(database: Database) -> None:
    fill(database, "room", b"text")
    steps: list[tuple[str, int, int]] = []
    sample(database, (), progress=lambda *step: steps.append(step))
    assert steps == [("reading", 0, 1), ("reading", 1, 1)]
