"""What tells whether two sides hold the same records: fingerprints that add up (SPEC.md, "Audit").

The sum of a set is the same whatever the order, and that of a range is a difference of two sums. Times are
not in it: a device may take them in whole seconds. Nor are deletes: many are void to one device and not to
another.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final

from tidelog.wire.frames import KIND_DELETE

SUM_STOP: Final = 2**64
"""Sums are taken modulo this."""

_FINGERPRINT_BYTES: Final = 8
_NUMBERS: Final = Struct(">QB")
"""Seq and kind."""

_STANDING: Final = Struct(">IQ")
"""Epoch and head."""


def fingerprint(channel: str, seq: int, kind: int, author: str, content_type: str, body: bytes) -> int:
    """A record's share of a sum: BLAKE2b (RFC 7693) of 8 bytes, as a number; 0 of a delete.

    Args:
        channel: its channel's name.
        seq: its number. The epoch is not told: a log that was restored has another one, and the same records.
        kind: what it is.
        author: who wrote it.
        content_type: a media type, or empty.
        body: as it travelled: of an edit all that it says.
    """
    if kind == KIND_DELETE:
        return 0
    told = _texts(channel, author, content_type) + _NUMBERS.pack(seq, kind) + body
    return int.from_bytes(blake2b(told, digest_size=_FINGERPRINT_BYTES).digest())


def log_fingerprint(channel: str, epoch: int, head: int) -> int:
    """A log's own share of the sum over all that a user may read: that it is there, and how far it goes.

    Args:
        channel: its channel's name.
        epoch: its incarnation.
        head: the highest seq that the user may read.
    """
    told = _texts(channel, "", "") + _STANDING.pack(epoch, head)
    return int.from_bytes(blake2b(told, digest_size=_FINGERPRINT_BYTES).digest())


@lru_cache(maxsize=1024)
def _texts(*texts: str) -> bytes:
    """Their lengths before them: so no two records are hashed as the same bytes. Few come again and again."""
    encoded = [text.encode() for text in texts]
    return bytes(map(len, encoded)) + b"".join(encoded)
