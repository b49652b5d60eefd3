"""Edits, deletes and stubs as the application sees and makes them.

See SPEC.md, "Edits and deletes", "Large bodies".

In the store they are records as they travelled, so that both sides build on the same.
"""

from __future__ import annotations

from dataclasses import replace

from tidelog.replica.ports import OutboxEntry, Record
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, edit_body, read_edit, voids_of
from tidelog.wire.stubs import Stub, read_stub, stub_body, stub_for, stub_of


def shown(record: Record) -> Record:
    """A record as the application is to see it: an edit as what it makes of the first one.

    What cannot be read as the edit or delete that it says to be is shown as it is.
    """
    if record.kind == KIND_EDIT:
        try:
            edit = read_edit(record.body)
        except ProtocolError:
            return record
        made = replace(
            record,
            time=edit.time,
            kind=edit.kind,
            body=edit.content,
            edited=record.time,
            voids=edit.voids.runs,
        )
        return _beginning(made)
    if record.kind == KIND_DELETE:
        return replace(record, body=b"", voids=voids_of(record.kind, record.body).runs)
    return _beginning(record)


def shown_entry(entry: OutboxEntry) -> OutboxEntry:
    """A message of the outbox as the application is to see it: of a large body its beginning."""
    stub = stub_of(entry.kind, entry.body) if entry.kind == KIND_STUB else None
    if stub is None:
        return entry
    return replace(entry, kind=stub.kind, body=stub.first, left_out=_left_out(stub))


def _beginning(record: Record) -> Record:
    stub = stub_of(record.kind, record.body)
    if stub is None:
        return record
    return replace(record, kind=stub.kind, body=stub.first, left_out=_left_out(stub))


def _left_out(stub: Stub) -> int:
    return stub.size - len(stub.first)


def edit_of(record: Record, content: bytes) -> bytes:
    """The body of an edit.

    Args:
        record: what is to be edited, as it is in the store; an edit of the first one maybe.
        content: its whole new body.

    Raises:
        ProtocolError: the record is an edit that cannot be read.
    """
    voids = RangeSet([(record.seq, record.seq + 1)])
    if record.kind != KIND_EDIT:
        before = Edit(voids=voids, kind=record.kind, time=record.time, content=record.body)
    else:
        edit = read_edit(record.body)
        before = replace(edit, voids=edit.voids | voids)
    kind = read_stub(before.content).kind if before.kind == KIND_STUB else before.kind
    if len(content) > BODY_BYTES_MAX:
        kind, content = KIND_STUB, stub_body(stub_for(content, kind=kind))
    return edit_body(replace(before, kind=kind, content=content))
