"""Have-sets on the wire: runs as varints, or single seqs in Golomb-Rice, the shorter (SPEC.md, "Have-sets").

Runs: lengths of gaps and runs by turns, the first number doubled. A last run of length 0 has no end. Single
seqs: where the lowest bit of the first byte is set, the distances of those seqs that are held, or of those
that are missing, whichever are fewer. Random holes take two bytes each as runs and a bit more than their
entropy as single seqs; blocks take less as runs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tidelog.wire import varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import RUNS_MAX, SEQ_STOP
from tidelog.wire.ranges import EMPTY, RangeSet, Run

_SINGLES: Final = 1
_MISSING: Final = 2
_PARAMETER_SHIFT: Final = 2
_PARAMETER_MAX: Final = 31
"""What the first byte holds beside its two lowest bits, and without the top bit of a varint."""
_HEADER_BYTES_MIN: Final = 2


def encode(seqs: RangeSet) -> bytes:
    """Write a set of seqs, all at least 1.

    Returns:
        an empty string for the empty set.
    """
    told = _encode_runs(seqs)
    return _encode_singles(seqs, len(told)) or told


def decode(data: bytes, *, runs_max: int = RUNS_MAX) -> RangeSet:
    """Read a set of seqs.

    Args:
        data: from a peer, of any content.
        runs_max: the most runs to accept; more than ``RUNS_MAX`` only for what this side wrote itself.

    Raises:
        ProtocolError: it is malformed, has too many runs (code LIMIT), or a seq beyond the limit.
    """
    if not data:
        return EMPTY
    if len(data) > 2 * runs_max * 8:
        raise ProtocolError("a have-set is too long", wire_code=Code.LIMIT)
    if data[0] & _SINGLES:
        return _decode_singles(data)
    lengths = varint.decode(data, count_max=len(data))
    if len(lengths) % 2:
        raise ProtocolError("a have-set ends in a gap")
    if len(lengths) > 2 * runs_max:
        raise ProtocolError(f"a have-set has more than {runs_max} runs", wire_code=Code.LIMIT)
    lengths[0] >>= 1
    return RangeSet.of_sorted(_runs(lengths))


def _encode_runs(seqs: RangeSet) -> bytes:
    lengths: list[int] = []
    at = 1
    for start, stop in seqs.runs:
        lengths += (start - at, 0 if stop >= SEQ_STOP else stop - start)
        at = stop
    if lengths:
        lengths[0] <<= 1
    return varint.encode(lengths)


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
            raise _beyond()
        if not length and i + 2 < len(lengths):
            raise ProtocolError("a run without end is not the last")
        runs.append((start, stop))
        at = stop
    return runs


def _encode_singles(seqs: RangeSet, size: int) -> bytes:
    """Write single seqs.

    Returns:
        fewer than ``size`` bytes, or none at all where they do not suffice.
    """
    if not 1 < len(seqs.runs) <= RUNS_MAX:
        return b""  # one run is always shorter as a run
    before = sum(stop - start for start, stop in seqs.runs[:-1])
    start, stop = seqs.runs[-1]
    missing = start - 1 - before
    held = before + stop - start
    count = min(missing, held)
    if count > RUNS_MAX or _HEADER_BYTES_MIN + count // 8 >= size:
        return b""
    listed = _gaps(seqs) if missing <= held else seqs
    steps = [after - seq - 1 for seq, after in pairwise([0, *listed])]
    parameter = _parameter(steps)
    header = bytes([_SINGLES | (missing <= held) * _MISSING | parameter << _PARAMETER_SHIFT])
    header += varint.encode([count])
    if missing <= held:
        header += varint.encode([0 if stop >= SEQ_STOP else stop - start])
    bits = sum(step >> parameter for step in steps) + count * (1 + parameter)
    return header + _rice(steps, parameter) if len(header) + -(-bits // 8) < size else b""


def _gaps(seqs: RangeSet) -> RangeSet:
    """All seqs from 1 on that are missing below the last run."""
    edges = [1, *(edge for run in seqs.runs for edge in run)]
    return RangeSet(zip(edges[:-1:2], edges[1::2], strict=True))


def _parameter(steps: list[int]) -> int:
    """The smallest of the Rice parameters that give the fewest bits.

    One more saves a bit for each two of a quotient and costs one for each step. What it saves falls, so the
    first that saves nothing is it.
    """
    parameter = 0
    while parameter < _PARAMETER_MAX and sum(step + 1 >> 1 for step in steps) > len(steps):
        steps = [step >> 1 for step in steps]
        parameter += 1
    return parameter


def _rice(steps: list[int], parameter: int) -> bytes:
    """For each step as many 0 bits as its quotient, a 1, and the rest; filled up with 0 bits."""
    one = 1 << parameter
    bits = "".join(["0" * (step >> parameter) + format(one | step & one - 1, "b") for step in steps])
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size)


def _decode_singles(data: bytes) -> RangeSet:
    header = data[0]
    parameter = header >> _PARAMETER_SHIFT
    if parameter > _PARAMETER_MAX:
        raise ProtocolError("a have-set has an unknown coding", wire_code=Code.UNSUPPORTED)
    count, at = varint.first(data, 1)
    last, at = varint.first(data, at) if header & _MISSING else (0, at)
    if count > RUNS_MAX:
        raise ProtocolError(f"a have-set lists more than {RUNS_MAX} seqs", wire_code=Code.LIMIT)
    listed = _unrice(data[at:], parameter, count)
    if listed and listed[-1] >= SEQ_STOP:
        raise _beyond()
    seqs = RangeSet.of(listed)
    if header & _MISSING:
        seqs = RangeSet([(1, _stop(seqs, last))]) - seqs
    if encode(seqs) != data:
        raise ProtocolError("a have-set lists seqs otherwise than in the shortest way")
    return seqs


def _stop(missing: RangeSet, last: int) -> int:
    """Where the last run ends: it is ``last`` long and follows all that is missing; 0: it has no end."""
    stop = max(missing.stop, 1) + last
    if stop >= SEQ_STOP:
        raise _beyond()
    return stop if last else SEQ_STOP


def _unrice(data: bytes, parameter: int, count: int) -> list[int]:
    """Read ascending seqs."""
    bits = format(int.from_bytes(data), f"0{8 * len(data)}b")
    seqs: list[int] = []
    seq = at = 0
    for _ in range(count):
        one = bits.find("1", at)
        stop = one + 1 + parameter
        if one < 0 or stop > len(bits):
            raise ProtocolError("a have-set is cut short")
        seq += (one - at << parameter) + int("0" + bits[one + 1 : stop], 2) + 1
        seqs.append(seq)
        at = stop
    return seqs


def _beyond() -> ProtocolError:
    return ProtocolError("a seq is beyond the limit", wire_code=Code.LIMIT)
