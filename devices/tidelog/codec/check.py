"""The 4 bytes that guard a page or a primed push (SPEC.md, "The check").

They find a wrong context, wrong history of the columns, a wrong have-set and a wrong decode.

They are no defence against forgery: who may write to a device's topics is the broker's business.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from tidelog.codec.bodies import END
from tidelog.wire import varint
from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import CHECK_BYTES
from tidelog.wire.metadata import Meta


def check(records: Iterable[tuple[str, int, Meta]], text: bytes, *, epoch: int = 0) -> bytes:
    """CRC-32 (as in zlib) of the metadata of all records, then of their text, big-endian.

    Metadata counts too: with wrong history the times come out wrong under the right bodies.

    Args:
        records: channel, seq and metadata of each, in the order of the bodies.
        text: the bodies as `tidelog.codec.bodies.joined` writes them.
        epoch: what the sum begins with, so that another epoch never passes with all the rest right; 0 where
            the epoch is told.
    """
    told = b"".join([_told(channel, seq, meta) for channel, seq, meta in records])
    return zlib.crc32(text, zlib.crc32(told, epoch)).to_bytes(CHECK_BYTES)


def verify(expected: bytes, records: Sequence[tuple[str, int, Meta]], text: bytes, *, epoch: int = 0) -> None:
    """Compare.

    Raises:
        ProtocolError: the page is not what the sender wrote (code ``context``): ask again without context.
    """
    if check(records, text, epoch=epoch) != expected:
        error = ProtocolError("a page does not decode to what was sent")
        error.code = "context"
        error.hint = "what the device holds is not what the service thinks: it asks again without context"
        raise error


def _told(channel: str, seq: int, meta: Meta) -> bytes:
    names = END.join(name.encode() for name in (channel, meta.author, meta.content_type))
    return names + END + varint.encode((seq, meta.time, meta.kind, varint.zigzag(meta.lag), meta.cut))
