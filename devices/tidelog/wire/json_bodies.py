"""A body in JSON: as text where it is some, else in Base64 (SPEC.md, "JSON")."""

from __future__ import annotations

from tidelog.wire import fields, jsontext
from tidelog.wire.errors import ProtocolError
from tidelog.wire.jsontext import JsonValue, Object, base64_of, octets


def body_fields(body: bytes) -> dict[str, JsonValue]:
    """A body as ``text``, or as ``body64`` where it is not UTF-8 or its escapes make it longer than Base64.

    So it is never much longer than four thirds of its bytes, and fits a packet: a control character takes
    six bytes in JSON.
    """
    try:
        text = body.decode("utf8")
    except UnicodeDecodeError:
        return {"body64": base64_of(body)}
    quoted = len(jsontext.dumps(text)) - len('""')
    return {"text": text} if quoted <= _base64_bytes(len(body)) else {"body64": base64_of(body)}


def _base64_bytes(size: int) -> int:
    return (size + 2) // 3 * 4


def take_body(given: Object) -> bytes:
    """Take the body of a message or record.

    Raises:
        ProtocolError: there is none, or two, or it is malformed or too large.
    """
    if "text" not in given and "body64" not in given:
        raise ProtocolError("a body is needed: text or body64")
    if "text" in given and "body64" in given:
        raise ProtocolError("a body is given twice: text and body64")
    return fields.body(
        _text(given.take("text")) if "text" in given else octets(given.take("body64"), "body64")
    )


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise ProtocolError(f"text is not text: {fields.shown(value)}")
    return fields.utf8(value, "text")
