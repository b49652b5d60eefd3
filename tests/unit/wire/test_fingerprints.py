from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidelog.wire.fingerprints import SUM_STOP, fingerprint, log_fingerprint

ONE = ("room1", 101, 0, "ann", "", b"hello")


def test_anything_else_in_a_record_is_another_fingerprint() -> None:
    others = [
        ("room2", 101, 0, "ann", "", b"hello"),
        ("room1", 102, 0, "ann", "", b"hello"),
        ("room1", 101, 1, "ann", "", b"hello"),
        ("room1", 101, 0, "bob", "", b"hello"),
        ("room1", 101, 0, "ann", "a/b", b"hello"),
        ("room1", 101, 0, "ann", "", b"hellp"),
        # The same bytes in another order of fields.
        ("room1", 101, 0, "annh", "", b"ello"),
        ("room1", 101, 0, "ann", "hello", b""),
        ("room1a", 101, 0, "nn", "", b"hello"),
    ]
    found = {fingerprint(*one) for one in [ONE, *others]}
    assert len(found) == 1 + len(others)
    assert all(0 < one < SUM_STOP for one in found)


def test_a_log_has_a_share_for_its_name_epoch_and_head() -> None:
    told = [("room1", 7, 101), ("room2", 7, 101), ("room1", 8, 101), ("room1", 7, 102)]
    assert len({log_fingerprint(*one) for one in told}) == len(told)


def test_deletes_count_for_nothing() -> None:
    """To many devices they are void, and never come."""
    assert fingerprint("room1", 5, 2, "ann", "", b"\x00\x01") == 0


def test_names_are_hashed_as_utf8() -> None:
    assert fingerprint("room1", 5, 0, "é", "", b"") != fingerprint("room1", 5, 0, "e", "", b"")


@pytest.mark.parametrize(
    "vector",
    json.loads((Path(__file__).parents[2] / "vectors" / "fingerprints.json").read_text("utf8")),
    ids=lambda vector: vector["name"],
)
def test_a_vector_is_right(vector: dict[str, Any]) -> None:
    fields = (vector[name] for name in ("channel", "seq", "kind", "author", "content_type"))
    assert f"{fingerprint(*fields, vector['text'].encode()):016x}" == vector["fingerprint"]
