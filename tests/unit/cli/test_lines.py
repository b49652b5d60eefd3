"""Records as lines and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tidelog.replica.ports import Record
from tidelog.replica.steps import Membership
from tidelog_cli import lines


def record(body: bytes = b"hello", *, kind: int = 0, content_type: str = "", author: str = "alice") -> Record:
    return Record(
        channel="room1",
        seq=12,
        author=author,
        time=2_000,
        sent=1_000,
        kind=kind,
        body=body,
        content_type=content_type,
    )


def test_json_has_the_fields_of_a_record() -> None:
    assert lines.record_json(record()) == {
        "channel": "room1",
        "seq": 12,
        "author": "alice",
        "time": 2_000,
        "sent": 1_000,
        "body": "hello",
    }


def test_json_tells_kind_type_and_bytes_that_are_no_text() -> None:
    told = lines.record_json(record(b"\xff", kind=16, content_type="image/x"))
    assert (told["kind"], told["content_type"], told["body64"]) == (16, "image/x", "/w==")
    assert "body" not in told


def test_json_says_that_a_body_is_not_whole() -> None:
    told = lines.record_json(replace(record(b"once"), left_out=39_996))
    assert (told["body"], told["size"], told["whole"]) == ("once", 40_000, False)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (record(b"a\nb\x1b"), "a\n    b\\x1b"),
        (record(b"\xff\x00"), "<2 bytes: ff00>"),
        (record(b"\xff" * 33), f"<33 bytes: {'ff' * 32}...>"),
        (record(b"x", kind=16, content_type="text/x"), "[kind 16] [text/x] x"),
        (replace(record(b"once"), left_out=39_996), "once [the beginning of 40,000 bytes]"),
    ],
)
def test_bodies_for_people(given: Record, shown: str) -> None:
    assert lines.readable_body(given) == shown


def test_a_line_has_time_channel_seq_author_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    lines.print_record(record(author="al\x07"), as_json=False, channel_width=8)
    moment, rest = capsys.readouterr().out.split("  ", 1)
    assert moment.startswith(("1970-01-01T", "1969-12-31T"))
    assert rest == "room1        12  al\\x07    hello\n"


def test_a_json_line_is_the_same_as_the_object(capsys: pytest.CaptureFixture[str]) -> None:
    lines.print_record(record(), as_json=True)
    assert json.loads(capsys.readouterr().out) == lines.record_json(record())


@pytest.mark.parametrize(("role", "told"), [("owner", "owner of boat"), (None, "not in boat")])
def test_a_membership_is_a_few_words(role: str | None, told: str) -> None:
    assert lines.standing(Membership(channel="boat", role=role)) == told
