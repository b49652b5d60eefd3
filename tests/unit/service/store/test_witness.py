"""A database that was set back is noticed, and one that was not is left alone, whatever crashed when."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tidelog.wire.errors import Unavailable
from tidelog_service.engine.ports import Head, Stand
from tidelog_service.store import epochs, witness
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.witness import WitnessFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture(autouse=True)
def _rooms(registry: Registry) -> None:
    registry.add_channel("other", ["ann"])


def grow(database: Database, channel_id: int, head: int) -> Stand:
    store = RecordStore(database)
    with store.transaction():
        store.advance({channel_id: Head(head, 1_000)})
    ((epoch,),) = database.select(Channel.select(Channel.epoch).where(Channel.id == channel_id))
    return Stand(channel_id, epoch, head)


def begun(file: Path, database: Database) -> Iterator[tuple[WitnessFile, list[int]]]:
    made = WitnessFile(file, trouble=lambda error: pytest.fail(str(error)))
    lost = made.lost(database)
    epochs.renew(database, lost)
    made.begin(database)
    yield made, lost
    made.close()


def lost(file: Path, database: Database) -> list[int]:
    """What a start finds; the logs found have other epochs then."""
    for _, found in begun(file, database):
        return found
    raise AssertionError


def serve(file: Path, database: Database, *grown: tuple[int, int]) -> None:
    """A service starts, stores, and is killed."""
    for made, found in begun(file, database):
        assert found == []
        for channel_id, head in grown:
            made.saw([grow(database, channel_id, head)])


def test_nothing_is_lost_where_nothing_was_set_back(file: Path, database: Database) -> None:
    serve(file, database, (1, 5), (2, 3), (1, 9))
    assert lost(file, database) == []
    grow(database, 1, 12)  # an import, say
    assert lost(file, database) == []
    assert lost(file, database) == []


def test_logs_that_are_shorter_than_they_were_get_other_epochs_once(file: Path, database: Database) -> None:
    serve(file, database, (1, 5), (2, 3))
    before = {one.channel: one.epoch for one in epochs.incarnations(database)}
    grow(database, 1, 4)
    assert lost(file, database) == [1]
    after = {one.channel: one for one in epochs.incarnations(database)}
    assert after["room"].epoch != before["room"]
    assert (after["room"].head, after["room"].renewed is None) == (4, False)
    assert after["other"].epoch == before["other"]
    assert lost(file, database) == []


def test_a_log_that_is_set_back_twice_is_noticed_twice(file: Path, database: Database) -> None:
    """The second time to a state of before the first: the epoch of then has been seen with more."""
    serve(file, database, (1, 5))
    ((first,),) = database.select(Channel.select(Channel.epoch).where(Channel.id == 1))
    grow(database, 1, 4)
    assert lost(file, database) == [1]
    serve(file, database, (1, 20))
    with database.transaction():
        database.write(Channel.update(epoch=first, head=30).where(Channel.id == 1))
    assert lost(file, database) == [1]


def test_an_epoch_that_an_operator_gave_is_no_loss(file: Path, database: Database) -> None:
    serve(file, database, (1, 5))
    epochs.renew(database, [1])
    assert lost(file, database) == []


def test_channels_that_are_new_or_no_more_are_no_loss(file: Path, database: Database) -> None:
    for made, _ in begun(file, database):
        made.saw([Stand(77, 5, 100)])
    Registry(database).add_channel("third", ["ann"])
    assert lost(file, database) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_file_that_a_crash_cut_off_accuses_nobody(seed: int, file: Path, database: Database) -> None:
    """Whatever is left of it: what it says is at most what was."""
    serve(file, database, *[(1, head) for head in range(1, 130)], (2, 1_000))
    content, rng = file.read_bytes(), Random(seed)
    file.write_bytes(content[: rng.randrange(len(content))] + rng.choice([b"", b"\0\0\0", b"\xff 1 2\n"]))
    assert lost(file, database) == []


def test_a_folder_without_a_witness_accuses_nobody(file: Path, database: Database) -> None:
    serve(file, database, (1, 5))
    file.unlink()
    grow(database, 1, 4)
    assert lost(file, database) == []


def test_the_file_stays_small(file: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "FILE_BYTES_MAX", 1_000)
    serve(file, database, *[(1, head) for head in range(1, 500)])
    assert file.stat().st_size < 1_100
    grow(database, 1, 498)
    assert lost(file, database) == [1]


def test_a_witness_that_cannot_be_written_is_told_once_and_goes_on_when_it_can(
    tmp_path: Path, database: Database
) -> None:
    folder, troubles = tmp_path / "folder", []
    folder.mkdir()
    made = WitnessFile(folder / "witness", trouble=troubles.append)
    made.begin(database)
    made.close()
    shutil.rmtree(folder)
    for head in (1, 2):
        made.saw([grow(database, 1, head)])
    assert [error.code for error in troubles if isinstance(error, Unavailable)] == ["data_folder"]
    folder.mkdir()
    made.saw([grow(database, 1, 3)])
    made.close()
    grow(database, 1, 2)
    assert lost(folder / "witness", database) == [1]


def test_a_folder_that_cannot_be_written_stops_the_start(tmp_path: Path, database: Database) -> None:
    with pytest.raises(Unavailable) as failed:
        WitnessFile(tmp_path / "nowhere" / "witness", trouble=lambda _: None).begin(database)
    assert failed.value.code == "data_folder"
    (tmp_path / "witness").mkdir()
    with pytest.raises(Unavailable):
        WitnessFile(tmp_path / "witness", trouble=lambda _: None)


def test_unknown_channels_have_no_epoch_to_renew(database: Database) -> None:
    assert epochs.keys_of(database, []) == epochs.keys_of(database, ["room", "other"])
    with pytest.raises(Exception, match="nowhere") as refused:
        epochs.keys_of(database, ["room", "nowhere"])
    assert getattr(refused.value, "code", "") == "no_channel"
