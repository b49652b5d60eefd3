"""Codec 2, ``ppmd``: PPMd var. H after a context, by the optional package pyppmd (docs/pages.md, "PPMd").

What travels of the range coder's output is only what the receiver cannot know. When the context is in, the
encoder has put out P; it holds back a byte, bytes FF that wait for a carry, and 4 bytes of its interval. A
flush at that point yields them as T: 5 bytes, rarely more. The text's output, read as a big-endian number
from the same place, lies in [T, T + 2^32) at T's scale, so its first byte follows from T; and the interval
that it ends in is at least 2^24 wide, so its last 3 bytes can be 0. Neither is sent.

pyppmd 1.3.1 has three faults, all avoided here and nowhere else: an encoder call that puts out 32 KiB or more
may lose a byte; a decoder that has run out of input corrupts memory in the next call; and some streams end
in a bare SystemError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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

_MEMORY_BYTES_MIN: Final = 1 << 20
MEMORY_BYTES_MAX: Final = 64 << 20
"""Of a model; enough for 4 MiB of context and text together."""

_MEMORY_PER_BYTE: Final = 16
"""A model needs 12 bytes for each of context and text at order 6, 16 at order 8; with fewer it restarts."""

_BYTE_MAX: Final = 0xFF
_TAIL_BITS: Final = 24
"""The last interval is at least this wide."""

_INPUT_PER_BYTE: Final = 4
_INPUT_BYTES: Final = 64
"""Zeros after the data, for each byte to decode and besides: more than any symbol takes."""


def available() -> bool:
    """Whether pyppmd is installed."""
    return pyppmd is not None


def memory_bytes(size: int) -> int:
    """The model's memory for so many bytes of context and text; both sides compute it, it does not travel."""
    memory = _MEMORY_BYTES_MIN
    while memory < _MEMORY_PER_BYTE * size and memory < MEMORY_BYTES_MAX:
        memory <<= 1
    return memory


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

    def compress(self, text: bytes, context: bytes) -> bytes:
        """Compress the bodies of a page (`tidelog.codec.bodies.joined`) after a context of such."""
        encoder = self._encoder(len(context) + len(text))
        _feed(encoder, context)
        return _trimmed(_feed(encoder, text) + encoder.flush())

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:
        """Undo `compress`.

        Takes time and memory by the context and the size, whatever the data; in C that is not fit for
        hostile input, so a service never calls it on what a device sent.

        Args:
            data: from a peer, of any content.
            size: bytes of the text, which the page tells; as many are made.
            context: as in `compress`.

        Raises:
            ProtocolError: the data does not decode, or the size is over the limit (code LIMIT).
        """
        if size > PAGE_BODIES_BYTES_MAX:
            raise ProtocolError(f"bodies: more than {PAGE_BODIES_BYTES_MAX} bytes", wire_code=Code.LIMIT)
        whole = len(context) + size
        if len(data) > _INPUT_PER_BYTE * size + _INPUT_BYTES:
            raise ProtocolError(f"{len(data)} bytes of PPMd for {size}")
        encoder = self._encoder(whole)
        before = _feed(encoder, context)
        stream = before + _restored(encoder.flush(), data) + bytes(_INPUT_PER_BYTE * whole + _INPUT_BYTES)
        return self._decoded(stream, whole)[len(context) :]

    def _encoder(self, size: int) -> pyppmd.Ppmd7Encoder:
        return pyppmd.Ppmd7Encoder(self._order, memory_bytes(size))

    def _decoded(self, stream: bytes, size: int) -> bytes:
        """One call, never a second: the decoder is not safe once it has run out of input."""
        if not size:
            return b""
        try:
            out = pyppmd.Ppmd7Decoder(self._order, memory_bytes(size)).decode(stream, size)
        except (SystemError, ValueError, EOFError) as error:  # how it ends some streams that are not its own
            raise ProtocolError("a PPMd stream is damaged") from error
        if len(out) != size:
            raise ProtocolError("a PPMd stream ends early")
        return bytes(out)


def _feed(encoder: pyppmd.Ppmd7Encoder, data: bytes) -> bytes:
    """Encode in slices: a call that puts out 32 KiB or more may lose the byte that does not fit its block."""
    return b"".join(
        [encoder.encode(data[at : at + _SLICE_BYTES]) for at in range(0, len(data), _SLICE_BYTES)]
    )


def _trimmed(output: bytes) -> bytes:
    """Round the number up to a multiple of 2^24; leave out its first byte and zeros at its end."""
    number = -(-int.from_bytes(output) >> _TAIL_BITS)
    size = len(output) - _TAIL_BITS // 8
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
