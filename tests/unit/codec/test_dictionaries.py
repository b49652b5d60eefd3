"""What primes a codec where the device holds nothing."""

from __future__ import annotations

import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import records
from tidelog.codec import bodies, dictionaries, ppmd
from tidelog.codec.deflate import WINDOW_BYTES, Deflate
from tidelog.codec.dictionaries import BUILTIN, Dictionary, builtin, deflated, inflated, trained
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.limits import DICTIONARY_BYTES_MAX, DICTIONARY_DEFLATED_BYTES_MAX, TRAINED_ID_MIN

TEXT = b"hello there, how are you today?\0"


def noise(size: int) -> bytes:
    """Bytes that nothing compresses."""
    made = b"".join(sha256(bytes([at % 256, at // 256])).digest() for at in range(size // 32 + 1))
    return made[:size]


def test_the_built_in_dictionary_never_changes() -> None:
    """Devices in the field have this one: a better one gets another number."""
    assert builtin().id == BUILTIN == 1
    assert sha256(builtin().data).hexdigest() == (
        "b05d2d47ee31464df95d9c049e48001f19f72b1707b929ae4a083ff39e37d98c"
    )


def test_it_is_a_context_that_deflate_sees_whole() -> None:
    data = builtin().data
    assert 4_096 <= len(data) <= 8_192 < WINDOW_BYTES
    assert data.endswith(bodies.END)
    assert all(bodies.split(data, data.count(bodies.END)))


@pytest.mark.parametrize(
    ("name", "count", "ppmd_share", "deflate_share"),
    [
        ("chat", 1, 0.70, 0.85),
        ("chat", 5, 0.78, 0.92),
        ("chat", 20, 0.83, 0.92),
        ("chat", 100, 0.92, 0.95),
        ("telemetry", 1, 0.62, 0.72),
        ("telemetry", 5, 0.78, 0.84),
        ("telemetry", 20, 0.90, 0.90),
        ("telemetry", 100, 1.01, 0.97),
    ],
)
def test_a_first_page_takes_this_share_of_one_without(
    name: str, count: int, ppmd_share: float, deflate_share: float
) -> None:
    every = [record["body"].encode() for record in records(name)]
    pages = [bodies.joined(every[at : at + count]) for at in range(900, len(every) - count, 1_000)]
    for codec, share in ((ppmd.Ppmd(), ppmd_share), (Deflate(), deflate_share)):
        without = sum(len(codec.compress(page, b"")) for page in pages)
        assert sum(len(codec.compress(page, builtin().data)) for page in pages) < share * without


def test_a_trained_one_is_named_by_its_content() -> None:
    assert trained(TEXT) == Dictionary(id=zlib.crc32(TEXT), data=TEXT)
    assert trained(TEXT).id >= TRAINED_ID_MIN


def test_one_that_is_empty_or_too_large_is_none() -> None:
    assert trained(bytes(DICTIONARY_BYTES_MAX)).id
    for wrong in (b"", bytes(DICTIONARY_BYTES_MAX + 1)):
        with pytest.raises(UsageError):
            trained(wrong)


def test_one_whose_id_is_a_built_in_ones_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionaries.zlib, "crc32", lambda _data: TRAINED_ID_MIN - 1)
    with pytest.raises(UsageError, match="255"):
        trained(TEXT)


@given(st.binary(min_size=1, max_size=300))
def test_what_is_deflated_is_inflated(data: bytes) -> None:
    made = trained(data)
    assert inflated(made.id, deflated(made)) == made


def test_the_largest_of_the_worst_fits_its_limit() -> None:
    worst = trained(noise(DICTIONARY_BYTES_MAX))
    assert DICTIONARY_BYTES_MAX < len(deflated(worst)) <= DICTIONARY_DEFLATED_BYTES_MAX
    assert inflated(worst.id, deflated(worst)) == worst


def test_what_the_built_in_one_has_costs_little_on_the_way() -> None:
    assert len(deflated(trained(builtin().data[1000:4000]))) < 100


def test_another_ones_bytes_are_refused() -> None:
    made = trained(TEXT)
    for number in (made.id ^ 1, 0):
        with pytest.raises(ProtocolError, match=str(number)):
            inflated(number, deflated(made))


def test_a_bomb_is_refused() -> None:
    bomb = Deflate().compress(bytes(10_000_000), builtin().data)
    with pytest.raises(ProtocolError) as caught:
        inflated(zlib.crc32(bytes(10_000_000)), bomb)
    assert caught.value.wire_code is Code.LIMIT


@given(st.binary(max_size=60), st.integers(0, 2**32))
def test_any_bytes_are_refused(data: bytes, number: int) -> None:
    with pytest.raises(ProtocolError):
        inflated(number, data)
