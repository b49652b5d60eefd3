from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from tidelog.wire import frames
from tidelog.wire.anyframe import Frame
from tidelog.wire.frames import Fault, Presence, Type


def test_presence_is_one_digit() -> None:
    assert [state.payload for state in Presence] == [b"0", b"1", b"2"]


def test_types_fit_five_bits_and_leave_the_brace_alone() -> None:
    assert all(1 <= kind < 32 and kind != 27 for kind in Type)


def test_every_type_of_frame_has_a_number() -> None:
    assert len(get_args(Frame)) == len(Type)


@pytest.mark.parametrize("kind", get_args(Frame))
def test_frames_are_frozen_and_keyword_only(kind: type) -> None:
    assert is_dataclass(kind)
    assert all(field.kw_only for field in fields(kind))
    assert "__slots__" in vars(kind)


def test_a_frame_cannot_be_changed() -> None:
    fault = Fault(code=frames.Code.BUSY)
    with pytest.raises(FrozenInstanceError):
        fault.rid = 5  # type: ignore[misc] # that is the point
