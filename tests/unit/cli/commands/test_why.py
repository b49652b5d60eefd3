"""``tidelog why`` on a database that the test fills."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelog.codec.page import Rule
from tidelog.wire.frames import Presence
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog_service.engine.inquiries import Terms
from tidelog_service.engine.ports import Head, KeptToken, NewRow
from tidelog_service.engine.sightings import Sighting
from tidelog_service.engine.tokens import Kept
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import open_database
from tidelog_service.store.models import Role
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.traffic import TrafficBook

Command = Callable[..., Any]

TERMS = Terms(
    everywhere=True,
    rule=Rule(),
    codecs=(1,),
    page_bytes=4_096,
    context_bytes=0,
    live=False,
    plain=False,
    dictionary=0,
)


@pytest.fixture
def folder(tidelog: Command, tmp_path: Path) -> DataFolder:  # noqa: ARG001 - its data folder
    """Olga reads ``news``, of which her pad has some, and writes in ``chat``, all of which it has."""
    made = DataFolder(tmp_path / "data")
    with open_database(made.database) as database:
        registry, store = Registry(database, now_ms=lambda: 1_000), RecordStore(database)
        for user in ("olga", "paul"):
            registry.add_user(user)
        registry.add_device("olga", "pad")
        for channel in ("chat", "news", "secret"):
            registry.add_channel(channel, ["paul"])
        registry.join("chat", "olga")
        registry.join("news", "olga", role=Role.READER)
        epochs = {channel.name: channel.epoch for channel in registry.channels()}
        with store.transaction():
            for channel_id, count in ((1, 3), (2, 9), (3, 5)):
                rows = [NewRow(channel_id, n, 2, n, n, 0, "", b"0123456789") for n in range(1, count + 1)]
                store.append(rows)
                store.advance({channel_id: Head(count, count)})
            store.erase(2, RangeSet([(8, 9)]))
        account = Standings(
            [
                Standing("chat", epochs["chat"], RangeSet([(1, 4)])),
                Standing("news", epochs["news"], RangeSet([(1, 3), (4, 6)])),
            ]
        )
        kept = Kept(terms=TERMS, base=account)
        store.keep_tokens([KeptToken("pad", b"1234", kept.dump(), fresh=True)], 5_000)
        TrafficBook(database).add([], [("pad", Sighting(6_000, Presence.LIVE))])
        registry.close()
    return made


def test_it_tells_what_is_lacking_and_why(tidelog: Command, folder: DataFolder) -> None:
    folder.alive.touch()
    told = tidelog("why", "--device", "pad", "--json").value
    news, chat = told.pop("channels")
    assert told == {
        "device": "pad",
        "user": "olga",
        "revoked": None,
        "presence": "live",
        "seen": 6_000,
        "service_running": True,
        "more_channels": 0,
    }
    assert (news["channel"], news["may"], news["role"], news["asked"]) == ("news", ["read"], "reader", 5_000)
    assert news["has"] == {"count": 4, "ranges": [[1, 3], [4, 6]]}
    assert news["lacks"] == {
        "count": 5,
        "ranges": [[3, 4], [6, 10]],
        "records": 4,
        "bytes": 40,
        "whole": True,
    }
    assert news["reasons"] == ["not_yet", "holes", "reader"]
    assert news["why"][0] == "it lacks 3, 6-9: 4 records, 40 bytes"
    assert (chat["may"], chat["lacks"]["count"], chat["reasons"]) == (["read", "write"], 0, ["complete"])


def test_people_get_a_line_on_the_device_a_table_and_sentences(tidelog: Command, folder: DataFolder) -> None:
    folder.alive.touch()
    about, heading, news, chat, *sentences = tidelog("why", "--device", "pad").out.splitlines()
    assert about.startswith("pad of olga: online, last heard of at 1970-01-01T")
    columns = ["channel", "may", "head", "has", "sent", "wrote", "lacks", "bytes", "unasked", "gone", "shut"]
    assert heading.split() == columns
    assert news.split() == ["news", "read", "9", "4", "0", "0", "5", "40", "0", "0", "0"]
    assert chat.split("  ")[0] == "chat"
    assert sentences[0].startswith("news: it lacks 3, 6-9: 4 records, 40 bytes; they were stored since")
    assert sentences[0].endswith("; its user may read and not write")
    assert sentences[1] == "chat: it has everything that its user may read"


@pytest.mark.usefixtures("folder")
def test_a_channel_may_be_one_that_is_not_permitted(tidelog: Command) -> None:
    (secret,) = tidelog("why", "--device", "pad", "--channel", "secret", "--json").value["channels"]
    assert (secret["may"], secret["role"], secret["reasons"]) == ([], None, ["not_member"])
    assert secret["shut"] == {"count": 5, "ranges": [[1, 6]]}
    assert "secret: its user is no member" in tidelog("why", "--device", "pad", "--channel", "secret").out


@pytest.mark.usefixtures("folder")
def test_few_channels_are_told_where_there_are_many(tidelog: Command) -> None:
    outcome = tidelog("why", "--device", "pad", "--limit", "1")
    assert "chat" not in outcome.out
    assert "1 channel more, 0 of them lacking something" in outcome.err
    assert tidelog("why", "--device", "pad", "--limit", "1", "--json").value["more_channels"] == 1


def test_a_service_that_does_not_run_and_a_revoked_device_are_said(
    tidelog: Command, folder: DataFolder
) -> None:
    assert "the service has never run; the device then: online" in tidelog("why", "--device", "pad").out
    folder.alive.touch()
    os.utime(folder.alive, (2, 2))
    assert "the service has not run since 1970-01-01T" in tidelog("why", "--device", "pad").out
    tidelog("device", "revoke", "pad")
    outcome = tidelog("why", "--device", "pad")
    assert outcome.out.startswith("pad of olga: revoked at ")
    told = tidelog("why", "--device", "pad", "--json").value
    assert told["service_running"] is False
    assert told["channels"][0]["may"] == []
    assert told["channels"][0]["reasons"][0] == "revoked"


@pytest.mark.parametrize(
    ("words", "code", "exits"),
    [
        (["--device", "nobody"], "no_device", 2),
        (["--device", "pad", "--channel", "nowhere"], "no_channel", 2),
        (["--device", "pad", "--data", "/nowhere"], "no_data", 6),
        ([], "usage", 2),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_there_is_not_is_told(tidelog: Command, words: list[str], code: str, exits: int) -> None:
    outcome = tidelog("why", *words, "--json")
    assert (outcome.code, outcome.error["code"]) == (exits, code)
