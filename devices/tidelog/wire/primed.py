"""A push that is told after records which the device holds, as it travels (SPEC.md, "Primed push")."""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import CHECK_BYTES, CONTEXT_RECORDS_MAX, PAGE_RECORDS_MAX
from tidelog.wire.ranges import RangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimedPush:
    """A push whose records are told after others of the channel that the device holds already.

    It is opaque until these are at hand: `tidelog.codec.priming` writes and expands it. The epoch is not
    told; it is in the check.

    Attributes:
        channel: the channel's name.
        seqs: of its records, at least one.
        context: the seqs of the records that prime it, 1 to ``CONTEXT_RECORDS_MAX``, all below ``seqs``.
        check: ``CHECK_BYTES`` bytes, see `tidelog.codec.check`.
        columns: the metadata, range-coded.
        bodies: the bodies, in raw deflate.
        authors: those that none of the context has, in the order of first use.
        types: the content types likewise.
    """

    channel: str
    seqs: RangeSet
    context: RangeSet
    check: bytes
    columns: bytes
    bodies: bytes
    authors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def checked(frame: PrimedPush) -> PrimedPush:
    """See that the numbers which a peer told are within bounds and fit each other.

    Raises:
        ProtocolError: there are too many records or too many that prime them (code LIMIT), or none of either;
            the context does not lie below the records; the check is cut short; there are more names than
            records.
    """
    count = frame.seqs.count
    if count > PAGE_RECORDS_MAX:
        raise ProtocolError(f"more than {PAGE_RECORDS_MAX} records", wire_code=Code.LIMIT)
    if frame.context.count > CONTEXT_RECORDS_MAX:
        raise ProtocolError(f"a context of more than {CONTEXT_RECORDS_MAX} records", wire_code=Code.LIMIT)
    if not frame.seqs or not frame.context:
        raise ProtocolError("a primed push without a record or without a context")
    if frame.context.stop > frame.seqs.runs[0][0]:
        raise ProtocolError("the context of a push does not lie below its records")
    if len(frame.check) != CHECK_BYTES:
        raise ProtocolError("the check of a push is cut short")
    if max(len(frame.authors), len(frame.types)) > count:
        raise ProtocolError("a push has more names than records")
    return frame
