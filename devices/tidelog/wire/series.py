"""Columns: one number for each entry of a frame, as varints (SPEC.md, "Columns").

A column leaves out its trailing zeros, so one of zeros only is an empty string. In a *sparse* column, where
zeros are the rule, each 0 is followed by how many more zeros follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain, groupby, pairwise, repeat

from tidelog.wire import fields, varint
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import EPOCH_STOP


def dense(values: list[int]) -> bytes:
    """Write unsigned numbers, leaving out trailing zeros."""
    stop = len(values)
    while stop and not values[stop - 1]:
        stop -= 1
    return varint.encode(values[:stop])


def read_dense(data: object, count: int, what: str) -> list[int]:
    """Read ``count`` unsigned numbers.

    Raises:
        ProtocolError: there are more, or they are malformed.
    """
    if data == b"":
        return [0] * count
    values = varint.decode(fields.octets(data, what), count_max=count)
    values += repeat(0, count - len(values))
    return values


def sparse(values: list[int]) -> bytes:
    """Write unsigned numbers most of which are 0."""
    if not any(values):
        return b""
    runs = [(nonzero, list(run)) for nonzero, run in groupby(values, bool)]
    if not runs[-1][0]:
        runs.pop()
    return varint.encode(chain.from_iterable(run if nonzero else (0, len(run) - 1) for nonzero, run in runs))


def read_sparse(data: object, count: int, what: str) -> list[int]:
    """Read ``count`` unsigned numbers most of which are 0.

    Raises:
        ProtocolError: there are more, or they are malformed.
    """
    if data == b"":
        return [0] * count
    values: list[int] = []
    numbers = iter(varint.decode(fields.octets(data, what), count_max=2 * count))
    for value in numbers:
        zeros = 0 if value else next(numbers, count)
        if len(values) + zeros >= count:
            raise ProtocolError(f"{what}: more numbers than the {count} entries")
        values.append(value)
        values += repeat(0, zeros)
    values += repeat(0, count - len(values))
    return values


def times(values: list[int]) -> bytes:
    """Write times: the first as it is, then signed differences."""
    return dense([*values[:1], *(varint.zigzag(after - before) for before, after in pairwise(values))])


def read_times(data: object, count: int, stop: int, what: str) -> list[int]:
    """Read ``count`` times, each below ``stop``.

    Raises:
        ProtocolError: one is out of bounds (code LIMIT), or they are malformed.
    """
    numbers = read_dense(data, count, what)
    if count == 1:
        return [fields.uint(numbers[0], stop, what)]
    return bounded(list(accumulate(chain(numbers[:1], map(varint.unzigzag, numbers[1:])))), stop, what)


def levels(values: list[int]) -> bytes:
    """Write numbers that rarely change from one entry to the next (kinds): a sparse column of differences."""
    return sparse([varint.zigzag(after - before) for before, after in pairwise([0, *values])])


def read_levels(data: object, count: int, stop: int, what: str) -> list[int]:
    """Read ``count`` numbers that rarely change, each below ``stop``.

    Raises:
        ProtocolError: one is out of bounds (code LIMIT), or they are malformed.
    """
    if data == b"":
        return [0] * count
    return bounded(list(accumulate(map(varint.unzigzag, read_sparse(data, count, what)))), stop, what)


def table(values: Sequence[str]) -> tuple[Value, bytes]:
    """Write names as a table in the order of first use, and the indices into it.

    Returns:
        the table (the name itself where there is one only) and a dense column, empty for one name.
    """
    index = {name: i for i, name in enumerate(dict.fromkeys(values))}
    if len(index) == 1:
        return values[0], b""
    return [*index], dense([index[name] for name in values])


def read_table(
    names: object, at: object, count: int, *, check: Callable[[object], str], what: str
) -> list[str]:
    """Read ``count`` names.

    Raises:
        ProtocolError: a name fails the check or is there twice, or an index is outside the table.
    """
    if isinstance(names, str) and at == b"":
        return [check(names)] * count
    entries = [names] if isinstance(names, str) else fields.items(names, count, what)
    known = fields.distinct([check(name) for name in entries], what)
    indices = read_dense(at, count, what)
    if indices and max(indices) >= len(known):
        raise ProtocolError(f"{what}: an index is outside the table")
    return [known[i] for i in indices]


def epochs(values: Sequence[int]) -> list[Value]:
    """Write epochs, ``None`` for one that is the one before (0 before the first); often all are alike."""
    return [None if epoch == before else epoch for before, epoch in pairwise([0, *values])]


def read_epochs(values: Sequence[object]) -> list[int]:
    """Read epochs.

    Raises:
        ProtocolError: one is no epoch.
    """
    read = [0]
    for value in values:
        read.append(read[-1] if value is None else fields.uint(value, EPOCH_STOP, "an epoch"))
    return read[1:]


def bounded(values: list[int], stop: int, what: str) -> list[int]:
    """The values, where all are from 0 up to but not including ``stop``.

    Raises:
        ProtocolError: otherwise, with code LIMIT.
    """
    if values and (min(values) < 0 or max(values) >= stop):
        raise ProtocolError(f"{what}: not from 0 to {stop - 1}", wire_code=Code.LIMIT)
    return values


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut a byte string into pieces of these sizes, which together are its length."""
    if len(sizes) == 1:
        return [data]
    return [data[start:stop] for start, stop in pairwise(accumulate(sizes, initial=0))]
