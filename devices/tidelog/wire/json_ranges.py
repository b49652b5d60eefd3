"""Sets of seqs in JSON: lists of half-open ranges (SPEC.md, "JSON")."""

from __future__ import annotations

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError
from tidelog.wire.jsontext import JsonValue
from tidelog.wire.limits import RUNS_MAX, SEQ_STOP
from tidelog.wire.ranges import RangeSet, Run


def from_ranges(seqs: RangeSet) -> list[JsonValue]:
    """Write half-open ranges; ``null`` as the stop means no end."""
    return [[start, None if stop >= SEQ_STOP else stop] for start, stop in seqs.runs]


def to_ranges(value: object) -> RangeSet:
    """Read half-open ranges, in any order.

    Raises:
        ProtocolError: one is malformed or empty, or there are too many.
    """
    return RangeSet([_to_run(item) for item in fields.items(value, RUNS_MAX, "ranges")])


def _to_run(value: object) -> Run:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - start and stop
        raise ProtocolError("a range is not [start, stop]")
    start = fields.seq(value[0], SEQ_STOP, "the start of a range")
    stop = SEQ_STOP if value[1] is None else fields.uint(value[1], SEQ_STOP + 1, "the stop of a range")
    if stop <= start:
        raise ProtocolError(f"a range is empty: [{start}, {stop}]; its stop is the first seq not in it")
    return start, stop
