"""Codec 0, ``none``: bodies as they are; for those that do not compress, and for plain decoders."""

from __future__ import annotations

from collections.abc import Sequence

from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import CODEC_NONE


class Plain:
    """Joins bodies and nothing else."""

    id = CODEC_NONE
    name = "none"

    def compress(self, bodies: Sequence[bytes], context: bytes) -> bytes:  # noqa: ARG002 - it needs none
        """The bodies, one after the other."""
        return b"".join(bodies)

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:  # noqa: ARG002 - it needs none
        """The bytes themselves.

        Raises:
            ProtocolError: they are not ``size`` bytes.
        """
        if len(data) != size:
            raise ProtocolError(f"bodies of {len(data)} bytes where the sizes say {size}")
        return data
