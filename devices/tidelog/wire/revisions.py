"""The bodies of edits and deletes: which records they void, and what an edit puts in their place.

See SPEC.md, "Edits and deletes". To a log both are records like others; only who stores or shows one looks
inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tidelog.wire import fields, runs, varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_MESSAGE
from tidelog.wire.limits import KIND_STOP, REVISION_SEQS_MAX, TIME_MS_STOP
from tidelog.wire.ranges import EMPTY, RangeSet

KINDS: Final = (KIND_EDIT, KIND_DELETE)
"""Those of records that void others."""


_TOLD_RUNS_MAX: Final = 8
"""Pieces of what a delete voids that are told instead of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A record's new content.

    Attributes:
        voids: the record as it was first written, and every edit of it before this one.
        kind: of the record as it was first written.
        time: the service's clock then, Unix milliseconds.
        content: the whole new body.
    """

    voids: RangeSet
    kind: int = KIND_MESSAGE
    time: int
    content: bytes


def edit_body(edit: Edit) -> bytes:
    """Write the body of an edit."""
    return varint.sized(runs.encode(edit.voids)) + varint.encode([edit.kind, edit.time]) + edit.content


def read_edit(body: bytes) -> Edit:
    """Read the body of an edit.

    Raises:
        ProtocolError: it is malformed, or voids nothing or too much (code LIMIT).
    """
    size, at = varint.first(body, 0)
    if size > len(body) - at:
        raise ProtocolError("an edit is cut short")
    voids = _checked(runs.decode(body[at : at + size]))
    kind, at = varint.first(body, at + size)
    time, at = varint.first(body, at)
    return Edit(
        voids=voids,
        kind=fields.uint(kind, KIND_STOP, "a kind"),
        time=fields.uint(time, TIME_MS_STOP, "a time"),
        content=body[at:],
    )


def delete_body(voids: RangeSet) -> bytes:
    """Write the body of a delete."""
    return runs.encode(voids)


def read_delete(body: bytes) -> RangeSet:
    """Read the body of a delete: what it voids.

    Raises:
        ProtocolError: it is malformed, or voids nothing or too much (code LIMIT).
    """
    return _checked(runs.decode(body))


def voids_of(kind: int, body: bytes) -> RangeSet:
    """What a stored record voids; nothing where it is neither an edit nor a delete, or cannot be read.

    Args:
        kind: its kind.
        body: its whole body.
    """
    try:
        if kind == KIND_EDIT:
            return read_edit(body).voids
        return read_delete(body) if kind == KIND_DELETE else EMPTY
    except ProtocolError:
        return EMPTY


def voided_by(records: Iterable[tuple[int, bytes]]) -> RangeSet:
    """What several records void together; a kind and a whole body each."""
    return RangeSet(run for kind, body in records for run in voids_of(kind, body).runs)


def concerns(kind: int, body: bytes, have: RangeSet) -> bool:
    """Whether a record is to be sent to a device: not a delete of nothing that it has.

    What such a delete voids has to be told with it; where that is in many pieces, it is shorter itself.

    Args:
        kind: the record's.
        body: all of it.
        have: what the device has accounted for.
    """
    if kind != KIND_DELETE:
        return True
    voids = voids_of(kind, body)
    return len(voids.runs) > _TOLD_RUNS_MAX or not voids or bool(voids & have)


def _checked(voids: RangeSet) -> RangeSet:
    if not voids:
        raise ProtocolError("an edit or a delete of nothing")
    if voids.open_ended or voids.count > REVISION_SEQS_MAX:
        raise ProtocolError(f"more than {REVISION_SEQS_MAX} records at once", wire_code=Code.LIMIT)
    return voids
