"""Records as people and programs read them."""

from __future__ import annotations

import base64
from typing import Final

from tidelog.replica.ports import Record
from tidelog.replica.steps import Membership
from tidelog.wire.frames import KIND_DELETE, KIND_MESSAGE
from tidelog_cli.terminal import local_time, print_json, print_line, printable, styled

_HEX_BYTES_MAX: Final = 32
"""Bytes of a body that is no text, as people see them."""


def standing(membership: Membership) -> str:
    """What the device's user is in a channel: ``owner of boat``, ``not in boat``."""
    return f"{membership.role} of {membership.channel}" if membership.role else f"not in {membership.channel}"


def print_record(record: Record, *, as_json: bool, channel_width: int = 0) -> None:
    """One record: time, channel, seq, author and text in columns, or a JSON object.

    Args:
        record: the record.
        as_json: whether to write JSON.
        channel_width: what the channel's name is padded to.
    """
    if as_json:
        print_json(record_json(record))
        return
    head = styled(f"{local_time(record.time)}  {record.channel.ljust(channel_width)}", "2")
    # A device does not know its user's name: what it sent itself has no author until it is synced anew.
    author = styled(printable(record.author or "(me)").ljust(8), "1")
    print_line(f"{head}  {record.seq:>5}  {author}  {readable_body(record)}")


def record_json(record: Record) -> dict[str, object]:
    """A record as JSON names it; ``body64`` instead of ``body`` where that is no text.

    ``time`` and ``sent`` are Unix milliseconds; ``kind`` and ``content_type`` are left out at their defaults.
    Of a large body, whose beginning is shown, ``whole`` is false and ``size`` tells the bytes of all of it.
    """
    value: dict[str, object] = {
        "channel": record.channel,
        "seq": record.seq,
        "author": record.author,
        "time": record.time,
        "sent": record.sent,
    }
    if record.kind != KIND_MESSAGE:
        value["kind"] = record.kind
    if record.edited:
        value["edited"] = record.edited
    if record.voids:
        value["voids"] = [list(run) for run in record.voids]
    if record.content_type:
        value["content_type"] = record.content_type
    if not record.whole:
        value |= {"size": record.size, "whole": False}
    return value | body_json(record.body)


def body_json(body: bytes) -> dict[str, object]:
    """``{"body": text}``, or ``{"body64": base64}`` where the bytes are no UTF-8."""
    try:
        return {"body": body.decode("utf8")}
    except UnicodeDecodeError:
        return {"body64": base64.b64encode(body).decode("ascii")}


def readable_body(record: Record) -> str:
    """The body for a terminal; further lines are indented, other kinds and media are named before it."""
    if record.kind == KIND_DELETE:
        return f"[deleted {_seqs(record)}]"
    kind = f"[kind {record.kind}] " if record.kind != KIND_MESSAGE else ""
    kind += "[edited] " if record.edited else ""
    media = f"[{printable(record.content_type)}] " if record.content_type else ""
    rest = "" if record.whole else f" [the beginning of {record.size:,} bytes]"
    return kind + media + readable_bytes(record.body) + rest


def _seqs(record: Record) -> str:
    """``3, 7-9``: the seqs that a record voids."""
    return ", ".join(
        f"{start}" if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in record.voids
    )


def readable_bytes(body: bytes) -> str:
    """Text without controls and final newlines, or size and first bytes in hex where it is no UTF-8."""
    try:
        return printable(body.decode("utf8").rstrip("\n")).replace("\n", "\n    ")
    except UnicodeDecodeError:
        more = "..." if len(body) > _HEX_BYTES_MAX else ""
        return f"<{len(body)} bytes: {body[:_HEX_BYTES_MAX].hex()}{more}>"
