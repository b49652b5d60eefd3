"""The packed form of the frames of large bodies (SPEC.md, "Large bodies")."""

from __future__ import annotations

from typing import Final

from tidelog.wire import fields
from tidelog.wire.cbor import Value
from tidelog.wire.frames import Type
from tidelog.wire.large import Ask, Chunk, Portion, Upload, checked_chunk, checked_portion
from tidelog.wire.layout import Layout
from tidelog.wire.limits import EPOCH_STOP, PAGE_BYTES_DEFAULT, REQUEST_ID_STOP, SEQ_STOP

ASK: Final = Layout(what="an ask", required=4, defaults=(0, PAGE_BYTES_DEFAULT), extensible=True)
CHUNK: Final = Layout(what="a chunk", required=3, defaults=(0, b""), extensible=True)
PORTION: Final = Layout(what="a portion", required=2, defaults=(0, b"", b""), extensible=True)
UPLOAD: Final = Layout(what="an upload", required=1, defaults=(0,), extensible=True)


def written(frame: Ask | Chunk | Portion | Upload) -> tuple[Type, list[Value]]:
    """Write one of the frames: its type, and the items of its array."""
    match frame:
        case Ask():
            items: list[Value] = [frame.rid, frame.channel, frame.epoch, frame.seq]
            return Type.ASK, ASK.trimmed([*items, frame.offset, frame.page_bytes])
        case Chunk():
            return Type.CHUNK, CHUNK.trimmed([frame.rid, frame.digest, frame.size, frame.offset, frame.data])
        case Portion():
            told: list[Value] = [frame.rid, frame.size, frame.offset, frame.data, frame.digest]
            return Type.PORTION, PORTION.trimmed(told)
        case Upload():
            return Type.UPLOAD, UPLOAD.trimmed([frame.rid, frame.offset])


def read(kind: int, items: list[Value]) -> Ask | Chunk | Portion | Upload:
    """Read one of the frames, by its type.

    Raises:
        ProtocolError: it is malformed, or something in it is beyond a limit.
    """
    match kind:
        case Type.ASK:
            return _to_ask(items)
        case Type.CHUNK:
            return _to_chunk(items)
        case Type.PORTION:
            return _to_portion(items)
    rid, offset = UPLOAD.filled(items)
    return Upload(rid=_rid(rid), offset=fields.large_bytes(offset, "an offset"))


def _to_ask(items: list[Value]) -> Ask:
    rid, channel, epoch, seq, offset, page_bytes = ASK.filled(items)
    return Ask(
        rid=_rid(rid),
        channel=fields.channel(channel),
        epoch=fields.uint(epoch, EPOCH_STOP, "an epoch"),
        seq=fields.seq(seq, SEQ_STOP, "a seq"),
        offset=fields.large_bytes(offset, "an offset"),
        page_bytes=fields.page_bytes(page_bytes),
    )


def _to_chunk(items: list[Value]) -> Chunk:
    rid, digest, size, offset, data = CHUNK.filled(items)
    return checked_chunk(
        Chunk(
            rid=_rid(rid),
            digest=fields.body_digest(digest),
            size=fields.large_bytes(size, "the size of a body"),
            offset=fields.large_bytes(offset, "an offset"),
            data=fields.octets(data, "a chunk"),
        )
    )


def _to_portion(items: list[Value]) -> Portion:
    rid, size, offset, data, digest = PORTION.filled(items)
    return checked_portion(
        Portion(
            rid=_rid(rid),
            size=fields.large_bytes(size, "the size of a body"),
            offset=fields.large_bytes(offset, "an offset"),
            data=fields.octets(data, "a portion"),
            digest=b"" if digest == b"" else fields.body_digest(digest),
        )
    )


def _rid(value: Value) -> int:
    return fields.uint(value, REQUEST_ID_STOP, "a request id")
