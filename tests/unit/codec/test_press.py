from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpora
from tidelog.codec import bodies, ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import ORDER, Ppmd, memory_bytes
from tidelog.codec.press import Pressed, PressJob, press
from tidelog.wire.errors import UsageError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

NONE, DEFLATE, PPMD = 0, 1, 2
CODECS = [NONE, DEFLATE, PPMD]
LISTS = st.lists(
    st.one_of(
        st.sampled_from([b"", b"low tide", b"low tide at noon", b"ebb\0\1"]),
        st.binary(max_size=40),
        st.integers(0, 60).map(lambda size: b"a" * size),
    ),
    max_size=12,
).map(tuple)


def job_of(codec: int, listed: tuple[bytes, ...], room: int, **changed: object) -> PressJob:
    job = PressJob(codec, ORDER, b"", listed, room, first_always=False)
    return job._replace(**changed)  # type: ignore[arg-type]  # of any field


def expanded(pressed: Pressed, job: PressJob) -> list[bytes]:
    """What the receiver makes of it; the size of the text travels."""
    size = len(bodies.joined(job.bodies[: pressed.taken]))
    match pressed.codec:
        case 0:
            text = pressed.data
        case 1:
            text = Deflate().expand(pressed.data, size, job.context)
        case _:
            text = Ppmd(job.order).expand(pressed.data, size, job.context, pressed.memory_bytes)
    return list(bodies.split(text, pressed.taken))


@settings(max_examples=300)
@given(st.sampled_from(CODECS), LISTS, LISTS, st.integers(0, 200), st.sampled_from([0, 1]))
def test_what_is_pressed_is_expanded_and_fits(
    codec: int, listed: tuple[bytes, ...], held: tuple[bytes, ...], room: int, first_always: int
) -> None:
    job = job_of(codec, listed, room, context=bodies.joined(held), first_always=bool(first_always))
    pressed = press(job)
    assert expanded(pressed, job) == list(listed[: pressed.taken])
    assert len(pressed.data) <= room or (first_always and pressed.taken == 1)
    assert pressed.taken or not (listed and first_always)
    assert pressed == press(job)
    assert bool(pressed.memory_bytes) == (pressed.codec == PPMD)
    assert len(pressed.data) <= len(bodies.joined(listed[: pressed.taken]))


@settings(max_examples=200)
@given(LISTS, LISTS, st.integers(0, 200))
def test_with_ppmd_one_body_more_would_not_have_fitted(
    listed: tuple[bytes, ...], held: tuple[bytes, ...], room: int
) -> None:
    """But for the 3 bytes that a cut keeps, and for zeros at the end, by which one of 256 is shorter."""
    job = job_of(PPMD, listed, room, context=bodies.joined(held))
    pressed = press(job)
    more = bodies.joined(listed[: pressed.taken + 1])
    memory = memory_bytes(len(job.context) + len(bodies.joined(listed)))
    if pressed.taken < len(listed):
        assert size_with_zeros(more, job.context, memory) > room - 3


def size_with_zeros(text: bytes, context: bytes, memory: int) -> int:
    """What `Ppmd.compress` makes, before zeros at its end are left out: all but a first byte and a tail."""
    encoder = Ppmd()._encoder(memory)
    ppmd._feed(encoder, context)
    return len(ppmd._feed(encoder, text) + encoder.flush()) - 4


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("corpus", ["chat", "telemetry"])
def test_a_page_of_real_bodies_is_filled(corpus: str, codec: int) -> None:
    listed = tuple(row["body"].encode() for row in corpora.records(corpus)[:9000])
    context = bodies.joined(listed[:300])
    job = job_of(codec, listed[300:], 4096, context=context, first_always=True)
    pressed = press(job)
    assert pressed.codec == codec
    assert 4096 * 31 // 32 - 200 * (codec == NONE) <= len(pressed.data) <= 4096
    assert expanded(pressed, job) == list(job.bodies[: pressed.taken])


@pytest.mark.parametrize("room", range(60, 700, 16))
def test_ppmd_leaves_no_more_room_than_the_next_body_takes(room: int) -> None:
    listed = tuple(row["body"].encode() for row in corpora.records("chat")[:400])
    job = job_of(PPMD, listed[300:], room, context=bodies.joined(listed[:300]))
    pressed = press(job)
    assert len(pressed.data) <= room
    memory = pressed.memory_bytes
    more = bodies.joined(job.bodies[: pressed.taken + 1])
    assert len(Ppmd().compress(more, job.context, memory)) > room - 3


def test_what_all_fits_is_as_short_as_it_can_be() -> None:
    job = job_of(PPMD, (b"hello",), 100, context=b"hello there\0hello you\0")
    assert press(job) == Pressed(PPMD, bytes.fromhex("5273"), 1, 1 << 20)
    assert press(job._replace(room_bytes=2)).taken == 1
    assert press(job._replace(room_bytes=1)).taken == 0
    assert press(job._replace(room_bytes=1, first_always=True)).data.hex() == "5273"


@pytest.mark.parametrize("codec", CODECS)
def test_no_bodies_are_no_bytes(codec: int) -> None:
    assert press(job_of(codec, (), 100, first_always=True)) == Pressed(NONE, b"", 0, 0)


@pytest.mark.parametrize("codec", CODECS)
def test_empty_bodies_are_taken(codec: int) -> None:
    job = job_of(codec, (b"",) * 3000, 200, first_always=True)
    pressed = press(job)
    assert pressed.taken == (200 if codec == NONE else 3000)
    assert expanded(pressed, job) == [b""] * pressed.taken


@pytest.mark.parametrize("codec", CODECS)
def test_a_huge_first_body_goes_in_alone_where_it_must(codec: int) -> None:
    huge = " ".join(map(str, range(6000))).encode()
    job = job_of(codec, (huge, b"small"), 1000)
    assert press(job).taken == 0
    alone = press(job._replace(first_always=True))
    assert (alone.codec, alone.taken) == (codec, 1)
    assert expanded(alone, job) == [huge]


def test_a_huge_body_in_the_middle_stops_the_page_before_it() -> None:
    job = job_of(
        PPMD, (b"low tide at noon", bytes(range(2, 256)) * 100, b"small"), 24, context=b"low tide at\0"
    )
    pressed = press(job)
    assert (pressed.codec, pressed.taken) == (PPMD, 1)
    assert expanded(pressed, job) == [b"low tide at noon"]


@pytest.mark.parametrize("codec", CODECS)
def test_what_does_not_compress_goes_as_it_is(codec: int) -> None:
    listed = (b"\x91\x05\xfe", b"\x17\xc3", b"\0")
    pressed = press(job_of(codec, listed, 100))
    assert pressed == Pressed(NONE, bodies.joined(listed), 3, 0)


@pytest.mark.parametrize("codec", [DEFLATE, PPMD])
def test_a_text_stays_within_what_a_receiver_expands(codec: int) -> None:
    listed = (b"a" * 32_767,) * 40
    pressed = press(job_of(codec, listed, 60_000, first_always=True))
    ends = list(accumulate(map(bodies.size, listed)))
    assert pressed.taken == 32
    assert ends[pressed.taken - 1] == PAGE_BODIES_BYTES_MAX


def test_memory_covers_what_was_offered() -> None:
    listed = tuple(f"reading {n} of the gauge".encode() for n in range(12_000))
    pressed = press(job_of(PPMD, listed, 500))
    assert pressed.taken < 2000
    assert pressed.memory_bytes == 8 << 20


@pytest.mark.parametrize(("codec", "order"), [(31, ORDER), (PPMD, 1), (PPMD, 65)])
def test_a_codec_or_order_that_there_is_not_is_refused(codec: int, order: int) -> None:
    with pytest.raises(UsageError):
        press(job_of(codec, (b"a",), 10, order=order))
