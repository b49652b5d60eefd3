"""Have-sets on the wire: alternating lengths of gaps and runs as varints (SPEC.md, "Have-sets").

The first number is ``(start of the first run - 1) * 2``; its low bit is kept for other codings. Then, by
turns, the length of the run and the length of the gap to the next one. A last run of length 0 has no end.
"""

from __future__ import annotations

from tidelog.wire import varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import RUNS_MAX, SEQ_STOP
from tidelog.wire.ranges import EMPTY, RangeSet, Run


def encode(seqs: RangeSet) -> bytes:
    """Write a set of seqs, all at least 1.

    Returns:
        an empty string for the empty set.
    """
    lengths: list[int] = []
    at = 1
    for start, stop in seqs.runs:
        lengths += (start - at, 0 if stop >= SEQ_STOP else stop - start)
        at = stop
    if lengths:
        lengths[0] <<= 1
    return varint.encode(lengths)


def decode(data: bytes) -> RangeSet:
    """Read a set of seqs.

    Raises:
        ProtocolError: it is malformed, has too many runs (code LIMIT), or a seq beyond the limit.
    """
    if not data:
        return EMPTY
    if len(data) > 2 * RUNS_MAX * 8:
        raise ProtocolError("a have-set is too long", wire_code=Code.LIMIT)
    lengths = varint.decode(data, count_max=len(data))
    if len(lengths) % 2:
        raise ProtocolError("a have-set ends in a gap")
    if len(lengths) > 2 * RUNS_MAX:
        raise ProtocolError(f"a have-set has more than {RUNS_MAX} runs", wire_code=Code.LIMIT)
    if lengths[0] & 1:
        raise ProtocolError("a have-set has an unknown coding", wire_code=Code.UNSUPPORTED)
    lengths[0] >>= 1
    return RangeSet.of_sorted(_runs(lengths))


def _runs(lengths: list[int]) -> list[Run]:
    runs: list[Run] = []
    at = 1
    for i in range(0, len(lengths), 2):
        gap, length = lengths[i], lengths[i + 1]
        if runs and gap == 0:
            raise ProtocolError("two runs of a have-set touch")
        start = at + gap
        stop = start + length if length else SEQ_STOP
        if start >= SEQ_STOP or stop > SEQ_STOP or (length and stop == SEQ_STOP):
            raise ProtocolError("a seq is beyond the limit", wire_code=Code.LIMIT)
        if not length and i + 2 < len(lengths):
            raise ProtocolError("a run without end is not the last")
        runs.append((start, stop))
        at = stop
    return runs
