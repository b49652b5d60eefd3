"""``tidelog decode``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from tidelog.wire.frames import SyncRequest
from tidelog.wire.payload import Encoding, encode
from tidelog.wire.topics import reply_topic
from tidelog_cli.catalogue import ENTRIES, load

Command = Callable[..., Any]

PAYLOAD = encode(SyncRequest(rid=7, live=True), Encoding.PACKED)
SHOWN = f"sync, packed, {len(PAYLOAD)} bytes\n  id    7\n  live  true\n"


def test_the_example_reads_what_a_devices_own_account_may_read() -> None:
    entry = next(entry for entry in ENTRIES if entry.name == "decode")
    text = load(entry).help or ""
    (line,) = [line for line in text.splitlines() if line.startswith("    mosquitto_sub ")]
    words = shlex.split(line)
    given = dict(zip(words[1:-1:2], words[2::2], strict=False))
    assert given["-t"] == reply_topic("DEVICE")
    assert given["-i"] == given["-u"] == "DEVICE"
    assert "while the device itself is not connected" in text


def test_hex_as_arguments(tidelog: Command) -> None:
    outcome = tidelog("decode", PAYLOAD.hex(), PAYLOAD.hex(" "))
    assert (outcome.code, outcome.out) == (0, SHOWN * 2)


@pytest.mark.parametrize("given", [PAYLOAD, PAYLOAD.hex().encode(), PAYLOAD.hex(":").encode() + b"\n"])
def test_bytes_or_hex_on_standard_input(given: bytes, tidelog: Command) -> None:
    assert tidelog("decode", given=given).out == SHOWN


def test_a_push_after_others_is_shown_with_what_it_takes_to_read_it(tidelog: Command) -> None:
    outcome = tidelog("decode", "368565726f6f6d311865445eaafccc4b1f653bbb2bc948cd4357c202")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "primed, packed, 28 bytes",
        "  channel  room1",
        "  seqs     [[101, 102]]",
        "  context  [[99, 101]]",
        "  check    1f653bbb",
        "  columns  5eaafccc",
        "  bodies   2bc948cd4357c2",
    ]


def test_lines_of_mosquitto_sub(tidelog: Command) -> None:
    given = f"tl1/a1/sync {PAYLOAD.hex()}\ntl1/a1/msg/r 6869\n".encode()
    told = [json.loads(line) for line in tidelog("decode", "--json", given=given).out.splitlines()]
    assert told == [
        {
            "topic": "tl1/a1/sync",
            "bytes": len(PAYLOAD),
            "encoding": "packed",
            "frame": {"type": "sync", "id": 7, "live": True},
        },
        {
            "topic": "tl1/a1/msg/r",
            "bytes": 2,
            "encoding": "plain",
            "frame": {"type": "message", "channel": "r", "text": "hi"},
        },
    ]


def test_malformed_frames_are_shown_the_rest_too_and_the_end_is_5(tidelog: Command) -> None:
    given = b"tl1/a1/re 21ff\nnonsense\n" + PAYLOAD.hex().encode()
    outcome = tidelog("decode", given=given)
    first, second, *rest = outcome.out.splitlines()
    assert outcome.code == 5
    assert first.startswith("tl1/a1/re  malformed, 2 bytes: ")
    assert second.startswith("malformed, 0 bytes: neither hex nor JSON")
    assert "\n".join(rest) + "\n" == SHOWN


def test_malformed_frames_in_json_have_the_error_in_place_of_the_frame(tidelog: Command) -> None:
    outcome = tidelog("decode", "21ff", "--json")
    assert outcome.code == 5
    assert outcome.value["error"]["code"] == "malformed"
    assert outcome.value["bytes"] == 2
