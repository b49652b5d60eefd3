from __future__ import annotations

import math
import random
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from tidelog.wire.rangecoder import TOTAL_MAX, Decoder, Encoder, Frequencies

ALPHABET = 12
SYMBOLS = st.lists(st.integers(0, ALPHABET - 1), max_size=300)
PLAIN = st.lists(st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, (1 << n) - 1))))


def written(symbols: list[int], step: int = 24) -> bytes:
    coder, model = Encoder(), Frequencies(ALPHABET, step)
    for symbol in symbols:
        model.encode(coder, symbol)
    return coder.finish()


def read(data: bytes, count: int, step: int = 24) -> tuple[list[int], bool]:
    coder, model = Decoder(data), Frequencies(ALPHABET, step)
    return [model.decode(coder) for _ in range(count)], coder.spent


@given(SYMBOLS, st.sampled_from([1, 24, 40_000]))
def test_symbols_are_read_back_and_no_byte_is_left(symbols: list[int], step: int) -> None:
    assert read(written(symbols, step), len(symbols), step) == (symbols, True)


@given(PLAIN)
def test_plain_bits_are_read_back(values: list[tuple[int, int]]) -> None:
    coder = Encoder()
    for count, value in values:
        coder.bits(value, count)
    data = coder.finish()
    assert len(data) <= -(-sum(count for count, _ in values) // 8) + 1
    reader = Decoder(data)
    assert [reader.bits(count) for count, _ in values] == [value for _, value in values]
    assert reader.spent


@given(st.lists(st.integers(0, TOTAL_MAX - 1), max_size=200))
def test_a_carry_goes_through_full_bytes(tops: list[int]) -> None:
    """Steps at the very top of the interval leave FF bytes, which a later carry runs through."""
    coder = Encoder()
    for top in [*tops, *[TOTAL_MAX - 1] * 8, *tops]:
        coder.encode(top, 1, TOTAL_MAX)
    reader = Decoder(coder.finish())
    for top in [*tops, *[TOTAL_MAX - 1] * 8, *tops]:
        assert reader.slot(TOTAL_MAX) == top
        reader.take(top, 1)


def test_the_size_is_the_entropy() -> None:
    rnd = random.Random(1)
    weights = [2.0**-i for i in range(1, ALPHABET + 1)]
    symbols = rnd.choices(range(ALPHABET), weights, k=20_000)
    total = sum(weights)
    entropy = -sum(w / total * math.log2(w / total) for w in weights) * len(symbols) / 8
    assert entropy * 0.98 < len(written(symbols)) < entropy * 1.02


def test_nothing_takes_no_bytes() -> None:
    assert Encoder().finish() == b""
    assert Decoder(b"").spent


@given(st.binary(max_size=60))
def test_any_bytes_are_symbols(data: bytes) -> None:
    symbols, _ = read(data, 100)
    assert all(0 <= symbol < ALPHABET for symbol in symbols)


@given(SYMBOLS, st.binary(min_size=7, max_size=9))
def test_bytes_that_nobody_needs_are_noticed(symbols: list[int], more: bytes) -> None:
    _, spent = read(written(symbols).ljust(len(symbols) * 2, b"\0") + more, len(symbols))
    assert not spent


def test_damage_does_not_make_the_work_grow() -> None:
    """What a division left over belongs to no symbol; a stream that points there must not pile it up."""
    coder = Decoder(b"\xff" * 60_000)
    before = process_time()
    for _ in range(20_000):
        coder.slot(65_535)
        coder.take(65_534, 1)
    assert coder._code.bit_length() <= 48
    assert process_time() - before < 1


def test_counts_are_halved_before_they_overflow() -> None:
    model = Frequencies(3, 24, [(1, 1_000_000)])
    assert model._total <= TOTAL_MAX
    model.grow(TOTAL_MAX)
    assert min(model._counts) == 1
