"""Codec 1, ``deflate``: raw deflate (RFC 1951) after a preset dictionary (SPEC.md, "Deflate").

It is in every language's library.
"""

from __future__ import annotations

import zlib
from typing import Final

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import PAGE_BODIES_BYTES_MAX

WINDOW_BYTES: Final = 32_768
"""How far back deflate looks: more context than this is of no use."""

_RAW: Final = -15
_LEVEL: Final = 9
_MEMORY: Final = 9

ZEROS_MAX: Final = 8
"""Zero bytes that `Deflate.shortest` leaves out: the end mark alone nearly always is one."""


class Deflate:
    """The end of the context is the preset dictionary."""

    id = 1
    name = "deflate"

    def compress(self, text: bytes, context: bytes) -> bytes:
        """Compress the bodies of a page (`tidelog.codec.bodies.joined`) after a context of such."""
        preset = context[-WINDOW_BYTES:]
        strategy = zlib.Z_DEFAULT_STRATEGY
        coder = (
            zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY, strategy, preset)
            if preset
            else zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY, strategy)
        )
        return coder.compress(text) + coder.flush()

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:
        """Undo `compress`.

        Args:
            data: from a peer, of any content.
            size: bytes of the text, which the page tells; nothing longer is made.
            context: as in `compress`.

        Raises:
            ProtocolError: the data is damaged, does not make ``size`` bytes or goes on after its end, or the
                size is over the limit (code LIMIT).
        """
        if size > PAGE_BODIES_BYTES_MAX:
            raise ProtocolError(f"bodies: more than {PAGE_BODIES_BYTES_MAX} bytes", wire_code=Code.LIMIT)
        text, over = _inflated(data, size, context)
        if len(text) != size or over:
            raise ProtocolError(f"a deflate stream does not make {size} bytes")
        return text

    def expand_up_to(self, data: bytes, size_max: int, context: bytes) -> bytes:
        """Undo `compress` where the size was not told.

        Args:
            data: from a peer, of any content.
            size_max: nothing longer is made.
            context: as in `compress`.

        Raises:
            ProtocolError: the data is damaged or goes on after its end, or makes more (code LIMIT).
        """
        return self.lengthened(data, size_max, context, zeros=0)

    def shortest(self, text: bytes, context: bytes, *, zeros: int = ZEROS_MAX) -> bytes:
        """As `compress`, without zero bytes at the end, up to so many."""
        data = self.compress(text, context)
        return data[:-zeros] + data[-zeros:].rstrip(b"\0")

    def lengthened(self, data: bytes, most: int, context: bytes, *, zeros: int = ZEROS_MAX) -> bytes:
        """Undo `shortest`.

        Args:
            data: from a peer, of any content.
            most: bytes of the longest text allowed; nothing longer is made.
            context: as in `compress`.
            zeros: as in `shortest`; 0 where none was left out.

        Raises:
            ProtocolError: the data is damaged or goes on after its end, or the text is longer (code LIMIT).
        """
        text, over = _inflated(data + bytes(zeros), most, context)
        if len(text) > most:
            raise ProtocolError(f"a text of more than {most} bytes", wire_code=Code.LIMIT)
        if over > zeros:
            raise ProtocolError("bytes after the end of a deflate stream")
        return text


def _inflated(data: bytes, most: int, context: bytes) -> tuple[bytes, int]:
    """The text, or its first ``most + 1`` bytes, and how many bytes follow its end."""
    preset = context[-WINDOW_BYTES:]
    coder = zlib.decompressobj(_RAW, preset) if preset else zlib.decompressobj(_RAW)
    try:
        text = coder.decompress(data, most + 1)  # a limit of 0 would be none
    except zlib.error as error:
        raise ProtocolError("a deflate stream is damaged") from error
    if len(text) <= most and not coder.eof:
        raise ProtocolError("a deflate stream is cut short")
    return text, len(coder.unused_data)
