from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire import payload
from tidelog.wire.anyframe import Frame
from tidelog.wire.enrolling import Enrol
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.fetching import Fetch
from tidelog.wire.frames import SyncRequest
from tidelog.wire.large import Ask, Chunk
from tidelog.wire.limits import REQUEST_ID_STOP
from tidelog.wire.marks import MarkRequest
from tidelog.wire.page_frames import Resync
from tidelog.wire.payload import Encoding
from tidelog.wire.queries import Query
from unit.wire.strategies import FRAMES


@given(FRAMES, st.sampled_from(Encoding))
def test_the_first_byte_tells_the_encoding(frame: Frame, encoding: Encoding) -> None:
    written = payload.encode(frame, encoding)
    assert payload.decode(written) == (frame, encoding)
    assert Encoding.of(written) is encoding


@given(FRAMES, st.sampled_from(Encoding))
def test_a_request_has_its_id_and_nothing_else_has_one(frame: Frame, encoding: Encoding) -> None:
    asked = (
        frame.rid
        if isinstance(frame, SyncRequest | Resync | Fetch | Query | Enrol | MarkRequest | Ask | Chunk)
        else 0
    )
    if encoding is Encoding.PACKED or asked:
        assert payload.request_id(payload.encode(frame, encoding)) == asked


@given(st.binary(max_size=60))
def test_an_id_that_cannot_be_read_is_none(data: bytes) -> None:
    assert 0 <= payload.request_id(data) < REQUEST_ID_STOP
    assert payload.request_id(b"{" + data) == 0


def test_an_empty_payload_is_malformed() -> None:
    with pytest.raises(ProtocolError) as caught:
        payload.decode(b"")
    assert caught.value.wire_code is Code.MALFORMED


def test_json_with_space_before_the_brace_is_taken_for_another_version() -> None:
    with pytest.raises(ProtocolError) as caught:
        payload.decode(b'\x0a{"type":"sync"}')
    assert caught.value.wire_code is Code.VERSION
