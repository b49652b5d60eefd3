"""Rows of the device's file and the values they stand for."""

from __future__ import annotations

from collections.abc import Iterator

import cbor2

from tidelog.replica.ports import Holding, OutboxEntry, Record
from tidelog.replica.tokens import Token
from tidelog.wire import runs, standings
from tidelog.wire.limits import RUNS_MAX
from tidelog.wire.ranges import RangeSet, Run

RecordRow = tuple[int, int, int, str, int, int, int, str, bytes, int]
"""``channel_id, epoch, seq, author, time, sent, kind, content_type, body, left_out``."""


def record_row(channel_id: int, epoch: int, record: Record) -> RecordRow:
    """A record as a row of ``records``."""
    return (
        channel_id,
        epoch,
        record.seq,
        record.author,
        record.time,
        record.sent,
        record.kind,
        record.content_type,
        record.body,
        record.left_out,
    )


def body_size(row: RecordRow) -> int:
    """The length of the body in a row of ``records``, bytes."""
    return len(row[8])


def record(channel: str, row: tuple[int, str, int, int, int, str, bytes, int]) -> Record:
    """The record of a row ``seq, author, time, sent, kind, content_type, body, left_out``."""
    seq, author, time, sent, kind, content_type, body, left_out = row
    return Record(
        channel=channel,
        seq=seq,
        author=author,
        time=time,
        sent=sent,
        kind=kind,
        content_type=content_type,
        body=body,
        left_out=left_out,
    )


def outbox_row(entry: OutboxEntry) -> tuple[int, str, int, int, str, bytes, str, int]:
    """An entry as a row of ``outbox``."""
    return (
        entry.n,
        entry.channel,
        entry.kind,
        entry.sent,
        entry.content_type,
        entry.body,
        entry.rejected,
        entry.epoch,
    )


def outbox_entry(row: tuple[int, str, int, int, str, bytes, str, int]) -> OutboxEntry:
    """The entry of a row of ``outbox``."""
    n, channel, kind, sent, content_type, body, rejected, epoch = row
    return OutboxEntry(
        n=n,
        channel=channel,
        kind=kind,
        sent=sent,
        content_type=content_type,
        body=body,
        rejected=rejected,
        epoch=epoch,
    )


def holding_row(channel_id: int, holding: Holding) -> tuple[int, int, bytes, bytes, int, int, bool]:
    """A holding as a row of ``holdings``."""
    have, wanted = seqs_blob(holding.have), seqs_blob(holding.wanted)
    return (channel_id, holding.epoch, have, wanted, holding.head, holding.floor, holding.gone)


def holding(row: tuple[str, int, bytes, bytes, int, int, int]) -> Holding:
    """The holding of a row ``name, epoch, have, wanted, head, floor, gone``."""
    channel, epoch, have, wanted, head, floor, gone = row
    return Holding(
        channel=channel,
        epoch=epoch,
        have=seqs(have),
        wanted=seqs(wanted),
        head=head,
        floor=floor,
        gone=bool(gone),
    )


def token_row(token: Token) -> tuple[bytes, bytes, bytes, int]:
    """A token as a row of ``tokens``."""
    return token.scope, token.token, standings.dump(token.account), token.dictionary


def token(row: tuple[bytes, bytes, bytes, int]) -> Token:
    """The token of a row ``scope, token, account, dictionary``."""
    scope, name, account, dictionary = row
    return Token(scope, name, standings.load(account), dictionary)


def seqs_blob(ranges: RangeSet) -> bytes:
    """A set of seqs as it lies in the file: a CBOR array of have-sets in the wire's coding.

    More than one only where the set has more runs than the wire allows in one: a peer's limit must not
    make a device unable to read its own file.
    """
    return cbor2.dumps([runs.encode(piece) for piece in _pieces(ranges.runs)])


def seqs(blob: bytes) -> RangeSet:
    """The inverse of `seqs_blob`.

    Raises:
        ValueError: the blob is damaged; cbor2's and the wire's own errors too.
    """
    pieces = cbor2.loads(blob)
    if len(pieces) == 1:
        return runs.decode(pieces[0])
    return RangeSet(run for piece in pieces for run in runs.decode(piece).runs)


def _pieces(all_runs: tuple[Run, ...]) -> Iterator[RangeSet]:
    for at in range(0, len(all_runs), RUNS_MAX):
        yield RangeSet.of_sorted(all_runs[at : at + RUNS_MAX])
