"""``tidelog outbox``, and how a refused message is told; no broker is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tidelog.replica.ports import Changes, OutboxEntry
from tidelog.store.sqlite import SqliteStore
from tidelog_cli.backlog import Backlog

Command = Callable[..., Any]


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidelog: Command) -> list[str]:
    """A device with two messages: number 1 waits, number 2 was refused. Nothing listens on port 1."""
    monkeypatch.setenv("TIDELOG_SECRET", "secret")
    place = tmp_path / "phone.db"
    given = ["--url", "mqtt://127.0.0.1:1", "--device", "phone", "--store", str(place)]
    tidelog("send", "room1", "waits", "--no-wait", *given)
    tidelog("send", "nochan", "refused", "--no-wait", *given)
    with closing(SqliteStore(place, device="phone")) as store:
        second = store.load().outbox[1]
        store.apply(Changes(queued=(replace(second, rejected="no_channel"),)))
    return given


def held(tidelog: Command, options: list[str]) -> list[tuple[str, str, str]]:
    listed = tidelog("outbox", "list", "--json", *options).value
    return [(one["channel"], one["body"], one["refused"]) for one in listed]


def test_list_shows_what_waits_and_what_was_refused(tidelog: Command, options: list[str]) -> None:
    lines = tidelog("outbox", "list", *options).out.splitlines()
    assert [line.split()[0] for line in lines] == ["n", "1", "2"]
    assert "no_channel" in lines[2]
    assert held(tidelog, options) == [("room1", "waits", ""), ("nochan", "refused", "no_channel")]


def test_discard_forgets_a_refused_message(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("outbox", "discard", "2", *options)
    assert (outcome.code, outcome.out) == (0, "discarded message 2\n")
    assert held(tidelog, options) == [("room1", "waits", "")]


def test_resubmit_puts_it_back_under_a_new_number(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("outbox", "resubmit", "2", "--json", *options)
    assert (outcome.code, outcome.value) == (0, {"n": 2, "resubmitted": True})
    assert held(tidelog, options) == [("room1", "waits", ""), ("nochan", "refused", "")]
    listed = tidelog("outbox", "list", "--json", *options).value
    assert [one["n"] for one in listed] == [1, 3]


@pytest.mark.parametrize("verb", ["discard", "resubmit"])
@pytest.mark.parametrize(("number", "code"), [("1", "not_refused"), ("9", "no_message")])
def test_only_refused_messages_can_be_seen_to(
    verb: str, number: str, code: str, tidelog: Command, options: list[str]
) -> None:
    outcome = tidelog("outbox", verb, number, "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (2, code)
    assert len(held(tidelog, options)) == 2


def test_an_empty_outbox_is_said_to_be_empty(tidelog: Command, options: list[str], tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "phone.db", device="phone")) as store:
        store.apply(Changes(settled=(1, 2)))
    outcome = tidelog("outbox", "list", *options)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "the outbox is empty\n")


def test_a_store_in_memory_has_no_outbox_to_see_to(tidelog: Command, options: list[str]) -> None:
    for words in (("list",), ("discard", "2"), ("resubmit", "2")):
        outcome = tidelog("outbox", *words, "--json", *options, "--store", ":memory:")
        assert (outcome.code, outcome.error["code"]) == (2, "usage")


def test_log_tells_waiting_and_refused_messages_apart(tidelog: Command, options: list[str]) -> None:
    assert tidelog("log", *options).err == (
        "1 message without a receipt in the outbox\n"
        "1 message was refused: n 2 to 'nochan' [no_channel]; tidelog outbox discard 2 ...\n"
    )


def test_a_note_names_the_first_refused_messages_and_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    entry = OutboxEntry(n=1, channel="c", kind=0, sent=0, content_type="", body=b"x", rejected="denied")
    Backlog.of(replace(entry, n=n) for n in range(3, 10)).told("phone")
    told = capsys.readouterr().err
    assert told.startswith("7 messages were refused: n 3 to 'c' [denied], n 4 to ")
    assert told.endswith("n 7 to 'c' [denied], ...; tidelog outbox discard 3 --as phone\n")
