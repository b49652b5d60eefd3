"""Edits and deletes on their way into a log: who may, and what they void (SPEC.md, "Edits and deletes")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB, Message
from tidelog.wire.limits import BODY_BYTES_MAX, REVISION_SEQS_MAX
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body, read_delete, read_edit, voids_of
from tidelog.wire.stubs import read_stub
from tidelog_service.engine.ports import Log, Row, Store

_READ_RECORDS: Final = 1_024
_READ_BYTES: Final = 1 << 20
"""Looked at at a time of what a delete voids."""


@dataclass(slots=True)
class Looks:
    """How many records the edits and deletes of one batch may still look at; one always may."""

    left: int = REVISION_SEQS_MAX


def revised(
    message: Message, log: Log, user: str, store: Store, *, gone: RangeSet, looks: Looks, fill: bool
) -> tuple[Message, RangeSet]:
    """Check an edit or a delete against the log.

    Args:
        message: of either kind.
        log: its channel's.
        user: who wrote it.
        store: in the transaction that is to store it.
        gone: what this transaction has voided so far.
        looks: what it may still look at.
        fill: whether the writer keeps no records, so that what it cannot know is filled in: which edits came
            before, and when the first was written.

    Returns:
        the message to store, and what it voids.

    Raises:
        ProtocolError: it is malformed; with code DENIED where another user wrote what it is about (an owner
            may delete that), NO_RECORD where there is no such record, another edit came first, or it names
            seqs of another epoch, and BUSY where the transaction has looked at enough.
        Unavailable: the store failed.
    """
    if message.epoch not in (0, log.epoch):
        raise ProtocolError(
            f"{log.name!r} has another epoch than the one written about", wire_code=Code.NO_RECORD
        )
    revise = _edited if message.kind == KIND_EDIT else _deleted
    owner_deletes = log.owned and message.kind == KIND_DELETE
    body, voids = revise(
        message.body, _Rows(log, user, store, gone, looks, all_users=owner_deletes), fill=fill
    )
    if len(body) > BODY_BYTES_MAX:
        raise ProtocolError(f"a body of {len(body)} bytes", wire_code=Code.LIMIT)
    return replace(message, body=body), voids


def _deleted(body: bytes, rows: _Rows, *, fill: bool) -> tuple[bytes, RangeSet]:
    voids = read_delete(body)
    if voids.stop > rows.readable.stop:
        raise rows.missing(voids)
    before, found = EMPTY, False
    for row in rows.of(voids):
        found = True
        before |= voids_of(row.kind, row.body)
    # Of what the user may not read, only what edits say that they were before.
    outside = voids - rows.readable - before
    if not found or outside or (before - voids and not fill):
        raise rows.missing(outside or before - voids or voids)
    return _bounded(delete_body(voids | before), voids | before)


def _edited(body: bytes, rows: _Rows, *, fill: bool) -> tuple[bytes, RangeSet]:
    given = read_edit(body)
    last = given.voids.stop - 1
    row = next(rows.of(RangeSet([(last, last + 1)])), None)
    if row is None:
        raise rows.missing(given.voids)
    made = replace(_before(row), content=given.content)
    if given.kind == KIND_STUB:
        if read_stub(given.content).kind != made.kind:
            raise rows.missing(given.voids)
        made = replace(made, kind=KIND_STUB)
    if given != made and not fill:
        raise rows.missing(given.voids)
    return _bounded(edit_body(made), made.voids)


def _bounded(body: bytes, voids: RangeSet) -> tuple[bytes, RangeSet]:
    if voids.count > REVISION_SEQS_MAX:
        raise ProtocolError(f"more than {REVISION_SEQS_MAX} records at once", wire_code=Code.LIMIT)
    return body, voids


def _before(row: Row) -> Edit:
    """What an edit of a record has to say of it."""
    itself = RangeSet([(row.seq, row.seq + 1)])
    if row.kind != KIND_EDIT:
        return Edit(voids=itself, kind=_kind_of(row.kind, row.body), time=row.time, content=b"")
    edit = read_edit(row.body)
    return replace(edit, voids=edit.voids | itself, kind=_kind_of(edit.kind, edit.content))


def _kind_of(kind: int, body: bytes) -> int:
    """That of a message, also where its body is a stub."""
    return read_stub(body).kind if kind == KIND_STUB else kind


class _Rows:
    """The records of a log that a user may revise.

    Attributes:
        readable: seqs of the log, whether they have a record or not.
    """

    def __init__(
        self, log: Log, user: str, store: Store, gone: RangeSet, looks: Looks, *, all_users: bool
    ) -> None:
        self._log = log
        self._user = "" if all_users else user
        self._store = store
        self._looks = looks
        self.readable = RangeSet([(log.floor, max(log.floor, log.head + 1))])
        self._there = self.readable - gone

    def of(self, seqs: RangeSet) -> Iterator[Row]:
        """Those among these seqs, ascending; some at a time."""
        rest = seqs & self._there
        while rest:
            if self._looks.left <= 0:
                raise ProtocolError("too much to look at at once", wire_code=Code.BUSY)
            rows = self._store.rows(
                self._log.id, rest, records_max=_READ_RECORDS, bytes_max=_READ_BYTES, newest_first=False
            )
            self._looks.left -= max(len(rows), 1)
            if not rows:
                return
            yield from map(self._checked, rows)
            rest &= RangeSet([(rows[-1].seq + 1, max(rest.stop, rows[-1].seq + 1))])

    def _checked(self, row: Row) -> Row:
        if self._user and row.author != self._user:
            raise ProtocolError(f"{self._log.name!r} {row.seq} is another user's", wire_code=Code.DENIED)
        if row.kind == KIND_DELETE:
            raise self.missing(RangeSet([(row.seq, row.seq + 1)]))
        return row

    def missing(self, seqs: RangeSet) -> ProtocolError:
        """The error for records that are not there, or not as the writer takes them to be."""
        text = f"{self._log.name!r} has no such record, or no longer: {seqs.runs[0][0]}"
        return ProtocolError(text, wire_code=Code.NO_RECORD)
