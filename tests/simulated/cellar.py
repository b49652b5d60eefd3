"""Large bodies as plain byte strings: slow, obvious, and as mean as their contract allows."""

from __future__ import annotations

from collections.abc import Iterator

from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.blobs import Blob


class Cellar:
    """`tidelog_service.engine.blobs.Blobs` for unit tests.

    Attributes:
        data: of each body, by its key.
        uploads: keys by device and digest.
        records: keys by the channel's key and the seq.
    """

    def __init__(self) -> None:
        self.data: dict[int, bytes] = {}
        self.uploads: dict[tuple[str, bytes], int] = {}
        self.records: dict[tuple[int, int], int] = {}
        self._sizes: dict[int, int] = {}

    def upload(self, device: str, digest: bytes) -> Blob | None:
        key = self.uploads.get((device, digest))
        return None if key is None else Blob(key, self._sizes[key], len(self.data[key]))

    def begin(self, device: str, digest: bytes, size: int, now_ms: int) -> Blob:
        del now_ms
        assert (device, digest) not in self.uploads, "an upload begun twice"
        key = len(self._sizes) + 1
        self.uploads[device, digest] = key
        self._sizes[key], self.data[key] = size, b""
        return Blob(key, size, 0)

    def add(self, upload: Blob, data: bytes, now_ms: int) -> Blob:
        del now_ms
        assert len(self.data[upload.id]) == upload.got, "a stale upload"
        self.data[upload.id] += data
        return upload._replace(got=upload.got + len(data))

    def forget(self, upload: Blob) -> None:
        self.uploads = {its: key for its, key in self.uploads.items() if key != upload.id}
        del self.data[upload.id]

    def attach(self, upload_id: int, channel_id: int, seq: int) -> None:
        self.uploads = {its: key for its, key in self.uploads.items() if key != upload_id}
        self.records[channel_id, seq] = upload_id

    def of_record(self, channel_id: int, seq: int) -> Blob | None:
        key = self.records.get((channel_id, seq))
        return None if key is None else Blob(key, self._sizes[key], len(self.data[key]))

    def erase(self, channel_id: int, seqs: RangeSet) -> int:
        gone = 0
        for channel, seq in [its for its in self.records if its[0] == channel_id and its[1] in seqs]:
            gone += len(self.data.pop(self.records.pop((channel, seq))))
        return gone

    def pieces(self, blob_id: int, start: int, stop: int) -> Iterator[bytes]:
        for at in range(start, stop, 777):
            yield self.data[blob_id][at : min(at + 777, stop)]
