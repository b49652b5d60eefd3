from __future__ import annotations

from typing import Any

import pytest

from tidelog.codec.check import check, verify
from tidelog.wire.errors import ProtocolError
from tidelog.wire.metadata import Meta

META = Meta("ann", 1_760_000_000_000)
RECORDS = [("room1", 4, META), ("room1", 5, META._replace(author="ben"))]
TEXT = b"hi\0there\0"


def test_the_check_of_a_page_is_fixed() -> None:
    """CRC-32 of the metadata, then of the text."""
    assert check(RECORDS, TEXT).hex() == "af59f9fc"
    verify(check(RECORDS, TEXT), RECORDS, TEXT)


@pytest.mark.parametrize(
    "other",
    [
        {"text": b"hi\0There\0"},
        {"records": RECORDS[::-1]},
        {"records": [("room2", 4, META), RECORDS[1]]},
        {"records": [("room1", 3, META), RECORDS[1]]},
        *[
            {"records": [("room1", 4, META._replace(**changed)), RECORDS[1]]}
            for changed in (
                {"author": "anna"},
                {"time": META.time + 1},
                {"kind": 1},
                {"lag": -1},
                {"content_type": "a/b"},
                {"cut": 1},
            )
        ],
    ],
    ids=str,
)
def test_any_other_page_fails_the_check(other: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        verify(check(RECORDS, TEXT), **{"records": RECORDS, "text": TEXT, **other})
    assert caught.value.code == "context"


def test_another_epoch_fails_the_check_of_the_same_page() -> None:
    assert check(RECORDS, TEXT, epoch=0) == check(RECORDS, TEXT)
    verify(check(RECORDS, TEXT, epoch=7), RECORDS, TEXT, epoch=7)
    for other in (0, 6, 2**32 - 1):
        with pytest.raises(ProtocolError):
            verify(check(RECORDS, TEXT, epoch=7), RECORDS, TEXT, epoch=other)
