"""Large bodies: what keeps them, whose they become, and how they go out (SPEC.md, "Large bodies")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_STUB, Message
from tidelog.wire.large import Ask, Portion
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import read_stub, stub_of

PORTION_BYTES: Final = 20
"""A portion's own headers at most: first byte, array, rid, size, offset, and the head of its bytes."""

JSON_PORTION_BYTES: Final = 96
"""The same in JSON, with the names of the fields."""


class Blob(NamedTuple):
    """A large body, on its way up or of a record.

    Attributes:
        id: the store's key, at least 1.
        size: bytes of the whole.
        got: so many, from the beginning, are there; where that is all, the digest was right.
    """

    id: int
    size: int
    got: int


class Blobs(Protocol):
    """The bytes of large bodies, apart from the records: no sync reads them.

    As with `tidelog_service.engine.ports.Store`, which it is a part of: what writes stands in that store's
    transaction, and every method may raise `tidelog.wire.errors.Unavailable`.
    """

    def upload(self, device: str, digest: bytes) -> Blob | None:
        """What a device has brought of a body; nobody else's upload is ever found."""
        ...

    def begin(self, device: str, digest: bytes, size: int, now_ms: int) -> Blob:
        """Begin an upload, which the device does not have; older ones may go to make room."""
        ...

    def add(self, upload: Blob, data: bytes, now_ms: int) -> Blob:
        """Add what follows to an upload, a chunk's worth at a time; the upload as it then is."""
        ...

    def forget(self, upload: Blob) -> None:
        """Delete an upload."""
        ...

    def attach(self, upload_id: int, channel_id: int, seq: int) -> None:
        """Make an upload the body of a record, with which it will go; it counts as bytes of its channel."""
        ...

    def of_record(self, channel_id: int, seq: int) -> Blob | None:
        """The body of a record, or ``None`` where it has no large one, or is no more."""
        ...

    def erase(self, channel_id: int, seqs: RangeSet) -> int:
        """Delete the bodies of records, some of the bytes maybe later; every run is finite.

        Returns:
            the bytes of them all.
        """
        ...

    def pieces(self, blob_id: int, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, or to where they end; reads little else."""
        ...


@dataclass(slots=True)
class Brought:
    """Which uploads the messages of a batch take over.

    Attributes:
        blobs: where they are.
        bytes_max: the largest body that is taken.
        taken: of each upload, the channel's key and the seq of the record that has it now.
    """

    blobs: Blobs
    bytes_max: int
    taken: dict[int, tuple[int, int]] = field(default_factory=dict)

    def upload_of(self, device: str, message: Message) -> int:
        """The upload that a message speaks of; 0 where it speaks of none.

        Args:
            device: who sent it: another device's uploads are not looked at.
            message: as it is to be stored.

        Raises:
            ProtocolError: with code BLOB where the bytes are not there; LIMIT where they are too many;
                MALFORMED where it is no stub, or the stub begins otherwise than its body.
            Unavailable: the store failed.
        """
        if message.kind == KIND_STUB:
            read_stub(message.body)
        stub = stub_of(message.kind, message.body)
        if stub is None:
            return 0
        if stub.size > self.bytes_max:
            raise ProtocolError(f"a body of {stub.size} bytes", wire_code=Code.LIMIT)
        upload = self.blobs.upload(device, stub.digest)
        if upload is None or upload.got < upload.size or upload.size != stub.size or upload.id in self.taken:
            raise ProtocolError("the bytes of the body are not there", wire_code=Code.BLOB)
        if b"".join(self.blobs.pieces(upload.id, 0, len(stub.first))) != stub.first:
            raise ProtocolError("a stub begins otherwise than its body")
        return upload.id

    def take(self, upload_id: int, channel_id: int, seq: int) -> None:
        """Note whose body an upload is now; 0 is none."""
        if upload_id:
            self.taken[upload_id] = channel_id, seq

    def write(self) -> None:
        """Put it into the open transaction."""
        for upload_id, (channel_id, seq) in self.taken.items():
            self.blobs.attach(upload_id, channel_id, seq)


def portion(ask: Ask, blob: Blob, blobs: Blobs, *, page_bytes_max: int, encoding: Encoding) -> Portion:
    """The portion of a body at the offset asked for, within the page asked for.

    Args:
        ask: of a device that may read the record.
        blob: the record's body.
        blobs: where it is.
        page_bytes_max: the operator's bound on the payload.
        encoding: of the answer.

    Raises:
        Unavailable: the store failed.
    """
    offset = min(ask.offset, blob.size)
    stop = min(offset + room_bytes(min(ask.page_bytes, page_bytes_max), encoding), blob.size)
    data = b"".join(blobs.pieces(blob.id, offset, stop)) if offset < stop else b""
    return Portion(rid=ask.rid, size=blob.size, offset=offset, data=data)


def room_bytes(page_bytes: int, encoding: Encoding) -> int:
    """Bytes of a body that fit a portion of so many."""
    if encoding is Encoding.PACKED:
        return page_bytes - PORTION_BYTES
    return (page_bytes - JSON_PORTION_BYTES) // 4 * 3
