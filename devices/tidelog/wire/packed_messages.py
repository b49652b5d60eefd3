"""The packed form of `Messages` and `Receipts`: what a device's outbox and the service say to each other.

Both name their entries by message numbers and tell the rest in columns (SPEC.md, "Messages", "Receipts").
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tidelog.wire import fields, runs, series, varint
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import Message, Messages, Receipt, Receipts, Rejection
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    ANSWER_DIGEST_BYTES,
    BATCH_MESSAGES_MAX,
    BODY_BYTES_MAX,
    EPOCH_STOP,
    KIND_STOP,
    MESSAGE_NUMBER_STOP,
    SEQ_STOP,
    TIME_MS_STOP,
)
from tidelog.wire.ranges import RangeSet

MESSAGES: Final = Layout(
    what="a messages frame", required=4, defaults=(b"", b"", b"", b"", "", b"", b""), extensible=True
)
RECEIPTS: Final = Layout(
    what="a receipts frame", required=1, defaults=(b"", [], b"", b"", b"", "", b"", [], 0), extensible=True
)


def from_messages(frame: Messages) -> list[Value]:
    """Write a batch of an outbox."""
    batch = frame.messages
    channels, channel_at = series.table([message.channel for message in batch])
    types, type_at = series.table([message.content_type for message in batch])
    return MESSAGES.trimmed(
        [
            frame.outbox,
            _from_numbers([message.n for message in batch]),
            channels,
            b"".join([message.body for message in batch]),
            series.times([message.sent for message in batch]),
            varint.encode([len(message.body) for message in batch[:-1]]),
            channel_at,
            series.levels([message.kind for message in batch]),
            types,
            type_at,
            series.sparse([message.epoch for message in batch]),
        ]
    )


def to_messages(items: list[Value]) -> Messages:
    """Read a batch of an outbox."""
    outbox_, numbers_, names, bodies, sents, sizes, name_at, kinds, types, type_at, epochs = MESSAGES.filled(
        items
    )
    outbox = fields.outbox(outbox_)
    numbers = _to_numbers(numbers_, outbox)
    count = len(numbers)
    if not count:
        raise ProtocolError("a messages frame without a message")
    rows = zip(
        numbers,
        series.read_table(names, name_at, count, check=fields.channel, what="channels"),
        _to_bodies(bodies, sizes, count),
        series.read_levels(kinds, count, KIND_STOP, "kinds"),
        series.read_times(sents, count, TIME_MS_STOP, "sent"),
        series.read_table(types, type_at, count, check=fields.content_type, what="content types"),
        series.bounded(series.read_sparse(epochs, count, "epochs"), EPOCH_STOP, "epochs"),
        strict=True,
    )
    return Messages(outbox=outbox, messages=tuple([_message(*row) for row in rows]))


def _message(
    n: int, channel: str, body: bytes, kind: int, sent: int, content_type: str, epoch: int
) -> Message:
    return Message(
        n=n, channel=channel, body=body, kind=kind, sent=sent, content_type=content_type, epoch=epoch
    )


def _to_bodies(bodies: object, sizes: object, count: int) -> list[bytes]:
    """Cut the bodies apart; the last one's size is what remains."""
    data = fields.octets(bodies, "bodies")
    if count == 1 and sizes == b"":
        return [fields.body(data)]
    inline = varint.decode(fields.octets(sizes, "sizes"), count_max=count - 1)
    if len(inline) != count - 1 or sum(inline) > len(data):
        raise ProtocolError("sizes do not agree with the messages")
    inline.append(len(data) - sum(inline))
    return series.cut(data, series.bounded(inline, BODY_BYTES_MAX + 1, "sizes"))


def from_receipts(frame: Receipts) -> list[Value]:
    """Write receipts."""
    logs, log_at = _from_logs(frame.receipts)
    last = frame.receipts[-1].n if frame.receipts else 0
    return RECEIPTS.trimmed(
        [
            frame.outbox,
            _from_numbers([receipt.n for receipt in frame.receipts]),
            logs,
            _from_seqs(frame.receipts),
            series.times([receipt.time for receipt in frame.receipts]),
            _from_digests((*frame.receipts, *frame.rejections)),
            frame.author,
            log_at,
            [number for rejection in frame.rejections for number in (rejection.n, int(rejection.code))],
            frame.highest - last,
        ]
    )


def to_receipts(items: list[Value]) -> Receipts:
    """Read receipts."""
    outbox_, numbers_, logs, seqs, times, digests_, author, log_at, refused_, above = RECEIPTS.filled(items)
    outbox = fields.outbox(outbox_)
    numbers = _to_numbers(numbers_, outbox)
    count = len(numbers)
    names = _to_logs(logs, log_at, count)
    refused = _to_refused(refused_)
    digests = _to_digests(digests_, numbers + [n for n, _ in refused])
    if not isinstance(above, int):
        raise ProtocolError("the highest number is not a whole number")
    rows = zip(
        numbers,
        names,
        _to_seqs(seqs, names),
        series.read_times(times, count, TIME_MS_STOP, "times"),
        digests[:count],
        strict=True,
    )
    return Receipts(
        outbox=outbox,
        highest=fields.uint(
            above + (numbers[-1] if numbers else 0), MESSAGE_NUMBER_STOP, "the highest number"
        ),
        author=fields.user(author) if author else "",
        receipts=tuple(
            [
                Receipt(n=n, channel=channel, epoch=epoch, seq=seq, time=time, digest=digest)
                for n, (channel, epoch), seq, time, digest in rows
            ]
        ),
        rejections=tuple(
            [
                Rejection(n=n, code=code, digest=digest)
                for (n, code), digest in zip(refused, digests[count:], strict=True)
            ]
        ),
    )


def _from_numbers(numbers: list[int]) -> Value:
    """One number as itself; several as runs; several that are all 0 (no number) as their count."""
    if len(numbers) == 1:
        return numbers[0]
    if numbers and not any(numbers):
        return [len(numbers)]
    if any(after <= before for before, after in pairwise([0, *numbers])):
        raise UsageError("message numbers do not ascend", code="message_number")
    return runs.encode(RangeSet.of(numbers))


def _to_numbers(value: object, outbox: bytes) -> list[int]:
    """Read the numbers of a batch.

    Raises:
        ProtocolError: they are malformed or too many, or an outbox is named and a number is 0.
    """
    if isinstance(value, int):
        numbers = [fields.uint(value, MESSAGE_NUMBER_STOP, "a message number")]
    elif isinstance(value, list):
        numbers = [0] * fields.uint(value[0] if len(value) == 1 else None, BATCH_MESSAGES_MAX + 1, "a count")
    else:
        numbers = fields.members(runs.decode(fields.octets(value, "message numbers")), BATCH_MESSAGES_MAX)
    fields.numbering(numbers, outbox)
    return numbers


def _from_logs(receipts: tuple[Receipt, ...]) -> tuple[Value, bytes]:
    """Channels with their epochs, flat and in the order of first use, and the indices of the pairs."""
    index: dict[tuple[str, int], int] = {}
    indices = [index.setdefault((receipt.channel, receipt.epoch), len(index)) for receipt in receipts]
    told = zip(index, series.epochs([epoch for _, epoch in index]), strict=True)
    return [item for (channel, _), epoch in told for item in (channel, epoch)], series.dense(indices)


def _to_logs(logs: object, log_at: object, count: int) -> list[tuple[str, int]]:
    flat = fields.items(logs, 2 * count, "channels of receipts")
    names = [fields.channel(name) for name in flat[::2]]
    epochs = series.read_epochs(flat[1::2])
    if len(names) != len(epochs):
        raise ProtocolError("a channel of receipts has no epoch")
    known = fields.distinct(list(zip(names, epochs, strict=True)), "channels of receipts")
    indices = series.read_dense(log_at, count, "channels of receipts")
    if indices and max(indices) >= len(known):
        raise ProtocolError("channels of receipts: an index is outside the table")
    return [known[i] for i in indices]


def _from_seqs(receipts: tuple[Receipt, ...]) -> bytes:
    """Each seq as its difference to the one that would follow the last one of its log."""
    following: dict[tuple[str, int], int] = {}
    differences: list[int] = []
    for receipt in receipts:
        log = (receipt.channel, receipt.epoch)
        differences.append(varint.zigzag(receipt.seq - following.get(log, 1)))
        following[log] = receipt.seq + 1
    return series.dense(differences)


def _to_seqs(data: object, logs: list[tuple[str, int]]) -> list[int]:
    following: dict[tuple[str, int], int] = {}
    seqs: list[int] = []
    for log, difference in zip(logs, series.read_dense(data, len(logs), "seqs"), strict=True):
        seq = following.get(log, 1) + varint.unzigzag(difference)
        following[log] = seq + 1
        seqs.append(seq)
    if 0 in seqs:
        raise ProtocolError("a seq is 0")
    return series.bounded(seqs, SEQ_STOP, "seqs")


def _to_refused(value: object) -> list[tuple[int, Code]]:
    flat = fields.items(value, 2 * BATCH_MESSAGES_MAX, "rejections")
    if len(flat) % 2:
        raise ProtocolError("a rejection has no code")
    return [
        (fields.uint(n, MESSAGE_NUMBER_STOP, "a message number"), fields.code(code))
        for n, code in zip(flat[::2], flat[1::2], strict=True)
    ]


def _from_digests(told: tuple[Receipt | Rejection, ...]) -> bytes:
    """Those of the receipts, then those of the rejections; an entry without a number has none."""
    if any(len(one.digest) != _digest_bytes(one.n) for one in told):
        raise UsageError("a receipt or rejection of a number has no digest", code="message_digest")
    return b"".join([one.digest for one in told])


def _to_digests(value: object, numbers: list[int]) -> list[bytes]:
    data = fields.octets(value, "digests")
    sizes = [_digest_bytes(n) for n in numbers]
    if len(data) != sum(sizes):
        raise ProtocolError("digests do not agree with the numbers")
    return series.cut(data, sizes)


def _digest_bytes(n: int) -> int:
    return ANSWER_DIGEST_BYTES if n else 0
