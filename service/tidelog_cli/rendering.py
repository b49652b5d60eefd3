"""Frames as people and programs read them: the fields of the JSON encoding, however they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidelog.codec.parcels import expand
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Presence, SyncRequest
from tidelog.wire.json_bodies import body_fields
from tidelog.wire.json_ranges import from_ranges
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding, decode, encode
from tidelog.wire.topics import SERVICE_STATUS, parse, reply_topic
from tidelog_cli import audits_shown, pages_shown
from tidelog_cli.packets import Packet
from tidelog_cli.terminal import printable, styled

_INDENT: Final = "  "


def described(packet: Packet) -> dict[str, Any]:
    """What a packet says.

    Returns:
        ``topic`` (where known), ``bytes`` of the payload, ``encoding`` (``packed``, ``json``, ``plain`` for
        what is written as it is: the body on a plain topic, a presence) and ``frame``: its fields as in the
        JSON encoding.

    Raises:
        ProtocolError: it does not follow the protocol.
    """
    encoding, frame = _read(packet)
    head = {"topic": packet.topic} if packet.topic else {}
    return head | {"bytes": len(packet.payload), "encoding": encoding, "frame": frame}


def _read(packet: Packet) -> tuple[str, dict[str, Any]]:
    if packet.topic == SERVICE_STATUS:
        return "plain", _service_status(packet.payload)
    if packet.topic and packet.topic != reply_topic(packet.topic.split("/")[1]):
        address = parse(packet.topic)
        if address.channel:
            number = {"n": address.n} if address.n else {}
            message = {"type": "message", **number, "channel": address.channel}
            return "plain", message | body_fields(packet.payload)
        if address.verb == "status":
            return "plain", _presence(packet.payload)
    frame, encoding = decode(packet.payload)
    return encoding.value, _shown(frame)


def _shown(frame: Frame) -> dict[str, Any]:  # noqa: PLR0911 - one a type
    match frame:
        case Parcel():
            return _parcel(frame)
        case Resync():
            return pages_shown.resync(frame)
        case Page():
            return pages_shown.page(frame)
        case Audit():
            inner = {} if isinstance(frame.request, int) else {"request": _shown(frame.request)}
            return audits_shown.audit(frame) | inner
        case Verdict():
            return audits_shown.verdict(frame)
        case SyncRequest():
            return _fields(frame) | pages_shown.asked(frame)
    return _fields(frame)


def _fields(frame: Frame) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(encode(frame, Encoding.JSON))
    return fields


def _parcel(parcel: Parcel) -> dict[str, Any]:
    """All where the parcel builds on nothing; else not the bodies, for want of the records."""
    if parcel.basis is None:
        return _fields(expand(parcel, None)) | {"type": "parcel"}
    rows = zip(parcel.numbers, parcel.channels, parcel.kinds, parcel.content_types, parcel.sents, strict=True)
    context = {"channel": parcel.basis.channel, "last": parcel.basis.last}
    holes = {"holes": from_ranges(parcel.basis.holes)} if parcel.basis.holes else {}
    return {
        "type": "parcel",
        "outbox": parcel.outbox.hex(),
        "messages": [_label(*row) for row in rows],
        "context": context | holes | {"check": parcel.basis.check.hex()},
        "deflated": len(parcel.deflated),
    }


def _label(n: int, channel: str, kind: int, content_type: str, sent: int) -> dict[str, Any]:
    """What is told of a message beside its body; ``sent`` from the time of the context on."""
    told = {"n": n, "channel": channel, "kind": kind, "content_type": content_type}
    return {name: value for name, value in told.items() if value} | {"sent_after_ms": sent}


def _service_status(payload: bytes) -> dict[str, Any]:
    try:
        return {"type": "status", **json.loads(payload)}
    except (ValueError, TypeError, RecursionError) as error:
        raise ProtocolError(f"not a service's status: {error}") from error


def _presence(payload: bytes) -> dict[str, Any]:
    known = {presence.payload: presence.name.lower() for presence in Presence}
    if payload not in known:
        raise ProtocolError(f"not a presence: {payload[:16]!r}")
    return {"type": "status", "presence": known[payload]}


def lines(value: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """An object for people: a field a line, objects in it indented, lists of objects an entry a line."""
    width = max((len(key) for key in value), default=0)
    for key, item in value.items():
        name = styled(printable(key), "36")
        match item:
            case dict() if item:
                yield f"{_INDENT * depth}{name}"
                yield from lines(item, depth + 1)
            case [{}, *_]:
                yield f"{_INDENT * depth}{name}"
                yield from (f"{_INDENT * (depth + 1)}{_flat(entry)}" for entry in item)
            case _:
                yield f"{_INDENT * depth}{name}{' ' * (width - len(key))}  {_scalar(item)}"


def _flat(entry: Mapping[str, Any]) -> str:
    return "  ".join(f"{styled(key, '36')} {_scalar(item)}" for key, item in entry.items())


def _scalar(item: object) -> str:
    return printable(item) if isinstance(item, str) else json.dumps(item)
