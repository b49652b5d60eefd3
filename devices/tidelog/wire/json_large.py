"""The JSON form of stubs, and of the frames of large bodies (SPEC.md, "JSON")."""

from __future__ import annotations

import re
from typing import Final

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_MESSAGE
from tidelog.wire.json_bodies import body_fields, take_body
from tidelog.wire.jsontext import JsonValue, Object, base64_of, octets
from tidelog.wire.large import Ask, Chunk, Portion, Upload, checked_chunk, checked_portion
from tidelog.wire.limits import (
    BODY_DIGEST_BYTES,
    EPOCH_STOP,
    KIND_STOP,
    PAGE_BYTES_DEFAULT,
    REQUEST_ID_STOP,
    SEQ_STOP,
)
from tidelog.wire.stubs import Stub, checked

_DIGEST: Final = re.compile(rf"[0-9a-f]{{{2 * BODY_DIGEST_BYTES}}}")


def from_stub(stub: Stub) -> dict[str, JsonValue]:
    """The fields of a stub; its first bytes stand as a body would."""
    given: dict[str, JsonValue] = {"size": stub.size, "digest": stub.digest.hex()}
    return given | ({"of_kind": stub.kind} if stub.kind else {}) | body_fields(stub.first)


def to_stub(given: Object) -> Stub:
    """Take the fields of a stub.

    Raises:
        ProtocolError: some are missing, malformed, or beyond a limit.
    """
    return checked(
        Stub(
            kind=given.uint("of_kind", KIND_STOP, default=KIND_MESSAGE),
            size=fields.large_bytes(given.take("size"), "size"),
            digest=_digest(given.take("digest")),
            first=take_body(given),
        )
    )


def written(frame: Ask | Chunk | Portion | Upload) -> dict[str, JsonValue]:
    """Write one of the frames."""
    match frame:
        case Ask():
            return _from_ask(frame)
        case Chunk():
            digest = frame.digest.hex()
            told = _told(frame.offset, frame.data)
            return {"type": "chunk", "id": frame.rid, "digest": digest, "size": frame.size, **told}
        case Portion():
            told = _told(frame.offset, frame.data)
            of_whole: dict[str, JsonValue] = {"digest": frame.digest.hex()} if frame.digest else {}
            return {"type": "portion", "id": frame.rid, "size": frame.size, **told, **of_whole}
        case Upload():
            return {"type": "upload", "id": frame.rid, **_told(frame.offset, b"")}


def _from_ask(frame: Ask) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {
        "type": "ask",
        "id": frame.rid,
        "channel": frame.channel,
        "epoch": frame.epoch,
        "seq": frame.seq,
        **_told(frame.offset, b""),
    }
    if frame.page_bytes != PAGE_BYTES_DEFAULT:
        given["page_bytes"] = frame.page_bytes
    return given


def to_ask(given: Object) -> Ask:
    """Read a request for a portion of a body."""
    frame = Ask(
        rid=_id(given),
        channel=fields.channel(given.take("channel")),
        epoch=given.uint("epoch", EPOCH_STOP),
        seq=fields.seq(given.take("seq"), SEQ_STOP, "seq"),
        offset=_offset(given),
        page_bytes=given.optional("page_bytes", fields.page_bytes, PAGE_BYTES_DEFAULT),
    )
    given.done()
    return frame


def to_chunk(given: Object) -> Chunk:
    """Read a part of a body on its way up."""
    frame = Chunk(
        rid=_id(given),
        digest=_digest(given.take("digest")),
        size=fields.large_bytes(given.take("size"), "size"),
        offset=_offset(given),
        data=_data(given),
    )
    given.done()
    return checked_chunk(frame)


def to_portion(given: Object) -> Portion:
    """Read a portion of a body."""
    frame = Portion(
        rid=_id(given),
        size=fields.large_bytes(given.take("size"), "size"),
        offset=_offset(given),
        data=_data(given),
        digest=given.optional("digest", _digest, b""),
    )
    given.done()
    return checked_portion(frame)


def to_upload(given: Object) -> Upload:
    """Read how far an upload has come."""
    frame = Upload(rid=_id(given), offset=_offset(given))
    given.done()
    return frame


def _told(offset: int, data: bytes) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {"offset": offset} if offset else {}
    return given | {"data64": base64_of(data)} if data else given


def _id(given: Object) -> int:
    return given.uint("id", REQUEST_ID_STOP, default=0)


def _offset(given: Object) -> int:
    return fields.large_bytes(given.take("offset", 0), "offset")


def _data(given: Object) -> bytes:
    return given.optional("data64", lambda value: octets(value, "data64"), b"")


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ProtocolError(
            f"a digest is not {2 * BODY_DIGEST_BYTES} hexadecimal digits: {fields.shown(value)}"
        )
    return bytes.fromhex(value)
