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
        preset = context[-WINDOW_BYTES:]
        coder = zlib.decompressobj(_RAW, preset) if preset else zlib.decompressobj(_RAW)
        try:
            text = coder.decompress(data, size + 1)  # a limit of 0 would be none
        except zlib.error as error:
            raise ProtocolError("a deflate stream is damaged") from error
        if len(text) != size or not coder.eof or coder.unused_data:
            raise ProtocolError(f"a deflate stream does not make {size} bytes")
        return text
