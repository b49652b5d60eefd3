from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpora
from tidelog.codec import bodies, ppmd
from tidelog.codec.ppmd import ORDERS, Ppmd, memory_bytes
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

CODEC = Ppmd()
FUZZER: Final = Path(__file__).parents[2] / "ppmd_fuzzer.py"
WORDS = st.lists(st.sampled_from([b"salt ", b"tide ", b"ebb\0", b"\xff\xff", b"log\0"]), max_size=60).map(
    b"".join
)
TEXTS = st.one_of(WORDS, st.binary(max_size=300))


def scattered(seed: int, size: int) -> bytes:
    """Text of few letters whose output just passes 32 KiB."""
    rnd = random.Random(seed)
    return bytes(
        int(97 + 24 * rnd.random() * rnd.random()) if rnd.random() < 0.85 else 32 for _ in range(size)
    )


@settings(max_examples=200)
@given(TEXTS, TEXTS, st.sampled_from([2, 4, 5, 6, 8, 64]))
def test_what_is_compressed_is_expanded(text: bytes, context: bytes, order: int) -> None:
    codec = Ppmd(order)
    data = codec.compress(text, context)
    assert codec.expand(data, len(text), context) == text
    assert not data.endswith(b"\0")


@pytest.mark.parametrize(
    ("text", "context", "data"),
    [
        (b"", b"", ""),
        (b"hello\0", b"", "67fb837d6ff1"),
        (b"hello\0", b"hello there\0hello you\0", "5273"),
        (b"\xff\xfe\xfd\0" * 3, b"tide\0" * 9, "62a1f6ca692d"),
    ],
)
def test_other_implementations_write_the_same(text: bytes, context: bytes, data: str) -> None:
    assert CODEC.compress(text, context).hex() == data
    assert CODEC.expand(bytes.fromhex(data), len(text), context) == text


def held_back(seed: int) -> tuple[list[bytes], bytes, int]:
    """Parts of few or many letters, a context, and how many parts are to go in."""
    rnd = random.Random(seed)
    letters = rnd.sample(range(256), rnd.choice([1, 2, 5, 20, 200]))
    parts = [
        bodies.joined([bytes(rnd.choices(letters, k=rnd.randrange(30)))]) for _ in range(rnd.randrange(2, 20))
    ]
    context = bytes(rnd.choices(letters, k=rnd.randrange(400)))
    return parts, context, rnd.randrange(1, len(parts))


def test_a_text_is_cut_where_a_part_ends_whatever_followed() -> None:
    """Many, since bytes wait for a carry at one such place in 80 only."""
    for seed in range(1000):
        parts, context, taken = held_back(seed)
        whole = len(CODEC.compress(b"".join(parts[:taken]), context))
        filled = CODEC.fill(parts, context, whole, memory=1 << 20, first_always=True)
        text = b"".join(parts[: filled.taken])
        assert filled.taken
        assert CODEC.expand(filled.data, len(text), context) == text, seed
        assert len(filled.data) <= whole or filled.taken == 1


def test_bytes_that_wait_for_a_carry_are_kept() -> None:
    """After ``end`` bytes the encoder holds one back, those that wait as FF or have become 00, and 4."""
    assert ppmd._cut(bytes.fromhex("aa bb 11 22 33 44 55 66"), 2) == bytes.fromhex("bb 11 22 33 44 55")
    assert ppmd._cut(bytes.fromhex("aa 10 ff ff 22 33 44 55 66"), 1) == bytes.fromhex("10 ff ff 22 33 44 55")
    assert ppmd._cut(bytes.fromhex("aa 11 00 22 33 44 55 66"), 1) == bytes.fromhex("11 00 22 33 44 55")
    assert ppmd._cut(bytes.fromhex("aa 11 22 00 00 00 55 66"), 1) == bytes.fromhex("11 22")


@pytest.mark.parametrize("seed", [187, 222, 317])
def test_no_byte_is_lost_where_the_output_passes_32_kib(seed: int) -> None:
    """These texts do not decode where pyppmd 1.3.1 encodes them in a single call."""
    text = scattered(seed, 66_000)
    assert CODEC.expand(CODEC.compress(text, b""), len(text), b"") == text


def test_no_byte_is_lost_in_a_long_context() -> None:
    text = scattered(342, 66_000)
    assert CODEC.expand(CODEC.compress(b"tide\0", text), 5, text) == b"tide\0"


def test_a_stream_that_ends_in_a_bare_system_error_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *_: int) -> None: ...

        def decode(self, *_: object) -> bytes:
            raise SystemError("returned NULL without setting an exception")

    monkeypatch.setattr("tidelog.codec.ppmd.pyppmd.Ppmd7Decoder", Broken)
    with pytest.raises(ProtocolError, match="damaged"):
        CODEC.expand(b"", 5, b"")


def test_the_decoder_is_called_once_and_with_more_input_than_it_can_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that has run out of input corrupts memory in its next call."""
    calls: list[int] = []

    class Counted:
        def __init__(self, order: int, memory: int) -> None:
            self._real = real(order, memory)

        def decode(self, data: bytes, size: int) -> bytes:
            calls.append(len(data))
            return bytes(self._real.decode(data, size))

    assert ppmd.pyppmd is not None
    real = ppmd.pyppmd.Ppmd7Decoder
    monkeypatch.setattr(ppmd.pyppmd, "Ppmd7Decoder", Counted)
    CODEC.expand(CODEC.compress(b"tide\0", b"ebb\0"), 5, b"ebb\0")
    assert len(calls) == 1
    assert calls[0] >= 64 + 2 * 5 + 4 // 2


def lost_kib(times: int, work: Callable[[], object]) -> float:
    """How much memory is not given back each time."""
    for _ in range(10):
        work()
    before = resident_kib()
    for _ in range(times):
        work()
    return (resident_kib() - before) / times


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_what_the_package_loses_each_time_is_bounded() -> None:
    """It was 90 KB of each compression after 64 KiB of context, and 350 KB of each expansion."""
    context, text = scattered(1, 64 << 10), scattered(2, 2_000)
    data = CODEC.compress(text, context)
    assert lost_kib(60, lambda: CODEC.compress(text, context)) < 40
    assert lost_kib(60, lambda: CODEC.expand(data, len(text), context)) < 90


def test_sizes_are_refused_before_anything_is_decoded() -> None:
    with pytest.raises(ProtocolError) as caught:
        CODEC.expand(b"", PAGE_BODIES_BYTES_MAX + 1, b"")
    assert caught.value.wire_code is Code.LIMIT
    with pytest.raises(ProtocolError):
        CODEC.expand(bytes(200), 5, b"")


@pytest.mark.parametrize("memory", [0, ppmd.MEMORY_BYTES_MIN - 1, ppmd.MEMORY_BYTES_MAX + 1])
def test_a_model_that_a_peer_wants_too_small_or_too_large_is_refused(memory: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        CODEC.expand(b"", 5, b"", memory)
    assert caught.value.wire_code is Code.LIMIT


def test_a_small_model_forgets_and_both_sides_have_to_have_the_same() -> None:
    context = scattered(5, 200_000)
    text = context[:2_000]
    small = CODEC.compress(text, context, ppmd.MEMORY_BYTES_MIN)
    assert small != CODEC.compress(text, context)
    assert CODEC.expand(small, len(text), context, ppmd.MEMORY_BYTES_MIN) == text


def test_memory_is_derived_and_bounded() -> None:
    assert memory_bytes(0) == 1 << 20
    assert memory_bytes(1 << 16) == 1 << 20
    assert memory_bytes((1 << 16) + 1) == 2 << 20
    assert memory_bytes((256 + 16) << 10) == 8 << 20
    assert memory_bytes(1 << 40) == 64 << 20


@pytest.mark.parametrize("order", [ORDERS.start - 1, ORDERS.stop])
def test_an_order_that_there_is_not_is_refused(order: int) -> None:
    with pytest.raises(UsageError):
        Ppmd(order)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmd, "pyppmd", None)
    assert not ppmd.available()
    with pytest.raises(UsageError) as caught:
        Ppmd()
    assert "tidelog[ppmd]" in caught.value.hint


@pytest.mark.parametrize(
    ("corpus", "missing", "bytes_max"),
    # Less than 10 % above what all that is held, order 6 and 64 MiB give, for 100; 20 % for 20.
    [("chat", 20, 545), ("chat", 100, 2640), ("telemetry", 20, 95), ("telemetry", 100, 475)],
)
def test_real_bodies_after_64_kib_of_context(corpus: str, missing: int, bytes_max: int) -> None:
    listed = [row["body"].encode() for row in corpora.records(corpus)]
    sizes = []
    for end in range(10_000, 12_001, 500):
        text = bodies.joined(listed[end - missing : end])
        context = bodies.joined(listed[end - missing - 2000 : end - missing])[-(64 << 10) :]
        data = CODEC.compress(text, context)
        assert CODEC.expand(data, len(text), context) == text
        sizes.append(len(data))
    assert sum(sizes) / len(sizes) <= bytes_max


def fuzz(seconds: int) -> None:
    """Run the fuzzer as a process of its own: a crash of the decoder must not take pytest with it."""
    ended = subprocess.run(
        [sys.executable, FUZZER, str(seconds)],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    assert ended.returncode == 0, f"ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    assert int(ended.stdout.split()[0]) > 100


def test_damaged_streams_end_in_time_and_without_a_crash() -> None:
    fuzz(seconds=4)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
def test_damaged_streams_for_long() -> None:
    """By turns: pyppmd keeps memory, 30 MB with the streams of a second."""
    for _ in range(20):
        fuzz(seconds=30)


def test_a_stream_below_a_full_byte_that_was_held_back_is_refused() -> None:
    """What the encoder held back may begin with 255: then no first byte is large enough for less than it."""
    assert ppmd._restored(b"\xff\x00\x00\x00\x05", b"\x00\x00\x00\x05") == b"\xff\x00\x00\x00\x05"
    with pytest.raises(ProtocolError):
        ppmd._restored(b"\xff\x00\x00\x00\x05", b"\x00\x00\x00\x04")
