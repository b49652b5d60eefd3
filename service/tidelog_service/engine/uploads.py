"""Large bodies on their way up: chunks are kept where they follow on, the last one proves the digest.

See SPEC.md, "Chunk". One transaction a batch, as with messages; a batch that is served again finds its chunks
there and answers the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import Fault
from tidelog.wire.large import Chunk, Upload
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog.wire.payload import Encoding
from tidelog.wire.stubs import body_digest
from tidelog_service.engine.blobs import Blob, Blobs
from tidelog_service.engine.ports import Store
from tidelog_service.engine.rates import Rates

_CHUNK_BYTES: Final = 16_384
"""A chunk costs one token for each so many bytes: they are written once, and not looked into."""

_HASHED_BYTES: Final = 65_536
"""The last one costs one for each so many bytes of the whole, which is read again."""


class Sent(NamedTuple):
    """A chunk, who sent it, and how to answer."""

    device: str
    chunk: Chunk
    encoding: Encoding


class Told(NamedTuple):
    """An answer to one upload of a device."""

    device: str
    frame: Upload | Fault
    encoding: Encoding


class Uploads:
    """Takes chunks.

    Args:
        store: where they go.
        rates: charged for each.
        bytes_max: the largest body that is taken.
    """

    def __init__(self, store: Store, *, rates: Rates, bytes_max: int) -> None:
        """See the class."""
        self._store = store
        self._rates = rates
        self._bytes_max = bytes_max

    def receive(self, sent: Sequence[Sent], now_ms: int) -> list[Told]:
        """Keep what follows on; on disk when this returns.

        Args:
            sent: chunks in the order of arrival.
            now_ms: the service's clock, Unix milliseconds.

        Returns:
            one answer for each upload and kind of answer.

        Raises:
            Unavailable: the store failed; nothing was kept.
        """
        with self._store.transaction():
            return list(self._answers(sent, now_ms))

    def _answers(self, sent: Sequence[Sent], now_ms: int) -> Iterator[Told]:
        told: dict[tuple[str, int, type], Told] = {}
        for device, chunk, encoding in sent:
            frame = self._answer(device, chunk, now_ms)
            told[device, chunk.rid, type(frame)] = Told(device, frame, encoding)
        yield from told.values()

    def _answer(self, device: str, chunk: Chunk, now_ms: int) -> Upload | Fault:
        cost = 1 + len(chunk.data) // _CHUNK_BYTES
        if not self._rates.admit(device, now_ms, cost=cost):
            return Fault(code=Code.BUSY, rid=chunk.rid, text="too many requests")
        try:
            return Upload(rid=chunk.rid, offset=self._take(device, chunk, now_ms))
        except ProtocolError as error:
            return Fault(code=error.wire_code, rid=chunk.rid, text=str(error))

    def _take(self, device: str, chunk: Chunk, now_ms: int) -> int:
        """Keep a chunk where it follows on; how much is there then."""
        if chunk.size <= BODY_BYTES_MAX:
            raise ProtocolError(f"a body of {chunk.size} bytes goes inline")
        if chunk.size > self._bytes_max:
            text = f"a body of {chunk.size} bytes; at most {self._bytes_max} are taken"
            raise ProtocolError(text, wire_code=Code.LIMIT)
        blobs = self._store.blobs
        upload = blobs.upload(device, chunk.digest)
        if upload is not None and upload.size != chunk.size:
            blobs.forget(upload)
            upload = None
        got = upload.got if upload is not None else 0
        if not chunk.data or chunk.offset != got or got == chunk.size:
            return got
        upload = blobs.add(
            upload or blobs.begin(device, chunk.digest, chunk.size, now_ms), chunk.data, now_ms
        )
        if upload.got == upload.size:
            self._rates.charge(device, now_ms, cost=upload.size // _HASHED_BYTES)
            self._prove(upload, chunk.digest, blobs)
        return upload.got

    def _prove(self, upload: Blob, digest: bytes, blobs: Blobs) -> None:
        if body_digest(blobs.pieces(upload.id, 0, upload.size)) != digest:
            blobs.forget(upload)
            raise ProtocolError("the bytes are not those of their digest", wire_code=Code.BLOB)
