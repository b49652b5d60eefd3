"""``tidelog send`` and ``sync`` where there is no broker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tidelog.store.sqlite import SqliteStore

Command = Callable[..., Any]


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidelog: Command) -> list[str]:
    """A device whose broker is not there: nothing listens on port 1."""
    del tidelog  # which clears the variable first
    monkeypatch.setenv("TIDELOG_SECRET", "secret")
    return ["--url", "mqtt://127.0.0.1:1", "--device", "phone", "--store", str(tmp_path / "phone.db")]


def waiting(tmp_path: Path) -> list[tuple[str, bytes, int, str]]:
    with closing(SqliteStore(tmp_path / "phone.db", device="phone", read_only=True)) as store:
        return [(entry.channel, entry.body, entry.kind, entry.content_type) for entry in store.load().outbox]


def test_no_wait_leaves_the_message_in_the_outbox(
    tidelog: Command, options: list[str], tmp_path: Path
) -> None:
    outcome = tidelog("send", "room1", "hé", "--no-wait", *options)
    assert (outcome.code, outcome.out) == (0, "room1: in the outbox\n")
    assert waiting(tmp_path) == [("room1", "hé".encode(), 0, "")]


@pytest.mark.parametrize("words", [(), ("-",)])
def test_standard_input_is_sent_as_it_is(
    words: tuple[str, ...], tidelog: Command, options: list[str], tmp_path: Path
) -> None:
    given = b"\xff\x00\n"
    kind = ("--kind", "16", "--content-type", "image/x")
    outcome = tidelog("send", "room1", *words, *kind, "--no-wait", "--json", *options, given=given)
    assert outcome.value == {"channel": "room1", "seq": None, "time": None}
    assert waiting(tmp_path) == [("room1", given, 16, "image/x")]


def test_without_a_link_the_message_is_kept_and_the_end_is_3(
    tidelog: Command, options: list[str], tmp_path: Path
) -> None:
    outcome = tidelog("send", "room1", "hi", "--timeout", "0.2", "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (3, "offline")
    assert outcome.error["hint"].endswith("(the message is in the outbox; the next `tidelog sync` sends it)")
    assert waiting(tmp_path) == [("room1", b"hi", 0, "")]


def test_what_is_sent_from_memory_is_not_said_to_be_kept(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("send", "room1", "hi", "--timeout", "0.2", "--json", *options, "--store", ":memory:")
    assert (outcome.code, outcome.error["code"]) == (3, "offline")
    assert "in the outbox" not in outcome.error["hint"]


def test_an_outbox_in_memory_cannot_wait(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("send", "room1", "hi", "--no-wait", "--json", *options, "--store", ":memory:")
    assert (outcome.code, outcome.error["code"]) == (2, "usage")


def test_sync_without_a_link_ends_with_3(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("sync", "--timeout", "0.2", "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (3, "offline")


@pytest.mark.parametrize(
    ("option", "code"), [(("--newest", "0"), "usage"), (("--max-bytes", "255"), "budget")]
)
def test_a_sync_of_less_than_anything_is_misuse(
    tidelog: Command, options: list[str], option: tuple[str, str], code: str
) -> None:
    outcome = tidelog("sync", *option, "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (2, code)


def test_two_programs_never_share_a_store(tidelog: Command, options: list[str], tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "phone.db", device="phone")):
        outcome = tidelog("send", "room1", "hi", "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (3, "store_locked")


def test_a_file_waits_in_the_outbox_as_a_stub(tidelog: Command, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"tide\n" * 20_000)
    outcome = tidelog("send", "room1", "--file", str(tmp_path / "file"), "--no-wait", *options)
    assert (outcome.code, outcome.out) == (0, "room1: in the outbox\n")
    told = tidelog("outbox", "list", "--json", *options).value
    assert [(one["kind"], one["body"], one["left_out"]) for one in told] == [(0, "tide\n" * 51 + "t", 99_744)]


@pytest.mark.parametrize(
    ("words", "code"), [(("--file", "nowhere"), "file"), (("x", "--file", "y"), "usage")]
)
def test_a_file_that_cannot_go_is_said_so(
    tidelog: Command, options: list[str], words: tuple[str, ...], code: str
) -> None:
    assert tidelog("send", "room1", *words, "--json", *options).error["code"] == code


def test_a_body_that_is_not_here_is_said_so(tidelog: Command, options: list[str]) -> None:
    outcome = tidelog("body", "room1", "1", "--json", *options)
    assert (outcome.code, outcome.error["code"]) == (2, "no_record")
    memory = tidelog("body", "room1", "1", "--json", *options, "--store", ":memory:")
    assert memory.error["code"] == "usage"
