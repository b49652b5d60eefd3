"""Records in and out as JSON lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelog.wire.errors import UsageError
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import stub_for, stub_of
from tidelog_service.engine.ports import Head
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.keys import LOG_STOP
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import ImportReport, export_records, import_records, read_lines


def _lines(*objects: dict[str, Any]) -> list[str]:
    return [json.dumps(each) for each in objects]


def _line(channel: str = "room", author: str = "ann", ts: int = 5, body: str = "hello") -> dict[str, Any]:
    return {"channel": channel, "author": author, "ts": ts, "body": body}


def _import(database: Database, *objects: dict[str, Any]) -> ImportReport:
    return import_records(database, read_lines(_lines(*objects)))


def test_an_import_makes_users_channels_and_members(database: Database) -> None:
    """The authors seen in a channel are its members."""
    report = _import(database, _line(), _line(author="bob"), _line(channel="hall", author="bob"))
    assert report == ImportReport(records=3, users=("ann", "bob"), channels=("room", "hall"))
    channels = {each.name: (each.members, each.head) for each in Registry(database).channels()}
    assert channels == {"room": (("ann", "bob"), 2), "hall": (("bob",), 1)}


def test_records_are_numbered_in_file_order_and_time_never_falls(database: Database) -> None:
    """The author's clock is kept as it was."""
    _import(database, _line(ts=50), _line(ts=40), _line(channel="hall", ts=7), _line(ts=60))
    rows = RecordStore(database).rows(1, RangeSet([(1, 9)]), records_max=9, bytes_max=999, newest_first=False)
    assert [(row.seq, row.time, row.sent) for row in rows] == [(1, 50, 50), (2, 50, 40), (3, 60, 60)]
    log = RecordStore(database).logs_of(1)["room"]
    assert (log.head, log.time) == (3, 60)


def test_an_import_into_a_channel_appends_and_admits_nobody(database: Database) -> None:
    """Numbers and times go on where they were; membership is the operator's to give."""
    _import(database, _line(ts=50))
    report = _import(database, _line(ts=10, author="eve"), _line(ts=70))
    assert report == ImportReport(records=2, users=("eve",), channels=())
    (room,) = Registry(database).channels()
    assert (room.head, room.members) == (3, ("ann",))
    times = [(each["seq"], each["ts"], each.get("sent")) for each in export_records(database)]
    assert times == [(1, 50, None), (2, 50, 10), (3, 70, None)]


def test_a_service_sees_what_an_import_made(database: Database) -> None:
    """The generation is raised, once."""
    before = Registry(database).generation()
    _import(database, _line(), _line(author="bob"))
    assert Registry(database).generation() == before + 1
    _import(database, _line())
    assert Registry(database).generation() == before + 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "recursion"),
        (b"\xff", "decode"),
        (json.dumps({**_line(), "channel": "a/#"}), "channel"),
        (json.dumps({**_line(), "channel": None}), "channel"),
        (json.dumps({**_line(), "author": "a/b"}), "author"),
        (json.dumps({**_line(), "ts": -1}), "ts"),
        (json.dumps({**_line(), "ts": 1.5}), "ts"),
        (json.dumps({**_line(), "ts": True}), "ts"),
        (json.dumps({**_line(), "ts": 2**53}), "ts"),
        (json.dumps({**_line(), "sent": "now"}), "sent"),
        (json.dumps({**_line(), "kind": 256}), "kind"),
        (json.dumps({**_line(), "kind": 2}), "kind"),
        (json.dumps({**_line(), "content_type": "x" * 65}), "content_type"),
        (json.dumps({**_line(), "body": 5}), "body"),
        (json.dumps({**_line(), "body": "\ud800"}), "surrogates"),
        (json.dumps({**_line(), "body64": "aGk="}), "either"),
        (json.dumps({"channel": "room", "author": "ann", "ts": 5}), "either"),
        (json.dumps({"channel": "room", "author": "ann", "ts": 5, "body64": "a GkX!"}), "base64|Only"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_stored(
    database: Database, line: str | bytes, reason: str
) -> None:
    """Not even the good lines before it; the number counts empty lines too."""
    before = (Registry(database).generation(), Registry(database).users(), Registry(database).channels())
    with pytest.raises(UsageError, match=f"line 4: .*({reason})") as caught:
        import_records(database, read_lines([*_lines(_line(), _line()), "\n", line]))
    assert (caught.value.code, bool(caught.value.hint)) == ("import_line", True)
    assert (
        Registry(database).generation(),
        Registry(database).users(),
        Registry(database).channels(),
    ) == before
    assert database.fetch("SELECT count(*) FROM record") == [(0,)]


def test_a_late_bad_line_takes_back_thousands(database: Database) -> None:
    """The whole file is one transaction."""
    progress: list[int] = []
    with pytest.raises(UsageError, match="line 5001"):
        import_records(database, read_lines([*_lines(_line()) * 5_000, "{"]), progress=progress.append)
    assert progress == [2_000, 4_000]
    assert database.fetch("SELECT count(*) FROM record") == [(0,)]
    assert database.fetch("SELECT count(*) FROM user") == [(0,)]


def test_an_import_that_does_not_fit_a_channel_stores_nothing(database: Database) -> None:
    """The first line takes the channel's last number."""
    _import(database, _line())
    with database.transaction():
        RecordStore(database).advance({1: Head(LOG_STOP - 2, 5)})
    with pytest.raises(UsageError) as caught:
        _import(database, _line(body="last"), _line(body="one more"))
    assert caught.value.code == "log_full"
    assert database.fetch("SELECT count(*) FROM record") == [(1,)]
    assert RecordStore(database).logs_of(1)["room"].head == LOG_STOP - 2


def test_progress_counts_records(database: Database) -> None:
    """The last call says all."""
    progress: list[int] = []
    import_records(database, read_lines(_lines(_line()) * 4_500), progress=progress.append)
    assert progress == [2_000, 4_000, 4_500]


def test_an_export_of_one_channel_and_of_none(database: Database) -> None:
    """The channel that is asked for, or an error that names it."""
    _import(database, _line(channel="b"), _line(channel="a"), _line(channel="b", body="bye"))
    assert [each["body"] for each in export_records(database, "b")] == ["hello", "bye"]
    assert [(each["channel"], each["seq"]) for each in export_records(database)] == [
        ("a", 1),
        ("b", 1),
        ("b", 2),
    ]
    with pytest.raises(UsageError, match="nowhere") as caught:
        export_records(database, "nowhere")
    assert caught.value.code == "no_channel"


def test_an_export_reads_a_long_channel_in_pieces(database: Database) -> None:
    """More than one read's rows, and more than one read's bytes."""
    large = [_line(channel="large", body="x" * 30_000)] * 300
    _import(database, *[_line(body=str(number)) for number in range(4_321)], *large)
    assert [each["body"] for each in export_records(database, "room")] == [str(n) for n in range(4_321)]
    assert [each["seq"] for each in export_records(database, "large")] == list(range(1, 301))


_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_OBJECTS = st.lists(
    st.builds(
        lambda channel, author, ts, rest, body: {
            "channel": channel,
            "author": author,
            "ts": ts,
            **rest,
            **body,
        },
        st.sampled_from(("room", "a/b/c", "dm/ann/bob", "ä")),
        st.sampled_from(("ann", "bob", "Zoë")),
        st.integers(0, 2**53 - 1),
        st.fixed_dictionaries(
            {},
            optional={
                "sent": st.integers(0, 2**53 - 1),
                "kind": st.sampled_from((0, 16, 255)),
                "content_type": st.sampled_from(("", "text/plain")),
            },
        ),
        _TEXTS.map(lambda text: {"body": text}) | st.just({"body64": "/4A="}),
    ),
    max_size=30,
)


@given(_OBJECTS)
@settings(deadline=None, max_examples=60)
def test_what_was_exported_imports_as_the_same(objects: list[dict[str, Any]]) -> None:
    """A second export equals the first, and every body of the file is in it."""
    with open_database(":memory:") as first, open_database(":memory:") as second:
        _import(first, *objects)
        exported = list(export_records(first))
        _import(second, *exported)
        assert list(export_records(second)) == exported
    given_bodies = sorted(each.get("body", each.get("body64")) for each in objects)
    assert sorted(each.get("body", each.get("body64")) for each in exported) == given_bodies


def test_large_bodies_go_out_whole_and_come_in_apart(database: Database) -> None:
    """The record is a stub again, and its bytes are in the table of pieces."""
    large = "tide " * 20_000
    _import(database, _line(), {**_line(body=large), "kind": 16}, _line(body=large))
    store = RecordStore(database)
    rows = store.rows(1, RangeSet([(1, 9)]), records_max=9, bytes_max=10**6, newest_first=False)
    assert [stub_of(row.kind, row.body) for row in rows] == [
        None,
        stub_for(large.encode(), kind=16),
        stub_for(large.encode()),
    ]
    exported = list(export_records(database))
    assert [(each["body"], each.get("kind", 0)) for each in exported] == [
        ("hello", 0),
        (large, 16),
        (large, 0),
    ]
    with open_database(":memory:") as second:
        _import(second, *exported)
        assert list(export_records(second)) == exported


@pytest.mark.parametrize("swept", [False, True])
def test_a_large_body_that_goes_during_an_export_is_left_out(database: Database, *, swept: bool) -> None:
    """Its stub alone would be a line that no import takes."""
    _import(database, _line(), _line(body="tide " * 20_000), _line(body="last"))
    store = RecordStore(database)
    exported = export_records(database)
    told = [next(exported)]
    with store.transaction():
        if swept:
            store.blobs.erase(1, RangeSet([(2, 3)]))
        else:
            store.erase(1, RangeSet([(2, 3)]))
    assert [each["body"] for each in [*told, *exported]] == ["hello", "last"]


def test_an_import_holds_few_large_bodies_at_a_time(database: Database) -> None:
    """They are stored as they come."""
    progress: list[int] = []
    large = _line(body="x" * 3_000_000)
    import_records(database, read_lines(_lines(large, large, large)), progress=progress.append)
    assert progress == [2, 3]
