"""The packed form of a `Parcel`: bytes one after the other instead of a CBOR array (SPEC.md, "Parcel").

A message of chat is 40 bytes once it is deflated, so the heads of eight CBOR items would be an eighth of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from tidelog.wire import cbor, fields, runs, series, varint
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    BATCH_MESSAGES_MAX,
    KIND_STOP,
    MESSAGE_NUMBER_STOP,
    OUTBOX_ID_BYTES,
    PARCEL_CHECK_BYTES,
    PARCEL_HOLES_MAX,
    SEQ_STOP,
)
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import EMPTY, RangeSet

LABELS: Final = Layout(what="the labels of a parcel", required=1, defaults=(b"", b"", "", b""))
"""Channels, their indices, kinds, content types, their indices: as in a messages frame."""

_BASED: Final = 1
_HOLED: Final = 2
_SCATTERED: Final = 4
_LABELLED: Final = 8
_FLAG_BITS: Final = 4


class _Labels(NamedTuple):
    """What stands beside the messages, one entry each, and the channel of the basis."""

    channels: list[str]
    kinds: list[int]
    types: list[str]
    first: str


def from_parcel(parcel: Parcel) -> bytes:
    """Write a parcel, all but the first byte of the payload."""
    head, numbers = _from_numbers(parcel.numbers)
    labelled, labels = _from_labels(parcel)
    based, basis = _from_basis(parcel.basis)
    flags = head | labelled | based
    sents = [varint.zigzag(after - before) for before, after in pairwise([0, *parcel.sents])]
    return b"".join(
        [
            parcel.outbox,
            varint.encode([(len(parcel.numbers) - 1) << _FLAG_BITS | flags]),
            numbers,
            labels,
            basis,
            varint.encode(sents),
            parcel.deflated,
        ]
    )


def to_parcel(payload: bytes) -> Parcel:
    """Read a parcel; nothing is expanded.

    Args:
        payload: from a peer, with its first byte; at most ``PACKET_BYTES_MAX``.

    Raises:
        ProtocolError: a field is malformed or out of bounds (code LIMIT).
    """
    rest = _Rest(payload, at=1)
    outbox = rest.octets(OUTBOX_ID_BYTES)
    head = rest.number()
    count = fields.uint((head >> _FLAG_BITS) + 1, BATCH_MESSAGES_MAX + 1, "a count of messages")
    numbers = _to_numbers(rest, head, count)
    labels = _to_labels(rest, head, count)
    return Parcel(
        outbox=outbox,
        numbers=tuple(numbers),
        channels=tuple(labels.channels),
        kinds=tuple(labels.kinds),
        content_types=tuple(labels.types),
        basis=_to_basis(rest, head, labels.first),
        sents=tuple(accumulate([varint.unzigzag(rest.number()) for _ in range(count)])),
        deflated=rest.all(),
    )


class _Rest:
    """What of a payload has not been read."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self) -> int:
        value, self._at = varint.first(self._data, self._at)
        return value

    def octets(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise ProtocolError("a parcel is cut short")
        return self._data[start : self._at]

    def sized(self) -> bytes:
        """Bytes after their length."""
        return self.octets(self.number())

    def all(self) -> bytes:
        return self._data[self._at :]


def _from_numbers(numbers: tuple[int, ...]) -> tuple[int, bytes]:
    """The first where they are without gaps, else a set."""
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return 0, varint.encode(numbers[:1])
    return _SCATTERED, varint.sized(runs.encode(RangeSet.of(numbers)))


def _to_numbers(rest: _Rest, head: int, count: int) -> list[int]:
    if head & _SCATTERED:
        numbers = fields.members(runs.decode(rest.sized()), BATCH_MESSAGES_MAX)
        if len(numbers) != count:
            raise ProtocolError(f"{len(numbers)} message numbers where there are {count} messages")
    else:
        first = rest.number()
        numbers = list(range(first, first + count))
    fields.seq(numbers[0], MESSAGE_NUMBER_STOP, "a message number")
    fields.uint(numbers[-1], MESSAGE_NUMBER_STOP, "a message number")
    return numbers


def _from_labels(parcel: Parcel) -> tuple[int, bytes]:
    """The one channel where nothing else is to be said, else columns; the channel of the basis is first."""
    based = [parcel.basis.channel] if parcel.basis else []
    channels, channel_at = series.table([*based, *parcel.channels])
    kinds = series.levels(list(parcel.kinds))
    types, type_at = series.table(parcel.content_types)
    if isinstance(channels, str) and not kinds and types == "":
        return 0, varint.sized(channels.encode())
    # The basis's own index is 0 and not told.
    labels: list[Value] = [channels, channel_at[len(based) :], kinds, types, type_at]
    return _LABELLED, varint.sized(cbor.dumps(LABELS.trimmed(labels)))


def _to_labels(rest: _Rest, head: int, count: int) -> _Labels:
    if not head & _LABELLED:
        name = fields.channel(_text(rest.sized()))
        return _Labels([name] * count, [0] * count, [""] * count, name)
    names, name_at, kinds, types, type_at = LABELS.filled(cbor.loads(rest.sized(), start=0))
    # One channel more than there are messages: that of the basis may be none of theirs.
    table = [names] if isinstance(names, str) else fields.items(names, count + 1, "channels")
    if not table:
        raise ProtocolError("a parcel without a channel")
    return _Labels(
        _to_channels(table, name_at, count),
        series.read_levels(kinds, count, KIND_STOP, "kinds"),
        series.read_table(types, type_at, count, check=fields.content_type, what="content types"),
        fields.channel(table[0]),
    )


def _to_channels(table: Sequence[object], name_at: object, count: int) -> list[str]:
    known = fields.distinct([fields.channel(name) for name in table], "channels")
    indices = series.read_dense(name_at, count, "channels")
    if max(indices) >= len(known):
        raise ProtocolError("channels: an index is outside the table")
    return [known[i] for i in indices]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("a channel's name is not UTF-8") from error


def _from_basis(basis: Basis | None) -> tuple[int, bytes]:
    if basis is None:
        return 0, b""
    last, check = varint.encode([basis.last]), basis.check
    if not basis.holes:
        return _BASED, last + check
    return _BASED | _HOLED, last + varint.sized(runs.encode(_downwards(basis.holes, basis.last))) + check


def _to_basis(rest: _Rest, head: int, channel: str) -> Basis | None:
    if not head & _BASED:
        if head & _HOLED:
            raise ProtocolError("a parcel has holes in no context")
        return None
    last = fields.seq(rest.number(), SEQ_STOP, "a seq")
    holes = EMPTY
    if head & _HOLED:
        told = runs.decode(rest.sized())
        if len(told.runs) > PARCEL_HOLES_MAX:
            raise ProtocolError(f"more than {PARCEL_HOLES_MAX} holes in a context", wire_code=Code.LIMIT)
        holes = _upwards(told, last)
    return Basis(channel=channel, last=last, holes=holes, check=rest.octets(PARCEL_CHECK_BYTES))


def _downwards(seqs: RangeSet, last: int) -> RangeSet:
    """Seqs as their distances from ``last``, which is 1; a run down to seq 1 has no end."""
    turned = [(last + 2 - stop, SEQ_STOP if start <= 1 else last + 2 - start) for start, stop in seqs.runs]
    return RangeSet.of_sorted(reversed(turned))


def _upwards(distances: RangeSet, last: int) -> RangeSet:
    """The inverse of `_downwards`; what would be below seq 1 is left out."""
    turned = [(max(1, last + 2 - stop), last + 2 - start) for start, stop in distances.runs]
    return RangeSet.of_sorted(reversed([run for run in turned if run[0] < run[1]]))
