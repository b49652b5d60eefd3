"""The JSON form of `Messages`, `Receipts` and `Fault` (SPEC.md, "JSON")."""

from __future__ import annotations

import re
from typing import Final

from tidelog.wire import fields
from tidelog.wire.errors import Code, ProtocolError, hint_for
from tidelog.wire.frames import Fault, Message, Messages, Receipt, Receipts, Rejection
from tidelog.wire.json_revisions import from_body, to_body
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import (
    BATCH_MESSAGES_MAX,
    EPOCH_STOP,
    KIND_STOP,
    MESSAGE_NUMBER_STOP,
    REQUEST_ID_STOP,
    SEQ_STOP,
    TIME_MS_STOP,
    VERSION_STOP,
)

_OUTBOX: Final = re.compile(r"[0-9a-f]{8}")
_DIGEST: Final = re.compile(r"[0-9a-f]{4}")
_CODES: Final = {code.word: code for code in Code}


def from_messages(frame: Messages) -> dict[str, JsonValue]:
    """Write messages; a single one without a list."""
    outbox = _from_outbox(frame.outbox)
    if len(frame.messages) == 1:
        return {"type": "message"} | outbox | _from_message(frame.messages[0])
    return (
        {"type": "messages"} | outbox | {"messages": [_from_message(message) for message in frame.messages]}
    )


def to_message(given: Object) -> Messages:
    """Read a message that came alone."""
    outbox = given.optional("outbox", _to_outbox, b"")
    return _batch(outbox, (_to_message(given),))


def to_messages(given: Object) -> Messages:
    """Read a list of messages."""
    outbox = given.optional("outbox", _to_outbox, b"")
    listed = fields.items(given.take("messages"), BATCH_MESSAGES_MAX, "messages")
    given.done()
    if not listed:
        raise ProtocolError("a list without a message")
    return _batch(outbox, tuple(_to_message(Object(item, "a message")) for item in listed))


def _batch(outbox: bytes, messages: tuple[Message, ...]) -> Messages:
    fields.numbering([message.n for message in messages], outbox)
    return Messages(outbox=outbox, messages=messages)


def _from_message(message: Message) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {"n": message.n} if message.n else {}
    given |= {"channel": message.channel} | kind_and_type(message.kind, message.content_type)
    if message.sent:
        given["sent"] = message.sent
    if message.epoch:
        given["epoch"] = message.epoch
    return given | from_body(message.kind, message.body)


def _to_message(given: Object) -> Message:
    kind = given.uint("kind", KIND_STOP, default=0)
    message = Message(
        n=given.uint("n", MESSAGE_NUMBER_STOP, default=0),
        channel=fields.channel(given.take("channel")),
        body=to_body(kind, given),
        kind=kind,
        sent=given.uint("sent", TIME_MS_STOP, default=0),
        content_type=given.optional("content_type", fields.content_type, ""),
        epoch=given.uint("epoch", EPOCH_STOP, default=0),
    )
    given.done()
    return message


def kind_and_type(kind: int, content_type: str) -> dict[str, JsonValue]:
    """The two fields of a message or record, where they are not at their defaults."""
    given: dict[str, JsonValue] = {"kind": kind} if kind else {}
    return given | {"content_type": content_type} if content_type else given


def _from_outbox(outbox: bytes) -> dict[str, JsonValue]:
    return {"outbox": outbox.hex()} if outbox else {}


def _to_outbox(value: object) -> bytes:
    if not isinstance(value, str) or not _OUTBOX.fullmatch(value):
        raise ProtocolError(f"an outbox is not 8 hexadecimal digits: {fields.shown(value)}")
    return bytes.fromhex(value)


def from_receipts(frame: Receipts) -> dict[str, JsonValue]:
    """Write receipts."""
    receipts: list[JsonValue] = [
        {
            "n": receipt.n,
            "channel": receipt.channel,
            "epoch": receipt.epoch,
            "seq": receipt.seq,
            "time": receipt.time,
            **_from_digest(receipt.digest),
        }
        for receipt in frame.receipts
    ]
    given: dict[str, JsonValue] = {
        "type": "receipts",
        **_from_outbox(frame.outbox),
        "highest": frame.highest,
        **({"author": frame.author} if frame.author else {}),
        "receipts": receipts,
    }
    if frame.rejections:
        given["rejected"] = [
            {"n": rejection.n, "code": rejection.code.word, **_from_digest(rejection.digest)}
            for rejection in frame.rejections
        ]
    return given


def _from_digest(digest: bytes) -> dict[str, JsonValue]:
    return {"digest": digest.hex()} if digest else {}


def _take_digest(given: Object, n: int) -> bytes:
    digest = given.optional("digest", _to_digest, b"")
    if digest and not n:
        raise ProtocolError("an answer without a number has a digest")
    return digest


def _to_digest(value: object) -> bytes:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ProtocolError(f"a digest is not 4 hexadecimal digits: {fields.shown(value)}")
    return bytes.fromhex(value)


def to_receipts(given: Object) -> Receipts:
    """Read receipts."""
    receipts = fields.items(given.take("receipts"), BATCH_MESSAGES_MAX, "receipts")
    frame = Receipts(
        outbox=given.optional("outbox", _to_outbox, b""),
        highest=given.uint("highest", MESSAGE_NUMBER_STOP),
        author=given.optional("author", fields.user, ""),
        receipts=tuple(_to_receipt(Object(item, "a receipt")) for item in receipts),
        rejections=given.optional("rejected", _to_rejections, ()),
    )
    given.done()
    fields.numbering([receipt.n for receipt in frame.receipts], frame.outbox)
    return frame


def _to_receipt(given: Object) -> Receipt:
    n = given.uint("n", MESSAGE_NUMBER_STOP)
    receipt = Receipt(
        n=n,
        channel=fields.channel(given.take("channel")),
        epoch=given.uint("epoch", EPOCH_STOP),
        seq=fields.seq(given.take("seq"), SEQ_STOP, "seq"),
        time=given.uint("time", TIME_MS_STOP),
        digest=_take_digest(given, n),
    )
    given.done()
    return receipt


def _to_rejections(value: object) -> tuple[Rejection, ...]:
    return tuple(
        _to_rejection(Object(item, "a rejection"))
        for item in fields.items(value, BATCH_MESSAGES_MAX, "rejected")
    )


def _to_rejection(given: Object) -> Rejection:
    n = given.uint("n", MESSAGE_NUMBER_STOP)
    rejection = Rejection(n=n, code=_to_code(given.take("code")), digest=_take_digest(given, n))
    given.done()
    return rejection


def from_fault(frame: Fault) -> dict[str, JsonValue]:
    """Write a fault, with the hint that goes with its code."""
    given: dict[str, JsonValue] = {"type": "error", "code": frame.code.word}
    if frame.rid:
        given["id"] = frame.rid
    if frame.text:
        given["text"] = fields.cut_text(frame.text)
    given["hint"] = hint_for(frame.code)
    if frame.version:
        given["version"] = frame.version
    return given


def to_fault(given: Object) -> Fault:
    """Read a fault; its hint is for people, and the reader has its own."""
    frame = Fault(
        code=_to_code(given.take("code")),
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        text=given.optional("text", fields.fault_text, ""),
        version=given.uint("version", VERSION_STOP, default=0),
    )
    given.optional("hint", fields.fault_text, "")
    given.done()
    return frame


def _to_code(value: object) -> Code:
    if not isinstance(value, str):
        raise ProtocolError(f"a code is not a word: {fields.shown(value)}")
    if value not in _CODES:
        raise ProtocolError(f"unknown code {fields.shown(value)}", wire_code=Code.UNSUPPORTED)
    return _CODES[value]
