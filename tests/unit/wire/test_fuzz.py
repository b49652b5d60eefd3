"""Whatever the bytes, both decoders raise `ProtocolError` or make a frame that can be written again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelog.wire import payload
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Frame
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from unit.wire.strategies import FRAMES, parcels

FIRST_BYTES = st.sampled_from(
    [
        b"\x21",
        b"\x22",
        b"\x31",
        b"\x32",
        b"\x34",
        b"\x35",
        b"\x36",
        b"\x24",
        b"\x25",
        b"\x37",
        b"{",
        b'{"type":"',
    ]
)
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "insert", "delete", "repeat", "swap"]),
        st.integers(0, 2**16),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Apply a few changes, each at a place of the payload as it then is."""
    made = bytearray(data)
    for what, where, value in changes:
        at = where % (len(made) + 1)
        match what:
            case "flip":
                made[at : at + 1] = bytes(octet ^ 1 << value % 8 for octet in made[at : at + 1])
            case "set":
                made[at : at + 1] = bytes([value])
            case "insert":
                made[at:at] = bytes([value])
            case "delete":
                del made[at : at + 1 + value % 4]
            case "repeat":
                made[at:at] = made[at : at + 1 + value % 16]
            case "swap":
                made = made[at:] + made[:at]
    return bytes(made)


def try_to_read(data: bytes) -> None:
    """Read, and where that goes well, write and read again."""
    try:
        frame, encoding = payload.decode(data)
    except ProtocolError:
        return
    again, _ = payload.decode(payload.encode(frame, encoding))
    assert again == frame
    if isinstance(frame, Parcel):
        return
    other = Encoding.PACKED if encoding is Encoding.JSON else Encoding.JSON
    assert payload.encode(frame, other)


@given(st.one_of(st.binary(max_size=80), st.builds(bytes.__add__, FIRST_BYTES, st.binary(max_size=80))))
def test_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    try_to_read(data)


@given(FRAMES, st.sampled_from(Encoding), CHANGES)
def test_changed_frames_raise_only_protocol_errors(
    frame: Frame, encoding: Encoding, changes: list[tuple[str, int, int]]
) -> None:
    try_to_read(mutated(payload.encode(frame, encoding), changes))


@given(parcels(), CHANGES)
def test_changed_parcels_raise_only_protocol_errors(
    parcel: Parcel, changes: list[tuple[str, int, int]]
) -> None:
    try_to_read(mutated(payload.encode(parcel, Encoding.PACKED), changes))


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@LONG
@given(st.one_of(st.binary(max_size=400), st.builds(bytes.__add__, FIRST_BYTES, st.binary(max_size=400))))
def test_many_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    try_to_read(data)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@LONG
@given(FRAMES, st.sampled_from(Encoding), CHANGES)
def test_many_changed_frames_raise_only_protocol_errors(
    frame: Frame, encoding: Encoding, changes: list[tuple[str, int, int]]
) -> None:
    try_to_read(mutated(payload.encode(frame, encoding), changes))
