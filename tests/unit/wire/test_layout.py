from __future__ import annotations

import pytest

from tidelog.wire.errors import ProtocolError
from tidelog.wire.layout import Layout

PART = Layout(what="a part", required=1, defaults=(0, b""))
FRAME = Layout(what="a frame", required=1, defaults=(0, b""), extensible=True)


@pytest.mark.parametrize(
    ("items", "written"),
    [
        ([5, 0, b""], [5]),
        ([5, 1, b""], [5, 1]),
        ([5, 0, b"x"], [5, 0, b"x"]),
        ([0, 0, b""], [0]),
    ],
)
def test_defaults_at_the_end_are_left_out_and_filled_in(
    items: list[int | bytes], written: list[object]
) -> None:
    assert PART.trimmed([*items]) == written
    assert PART.filled(written) == items


def test_a_required_field_must_be_there() -> None:
    with pytest.raises(ProtocolError, match="a part"):
        PART.filled([])


@pytest.mark.parametrize("items", [None, 5, b"x", "x"])
def test_what_is_no_array_is_refused(items: object) -> None:
    with pytest.raises(ProtocolError, match="not an array"):
        PART.filled(items)


def test_further_items_are_ignored_only_where_a_layout_can_grow() -> None:
    assert FRAME.filled([1, 2, b"x", "new"]) == [1, 2, b"x"]
    with pytest.raises(ProtocolError, match="more than 3"):
        PART.filled([1, 2, b"x", "new"])
