"""Codec 2, ``ppmd``: PPMd var. H after a context, by the optional package pyppmd (SPEC.md, "PPMd").

What travels of the range coder's output is only what the receiver cannot know. When the context is in, the
encoder has put out P; it holds back a byte, bytes FF that wait for a carry, and 4 bytes of its interval. A
flush at that point yields them as T: 5 bytes, rarely more. The text's output, read as a big-endian number
from the same place, lies in [T, T + 2^32) at T's scale, so its first byte follows from T; and the interval
that it ends in is at least 2^24 wide, so its last 3 bytes can be 0. Neither is sent.

A text may also be cut where one of its parts ends (`Ppmd.fill`): what follows only narrows the interval of
the parts before, whose lower end is a whole number at its own scale. So the stream, cut at that scale, is a
number in that interval, and makes those parts; its last 3 bytes then have to be kept.

pyppmd 1.3.1 has four faults (docs/pages.md, "Four faults of pyppmd"), all met here and nowhere else: an
encoder call that puts out 32 KiB or more may lose a byte; a decoder that has run out of input corrupts memory
in the next call; some streams end in a bare SystemError; and memory is lost: what an encoder is given
(avoided), 20 KB with each encoder, and with each decoder the input that it did not need.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

if TYPE_CHECKING:
    import pyppmd
else:
    try:
        import pyppmd
    except ImportError:  # an extra: a device without it offers deflate
        pyppmd = None

ORDER: Final = 6
"""The best at every size of context from 64 KiB on, at no cost in time; 8 wins a little on telemetry."""

ORDERS: Final = range(2, 65)
"""What PPMd var. H allows."""

_SLICE_BYTES: Final = 4_096
"""Given to the encoder at a time: the most seen to come out of that, of any data, is 4,621 bytes."""

MEMORY_BYTES_MIN: Final = 1 << 20
MEMORY_BYTES_MAX: Final = 64 << 20
"""Of a model; enough for 4 MiB of context and text together."""

_MEMORY_PER_BYTE: Final = 16
"""A model needs 12 bytes for each of context and text at order 6, 16 at order 8; with fewer it restarts."""

_BYTE_MAX: Final = 0xFF
_TAIL_BITS: Final = 24
"""The last interval is at least this wide."""
_TAIL_BYTES: Final = _TAIL_BITS // 8
_HELD_BACK: Final = 5  # bytes at least: one for a carry to go into, and the interval

_DATA_PER_BYTE: Final = 4
_INPUT_PER_BYTE: Final = 2
_INPUT_BYTES: Final = 64
"""What data may take for a byte of text, zeros after it, and some of both besides. Damaged streams take half
a byte a symbol, one at most; of the context only the end can come out wrong: half a byte is enough for it."""


def available() -> bool:
    """Whether pyppmd is installed."""
    return pyppmd is not None


def memory_bytes(size: int) -> int:
    """The model's memory for so many bytes of context and text, a power of two.

    The receiver needs the same: it computes it too, or is told where the sender did not know the text's size.
    """
    memory = MEMORY_BYTES_MIN
    while memory < _MEMORY_PER_BYTE * size and memory < MEMORY_BYTES_MAX:
        memory <<= 1
    return memory


class Filled(NamedTuple):
    """As many parts as there was room for."""

    data: bytes
    taken: int


class Ppmd:
    """PPMd of one order; the wire names it.

    Args:
        order: symbols of context, in `ORDERS`.

    Raises:
        UsageError: pyppmd is not installed, or there is no such order.
    """

    id = 2
    name = "ppmd"

    __slots__ = ("_order",)

    def __init__(self, order: int = ORDER) -> None:
        """See the class."""
        if not available():
            raise UsageError("no pyppmd", code="codec", hint="pip install 'tidelog[ppmd]'")
        if order not in ORDERS:
            raise UsageError(f"PPMd of order {order}", code="codec")
        self._order = order

    def compress(self, text: bytes, context: bytes, memory: int | None = None) -> bytes:
        """Compress the bodies of a page (`tidelog.codec.bodies.joined`) after a context of such.

        Args:
            text: at most ``PAGE_BODIES_BYTES_MAX``.
            context: what both sides hold.
            memory: of the model, up to ``MEMORY_BYTES_MAX``; `memory_bytes` of the two if not given.
        """
        encoder = self._encoder(memory or memory_bytes(len(context) + len(text)))
        _feed(encoder, context)
        return _trimmed(_feed(encoder, text) + encoder.flush())

    def fill(
        self, parts: Sequence[bytes], context: bytes, room_bytes: int, *, memory: int, first_always: bool
    ) -> Filled:
        """Compress the first parts of a text, as many as there is room for, in one pass.

        Where parts are left out, the data is up to 3 bytes longer than that of `compress` for those taken.

        Args:
            parts: none empty.
            context: what both sides hold.
            room_bytes: what the data may take.
            memory: as in `compress`.
            first_always: take the first part whatever it takes.
        """
        encoder = self._encoder(memory)
        _feed(encoder, context)
        filling = _Filling(encoder, room_bytes, first_always=first_always)
        for part in parts:
            if not filling.take(part):
                break
        return filling.end()

    def expand(self, data: bytes, size: int, context: bytes, memory: int | None = None) -> bytes:
        """Undo `compress`.

        Takes time and memory by the context and the size, whatever the data; in C that is not fit for
        hostile input, so a service never calls it on what a device sent.

        Args:
            data: from a peer, of any content.
            size: bytes of the text, which the page tells; as many are made.
            context: as in `compress`.
            memory: of the sender's model; `memory_bytes` of context and text if not given.

        Raises:
            ProtocolError: the data does not decode, or size or memory is over its limit (code LIMIT).
        """
        if size > PAGE_BODIES_BYTES_MAX:
            raise ProtocolError(f"bodies: more than {PAGE_BODIES_BYTES_MAX} bytes", wire_code=Code.LIMIT)
        whole = len(context) + size
        memory = memory_bytes(whole) if memory is None else memory
        if not MEMORY_BYTES_MIN <= memory <= MEMORY_BYTES_MAX:
            raise ProtocolError(f"a model of {memory} bytes", wire_code=Code.LIMIT)
        if len(data) > _DATA_PER_BYTE * size + _INPUT_BYTES:
            raise ProtocolError(f"{len(data)} bytes of PPMd for {size}")
        encoder = self._encoder(memory)
        before = _feed(encoder, context)
        more = bytes(_INPUT_PER_BYTE * size + len(context) // 2 + _INPUT_BYTES)
        stream = before + _restored(encoder.flush(), data) + more
        return self._decoded(stream, whole, memory)[len(context) :]

    def _encoder(self, memory: int) -> pyppmd.Ppmd7Encoder:
        return pyppmd.Ppmd7Encoder(self._order, memory)

    def _decoded(self, stream: bytes, size: int, memory: int) -> bytes:
        """One call, never a second: the decoder is not safe once it has run out of input."""
        if not size:
            return b""
        try:
            out = pyppmd.Ppmd7Decoder(self._order, memory).decode(stream, size)
        except (SystemError, ValueError, EOFError) as error:  # how it ends some streams that are not its own
            raise ProtocolError("a PPMd stream is damaged") from error
        if len(out) != size:
            raise ProtocolError("a PPMd stream ends early")
        return bytes(out)


class _Filling:
    """The output of an encoder, and where in it each part ended."""

    __slots__ = ("_encoder", "_ends", "_first_always", "_output", "_room_bytes", "_whole")

    def __init__(self, encoder: pyppmd.Ppmd7Encoder, room_bytes: int, *, first_always: bool) -> None:
        self._encoder = encoder
        self._room_bytes = room_bytes
        self._first_always = first_always
        self._output = bytearray()
        self._ends: list[int] = []
        self._whole = True

    def take(self, part: bytes) -> bool:
        """Encode a part, as far as it does not pass the room; whether there is room for more."""
        self._whole = False
        for at in range(0, len(part), _SLICE_BYTES):
            self._output += _feed(self._encoder, part[at : at + _SLICE_BYTES])
            if self._full:
                return False
        self._ends.append(len(self._output))
        self._whole = True
        return not self._full

    @property
    def _full(self) -> bool:
        """Whether data would not fit that ended here: first byte and tail are left out of it."""
        least = len(self._output) - 1 + _HELD_BACK - _TAIL_BYTES
        return least > self._room_bytes and (bool(self._ends) or not self._first_always)

    def end(self) -> Filled:
        """Flush; cut where the last part that fits ended."""
        stream = bytes(self._output) + self._encoder.flush()
        if self._whole and self._fits(whole := _trimmed(stream), len(self._ends)):
            return Filled(whole, len(self._ends))
        near = bisect_right(self._ends, self._room_bytes - _HELD_BACK + 1)
        for taken in range(max(near, min(len(self._ends), 1)), 0, -1):
            if self._fits(data := _cut(stream, self._ends[taken - 1]), taken):
                return Filled(data, taken)
        return Filled(b"", 0)

    def _fits(self, data: bytes, taken: int) -> bool:
        """Only bytes that wait for a carry make a cut longer than its end says: then one part less fits."""
        return len(data) <= self._room_bytes or (taken == 1 and self._first_always)


def _cut(stream: bytes, end: int) -> bytes:
    """The stream as far as it makes what was encoded when ``end`` bytes had come out; without its first byte.

    Bytes FF waited for a carry there, and may have become 00: as many are kept as may have.
    """
    after = stream[end + 1 :]
    waited = len(after) - min(len(after.lstrip(byte)) for byte in (b"\0", b"\xff"))
    return stream[1 : end + waited + _HELD_BACK].rstrip(b"\0")


class _Scratch:
    """What an encoder is given: it never lets go of a buffer, so it gets the same ones again and again."""

    __slots__ = ("_bytes", "_views")

    def __init__(self) -> None:
        self._bytes = bytearray(_SLICE_BYTES)
        self._views: dict[int, memoryview] = {}

    def holding(self, data: bytes) -> memoryview:
        """A view of a copy of at most ``_SLICE_BYTES``, until the next call."""
        size = len(data)
        self._bytes[:size] = data
        if size not in self._views:
            self._views[size] = memoryview(self._bytes)[:size]
        return self._views[size]


_IDLE: Final[list[_Scratch]] = []
"""Those that no thread uses; there are as many as threads that have encoded at one time."""


def _feed(encoder: pyppmd.Ppmd7Encoder, data: bytes) -> bytes:
    """Encode in slices: a call that puts out 32 KiB or more may lose the byte that does not fit its block."""
    try:
        scratch = _IDLE.pop()
    except IndexError:
        scratch = _Scratch()
    slices = [data[at : at + _SLICE_BYTES] for at in range(0, len(data), _SLICE_BYTES)]
    output = b"".join([encoder.encode(scratch.holding(each)) for each in slices])
    _IDLE.append(scratch)
    return output


def _trimmed(output: bytes) -> bytes:
    """Round the number up to a multiple of 2^24; leave out its first byte and zeros at its end."""
    number = -(-int.from_bytes(output) >> _TAIL_BITS)
    size = len(output) - _TAIL_BYTES
    return number.to_bytes(size)[1:].rstrip(b"\0")


def _restored(held_back: bytes, data: bytes) -> bytes:
    """Find the first byte: the smallest that makes the number at least what the encoder held back.

    Raises:
        ProtocolError: there is none: no encoder in this state goes on so.
    """
    size = max(len(held_back) - 1, len(data))
    low = int.from_bytes(held_back) << 8 * (size + 1 - len(held_back))
    number = int.from_bytes(data.ljust(size, b"\0"))
    first = max(-(-(low - number) >> 8 * size), 0)
    if first > _BYTE_MAX:
        raise ProtocolError("a PPMd stream does not follow from its context")
    return (number + (first << 8 * size)).to_bytes(size + 1)
