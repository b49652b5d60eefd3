"""The packed form of a `PrimedPush`; what is inside stays opaque here (SPEC.md, "Primed push").

Most fields take a byte or none: one seq is a number, and a context of the records right before is told by how
many they are, or left out where they are as many as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidelog.wire import fields, runs
from tidelog.wire.cbor import Value
from tidelog.wire.errors import ProtocolError
from tidelog.wire.layout import Layout
from tidelog.wire.limits import CHECK_BYTES, CONTEXT_RECORDS_MAX, PAGE_RECORDS_MAX, SEQ_STOP
from tidelog.wire.primed import PrimedPush, checked
from tidelog.wire.ranges import RangeSet

PRIMED: Final = Layout(
    what="a primed push", required=4, defaults=(CONTEXT_RECORDS_MAX, [], []), extensible=True
)


def from_primed(frame: PrimedPush) -> list[Value]:
    """Write a push that others prime."""
    first = frame.seqs.runs[0][0]
    count = frame.context.count
    before = RangeSet([(first - count, first)])
    return PRIMED.trimmed(
        [
            frame.channel,
            first if frame.seqs.count == 1 else runs.encode(frame.seqs),
            frame.columns,
            frame.check + frame.bodies,
            count if frame.context == before else runs.encode(frame.context),
            _from_names(frame.authors),
            _from_names(frame.types),
        ]
    )


def to_primed(items: list[Value]) -> PrimedPush:
    """Read a push that others prime; what is inside is not looked at."""
    channel, seqs_, columns, guarded_, context, authors, types = PRIMED.filled(items)
    seqs = _to_seqs(seqs_)
    guarded = fields.octets(guarded_, "bodies")
    return checked(
        PrimedPush(
            channel=fields.channel(channel),
            seqs=seqs,
            context=_to_context(context, seqs),
            check=guarded[:CHECK_BYTES],
            columns=fields.octets(columns, "columns"),
            bodies=guarded[CHECK_BYTES:],
            authors=tuple(_to_names(authors, fields.user, "authors")),
            types=tuple(_to_names(types, fields.content_type, "content types")),
        )
    )


def _to_seqs(value: Value) -> RangeSet:
    if isinstance(value, bytes):
        return runs.decode(value)
    seq = fields.seq(value, SEQ_STOP, "a seq")
    return RangeSet([(seq, seq + 1)])


def _to_context(value: Value, seqs: RangeSet) -> RangeSet:
    """The seqs named; so many right before the first record where it is a number."""
    if isinstance(value, bytes):
        return runs.decode(value)
    count = fields.uint(value, CONTEXT_RECORDS_MAX + 1, "the records of a context")
    first = seqs.runs[0][0] if seqs else 0
    if count >= first:
        raise ProtocolError("a context begins before the log")
    return RangeSet([(first - count, first)])


def _from_names(names: tuple[str, ...]) -> Value:
    """One name stands alone."""
    return names[0] if len(names) == 1 else list(names)


def _to_names(value: Value, check: Callable[[object], str], what: str) -> list[str]:
    names = [value] if isinstance(value, str) else fields.items(value, PAGE_RECORDS_MAX, what)
    return fields.distinct([check(name) for name in names], what)
