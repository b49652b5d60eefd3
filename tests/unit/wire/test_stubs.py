"""What a log has of a large body."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_EDIT, KIND_STUB
from tidelog.wire.limits import BODY_BYTES_MAX, LARGE_BYTES_MAX, STUB_FIRST_BYTES_MAX
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, edit_body
from tidelog.wire.stubs import Stub, body_digest, read_stub, stub_body, stub_for, stub_of
from unit.wire.document import table
from unit.wire.strategies import STUBS

DIGEST = bytes(32)


@given(STUBS)
def test_a_stub_is_read_as_it_was_written(stub: Stub) -> None:
    assert read_stub(stub_body(stub)) == stub
    assert stub_of(KIND_STUB, stub_body(stub)) == stub


@given(STUBS)
def test_an_edit_may_bring_one(stub: Stub) -> None:
    voids = RangeSet([(1, 2)])
    body = edit_body(Edit(voids=voids, kind=KIND_STUB, time=5, content=stub_body(stub)))
    assert stub_of(KIND_EDIT, body) == stub
    assert stub_of(KIND_EDIT, edit_body(Edit(voids=voids, time=5, content=stub_body(stub)))) is None


@given(st.binary(max_size=80), st.integers(0, 255))
def test_other_bytes_are_refused_or_none(body: bytes, kind: int) -> None:
    try:
        stub = read_stub(body)
    except ProtocolError:
        assert stub_of(KIND_STUB, body) is None
    else:
        assert stub_of(KIND_STUB, body) == stub
    stub_of(kind, body)


@pytest.mark.parametrize(
    ("stub", "code"),
    [
        (Stub(size=BODY_BYTES_MAX, digest=DIGEST, first=b""), Code.MALFORMED),
        (Stub(size=LARGE_BYTES_MAX + 1, digest=DIGEST, first=b""), Code.LIMIT),
        (Stub(size=40_000, digest=DIGEST[1:], first=b""), Code.MALFORMED),
        (Stub(size=40_000, digest=DIGEST, first=bytes(STUB_FIRST_BYTES_MAX + 1)), Code.LIMIT),
        (Stub(kind=KIND_STUB, size=40_000, digest=DIGEST, first=b""), Code.UNSUPPORTED),
        (Stub(kind=KIND_EDIT, size=40_000, digest=DIGEST, first=b""), Code.UNSUPPORTED),
    ],
)
def test_what_no_stub_can_say_is_refused(stub: Stub, code: Code) -> None:
    with pytest.raises(ProtocolError) as refused:
        read_stub(stub_body(stub))
    assert refused.value.wire_code is code


def test_a_digest_is_that_of_the_whole_however_it_comes() -> None:
    body = bytes(range(256)) * 200
    assert body_digest([body[:5], b"", body[5:]]) == body_digest([body])
    assert body_digest([body]) == blake2b(body, digest_size=32).digest()


def test_the_stub_of_a_text_has_its_first_lines_whole_characters_only() -> None:
    body = ("ä" * 127 + "€\n").encode() * 200
    stub = stub_for(body, kind=16)
    assert (stub.kind, stub.size, stub.digest) == (16, len(body), body_digest([body]))
    assert stub.first == ("ä" * 127).encode()


def test_of_other_files_it_has_what_tells_their_type() -> None:
    body = b"\x89PNG\r\n\x1a\n" + bytes(40_000)
    assert stub_for(body).first == body[:16]


@pytest.mark.parametrize("row", table("Large bodies"), ids=lambda row: row[1])
def test_an_example_of_a_stub_is_right(row: list[str]) -> None:
    octets, says = row
    stub = read_stub(bytes.fromhex(octets.strip("`").replace(" ", "")))
    body = b"all of it: " + b"-" * 33_786
    assert stub == Stub(size=len(body), digest=body_digest([body]), first=b"all of it: ")
    assert f"{len(body):,}" in says
