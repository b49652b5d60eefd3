"""Whatever the bytes, both decoders raise `ProtocolError` or make a frame that can be written again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelog.wire import payload
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Type
from tidelog.wire.limits import VERSION
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Query
from unit.wire.mutations import CHANGES, mutated
from unit.wire.strategies import PACKED_FRAMES, parcels

NO_JSON = (Parcel, Resync, Page, Audit, Verdict)
FIRST_BYTES = st.sampled_from(
    [*(bytes([VERSION << 5 | kind]) for kind in Type), b"\x33\0\1\4", b"\x33\0\1\2", b"{", b'{"type":"']
)
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


def try_to_read(data: bytes) -> None:
    """Read, and where that goes well, write and read again."""
    try:
        frame, encoding = payload.decode(data)
    except ProtocolError:
        return
    again, _ = payload.decode(payload.encode(frame, encoding))
    assert again == frame
    if not packed_only(frame):
        other = Encoding.PACKED if encoding is Encoding.JSON else Encoding.JSON
        assert payload.encode(frame, other)


def written(frame: Frame, encoding: Encoding) -> bytes:
    """A frame in this encoding, or packed where it has no other."""
    return payload.encode(frame, Encoding.PACKED if packed_only(frame) else encoding)


def packed_only(frame: Frame) -> bool:
    """Whether it has no other form."""
    asked = frame.request if isinstance(frame, Query) else frame
    return isinstance(asked, NO_JSON)


@given(st.one_of(st.binary(max_size=80), st.builds(bytes.__add__, FIRST_BYTES, st.binary(max_size=80))))
def test_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    try_to_read(data)


@given(PACKED_FRAMES, st.sampled_from(Encoding), CHANGES)
def test_changed_frames_raise_only_protocol_errors(
    frame: Frame, encoding: Encoding, changes: list[tuple[str, int, int]]
) -> None:
    try_to_read(mutated(written(frame, encoding), changes))


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
@given(PACKED_FRAMES, st.sampled_from(Encoding), CHANGES)
def test_many_changed_frames_raise_only_protocol_errors(
    frame: Frame, encoding: Encoding, changes: list[tuple[str, int, int]]
) -> None:
    try_to_read(mutated(written(frame, encoding), changes))
