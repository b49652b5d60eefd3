"""Codec 0, ``none``: the text as it is; for bodies that do not compress."""

from __future__ import annotations

from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import CODEC_NONE


class Plain:
    """Compresses nothing."""

    id = CODEC_NONE
    name = "none"

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:  # noqa: ARG002 - it needs none
        """The bytes themselves.

        Raises:
            ProtocolError: they are not ``size`` bytes.
        """
        if len(data) != size:
            raise ProtocolError(f"a text of {len(data)} bytes where the page says {size}")
        return data
