"""What an edit or a delete has to say, from what the device holds: read before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidelog.arguments import checked_ranges
from tidelog.reading import stored
from tidelog.replica.ports import Holding, Record, Store
from tidelog.replica.revisions import edit_of
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import BODY_BYTES_MAX, REVISION_SEQS_MAX
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog.wire.revisions import delete_body, voids_of


def edit_body_of(store: Store, holding: Holding | None, seq: int, content: bytes) -> tuple[bytes, str]:
    """The body of an edit, and its content type, which is that of what is edited.

    Args:
        store: the device's.
        holding: what it knows of the channel.
        seq: of the record as the device has it: after an edit, that of the edit.
        content: the whole new body.

    Raises:
        UsageError: the device does not hold it (``no_record``), or the edit is too large (``limit``).
        Unavailable: the store failed.
    """
    record = next(_held(store, holding, RangeSet([(seq, seq + 1)])), None)
    if record is None or record.kind == KIND_DELETE:
        raise UsageError(
            f"there is no record {seq} to edit on this device",
            code="no_record",
            hint="sync first; a record that was edited has the number of its last edit",
        )
    body = edit_of(record, content)
    if len(body) > BODY_BYTES_MAX:
        raise UsageError(f"an edit of {len(body)} bytes; at most {BODY_BYTES_MAX} go inline", code="limit")
    return body, record.content_type


def delete_body_of(store: Store, holding: Holding | None, ranges: Iterable[Run]) -> bytes:
    """The body of a delete.

    With an edit goes all that it was before, and deletes are left out: they are no messages.

    Args:
        store: the device's.
        holding: what it knows of the channel.
        ranges: half-open ranges of seqs; the device need not hold them.

    Raises:
        UsageError: these are no ranges, nothing that exists is in them (``no_record``), or more than one
            delete may void (``limit``).
        Unavailable: the store failed.
    """
    voids = checked_ranges(ranges) & _there(holding)
    if not voids:
        raise UsageError("there is nothing in these ranges", code="no_record", hint="sync first")
    _check_count(voids)
    for record in list(_held(store, holding, voids)):
        if record.kind == KIND_EDIT:
            voids |= voids_of(record.kind, record.body)
        elif record.kind == KIND_DELETE:
            voids -= RangeSet([(record.seq, record.seq + 1)])
    if not voids:
        raise UsageError("there are only deletes in these ranges", code="no_record")
    _check_count(voids)
    return delete_body(voids)


def _there(holding: Holding | None) -> RangeSet:
    """What can still be deleted, as far as the device knows: what lies below the floor is out of reach."""
    return RangeSet([(holding.floor, max(holding.floor, holding.head + 1))]) if holding is not None else EMPTY


def _check_count(voids: RangeSet) -> None:
    if voids.count > REVISION_SEQS_MAX:
        raise UsageError(f"{voids.count} records: at most {REVISION_SEQS_MAX} at once", code="limit")


def _held(store: Store, holding: Holding | None, seqs: RangeSet) -> Iterator[Record]:
    if holding is None:
        return
    for start, stop in seqs.runs:
        yield from stored(store, holding.channel, holding.epoch, start=start, stop=stop)
