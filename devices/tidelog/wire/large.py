"""The frames with which large bodies go up and come down, piece by piece (SPEC.md, "Large bodies").

As with `tidelog.wire.frames`, validation of what a peer sent happens in the decoders.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tidelog.wire.errors import ProtocolError
from tidelog.wire.limits import CHUNK_GRAIN_BYTES, PAGE_BYTES_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A device asks for a portion of a body that it does not have all of.

    Attributes:
        rid: the request's id, echoed in the answer.
        channel: the channel's name.
        epoch: of the log, as the device knows it.
        seq: the record's number.
        offset: bytes of the body before the portion.
        page_bytes: the largest answer, payload bytes.
    """

    rid: int
    channel: str
    epoch: int
    seq: int
    offset: int = 0
    page_bytes: int = PAGE_BYTES_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A portion of a body.

    Attributes:
        rid: the request's id.
        size: bytes of the whole body.
        offset: bytes before this portion.
        data: the portion; empty only where nothing follows the offset.
        digest: of the whole body, where no stub tells it; else empty.
    """

    rid: int
    size: int
    offset: int = 0
    data: bytes = field(default=b"", repr=False)
    digest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A device sends a part of a large body; one without data asks how much of it is there.

    Attributes:
        rid: the upload's id on this connection, echoed in all answers to it.
        digest: of the whole body, see `tidelog.wire.stubs.body_digest`.
        size: bytes of the whole body.
        offset: bytes before this part, a multiple of ``CHUNK_GRAIN_BYTES``.
        data: the part, whose length is such a multiple unless it is the last one.
    """

    rid: int
    digest: bytes
    size: int
    offset: int = 0
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How far an upload has come.

    Attributes:
        rid: the upload's id.
        offset: so many bytes, from the beginning, are on the service's disk.
    """

    rid: int
    offset: int = 0


def checked_portion(portion: Portion) -> Portion:
    """The portion of a peer, which lies within its body; both decoders share this.

    Raises:
        ProtocolError: it goes on beyond the end, or brings nothing where something follows.
    """
    if portion.offset + len(portion.data) > portion.size:
        raise ProtocolError("a portion lies beyond the end of its body")
    if not portion.data and portion.offset < portion.size:
        raise ProtocolError("an empty portion")
    return portion


def checked_chunk(chunk: Chunk) -> Chunk:
    """The chunk of a peer, which lies within its body and on the grain; both decoders share this.

    Raises:
        ProtocolError: it does not.
    """
    stop = chunk.offset + len(chunk.data)
    if stop > chunk.size:
        raise ProtocolError("a chunk lies beyond the end of its body")
    if chunk.offset % CHUNK_GRAIN_BYTES or (stop % CHUNK_GRAIN_BYTES and stop < chunk.size):
        raise ProtocolError(f"a chunk does not begin and end at a multiple of {CHUNK_GRAIN_BYTES}")
    return chunk
