"""Edits and deletes as the application sees and makes them (SPEC.md, "Edits and deletes").

In the store they are records as they travelled, so that both sides build on the same.
"""

from __future__ import annotations

from dataclasses import replace

from tidelog.replica.ports import Record
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, edit_body, read_edit, voids_of


def shown(record: Record) -> Record:
    """A record as the application is to see it: an edit as what it makes of the first one.

    What cannot be read as the edit or delete that it says to be is shown as it is.
    """
    if record.kind == KIND_EDIT:
        try:
            edit = read_edit(record.body)
        except ProtocolError:
            return record
        return replace(
            record,
            time=edit.time,
            kind=edit.kind,
            body=edit.content,
            edited=record.time,
            voids=edit.voids.runs,
        )
    if record.kind == KIND_DELETE:
        return replace(record, body=b"", voids=voids_of(record.kind, record.body).runs)
    return record


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
        return edit_body(Edit(voids=voids, kind=record.kind, time=record.time, content=content))
    before = read_edit(record.body)
    return edit_body(replace(before, voids=before.voids | voids, content=content))
