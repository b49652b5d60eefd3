"""The engine's store on a database: records by primary-key range, outboxes, memberships."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Final, TypeVar

from tidelog.wire import runs
from tidelog.wire.fingerprints import SUM_STOP
from tidelog.wire.limits import BODY_BYTES_MAX, MESSAGE_WINDOW, TIME_MS_STOP
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog_service.engine.ports import (
    Chosen,
    Head,
    KeptToken,
    Log,
    MemberMark,
    NewRow,
    OutboxKey,
    Row,
    Store,
    Sums,
    Taken,
    Terminal,
)
from tidelog_service.store.blobs import BlobStore
from tidelog_service.store.choosing import Choosing
from tidelog_service.store.database import Database, Fields
from tidelog_service.store.generations import Watch
from tidelog_service.store.keys import checked_seq, keyed, keys_of, run_of, seq_of, signed, within
from tidelog_service.store.models import Role
from tidelog_service.store.pieces import POOL_MAX, Pool, padded, pieces
from tidelog_service.store.statements import Listed, Statements
from tidelog_service.store.tallies import Tallies

FORGET_EVERY: Final = 1_024
"""An outbox's old numbers are deleted when a multiple of this is taken: once each, about 2 ms at a time."""

TOKENS_MAX: Final = 16
"""Tokens kept for a device: scopes that it asks for by turns, and those it lost."""

_BODY: Final = 6
"""The column of the body in what `_read` yields."""

_T = TypeVar("_T")


class RecordStore(Store):
    """`tidelog_service.engine.ports.Store` on a database; see there for what each method promises.

    One thread at a time calls it. Devices, audiences and names are cached until the generation changes;
    where logs stand is read each time.

    Args:
        database: open and migrated; it stays the caller's to close.

    Attributes:
        blobs: large bodies.
    """

    blobs: BlobStore

    def __init__(self, database: Database) -> None:
        """See the class."""
        self._database = database
        self._sql = Statements(database)
        self._choosing = Choosing(database)
        self.blobs = BlobStore(database)
        self._tallies = Tallies(database)
        self._watch = Watch(database, self._forget_cached)
        # Within a transaction nobody else can change anything: one look at its start is enough.
        self._in_transaction = False
        self._terminals: dict[str, Terminal] = {}
        self._audiences: dict[int, tuple[str, ...]] = {}
        self._names: dict[int, str] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store.transaction`."""
        with self._database.transaction():
            self._look()
            self.blobs.sweep()
            self._in_transaction = True
            try:
                yield
            finally:
                self._in_transaction = False

    def terminal(self, device: str) -> Terminal | None:
        """See `Store.terminal`."""
        self._look()
        known = self._terminals.get(device)
        if known is None:
            # Ids that do not exist are not kept: a client could fill the memory with them.
            for name, user_id, user, revoked in self._database.fetch(self._sql.terminal, (device,)):
                known = Terminal(device=name, user_id=user_id, user=user, revoked=bool(revoked))
                self._terminals[device] = known
        return known

    def logs_of(self, user_id: int) -> dict[str, Log]:
        """See `Store.logs_of`."""
        return _logs(self._database.fetch(self._sql.logs, (user_id,)))

    def writable(self, user_id: int, names: Sequence[str]) -> dict[str, Log]:
        """See `Store.writable`."""
        found: dict[str, Log] = {}
        for some in _batches(names):
            sql = self._sql.writable.sql(len(some))
            found |= _logs(self._database.fetch(sql, (user_id, Role.WRITER, *some)))
        return found

    def readable(self, user_id: int, name: str) -> Log | None:
        """See `Store.readable`."""
        return _logs(self._database.fetch(self._sql.readable, (user_id, name))).get(name)

    def audience(self, channel_id: int) -> tuple[str, ...]:
        """See `Store.audience`."""
        self._look()
        known = self._audiences.get(channel_id)
        if known is None:
            known = tuple(device for (device,) in self._database.fetch(self._sql.audience, (channel_id,)))
            self._audiences[channel_id] = known
        return known

    def devices_of(self, user_id: int) -> tuple[str, ...]:
        """See `Store.devices_of`."""
        return tuple(device for (device,) in self._database.fetch(self._sql.devices, (user_id,)))

    def hearers(self, log: Log, user_id: int, *, count_max: int) -> list[tuple[str, int]]:
        """See `Store.hearers`."""
        found = self._database.fetch(self._sql.hearers, (log.id, user_id, log.delivered, count_max))
        return [(device, first) for device, first in found]

    def marks_of(self, log: Log, *, after: int, count_max: int) -> list[MemberMark]:
        """See `Store.marks_of`."""
        found = self._database.fetch(self._sql.marks, (log.id, log.epoch, after, count_max))
        return [MemberMark(*fields) for fields in found]

    def raise_mark(self, log: Log, user_id: int) -> None:
        """See `Store.raise_mark`."""
        self._database.write_many(self._sql.count_mark, [(1, log.id)])
        marks = (log.read, log.delivered, log.epoch, log.id, log.id, user_id)
        self._database.write_many(self._sql.raise_mark, [marks])

    def readable_from(self, channel_id: int) -> int:
        """See `Store.readable_from`."""
        ((first, floor),) = self._database.fetch(self._sql.readable_from, (channel_id,))
        return max(first or 1, floor or 1)

    def rows(
        self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int, newest_first: bool
    ) -> list[Row]:
        """See `Store.rows`."""
        run = self._sql.run_down if newest_first else self._sql.run_up
        pool = self._sql.pool_down if newest_first else self._sql.pool_up
        read = self._read(channel_id, within(seqs), run, pool, count=records_max, newest_first=newest_first)
        with closing(read):
            return self._rows(_within(read, records_max=records_max, bytes_max=bytes_max))

    def revisions(self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int) -> list[Row]:
        """See `Store.revisions`."""
        run, pool = self._sql.revisions_run, self._sql.revisions_pool
        read = self._read(channel_id, within(seqs), run, pool, count=records_max, newest_first=False)
        with closing(read):
            return self._rows(list(_until(islice(read, max(records_max, 0)), bytes_max)))

    def chosen(
        self,
        channel_id: int,
        seqs: RangeSet,
        *,
        authors: Sequence[str],
        kinds: Sequence[int],
        count_max: int,
        newest_first: bool,
    ) -> Chosen:
        """See `Store.chosen`."""
        return self._choosing.chosen(
            channel_id, seqs, authors=authors, kinds=kinds, count_max=count_max, newest_first=newest_first
        )

    def sizes(self, channel_id: int, seqs: RangeSet, *, records_max: int) -> list[tuple[int, int]]:
        """See `Store.sizes`."""
        run, pool = self._sql.sizes_run, self._sql.sizes_pool
        read = self._read(channel_id, within(seqs), run, pool, count=records_max, newest_first=True)
        with closing(read):
            return [(seq_of(key), size) for key, size in islice(read, max(records_max, 0))]

    def first_at(self, channel_id: int, run: Run, time: int) -> int:
        """See `Store.first_at`."""
        return self._choosing.first_at(channel_id, run, time)

    def numbers(self, keys: Sequence[OutboxKey]) -> dict[OutboxKey, RangeSet]:
        """See `Store.numbers`."""
        found: dict[OutboxKey, RangeSet] = {}
        for key in keys:
            kept = self._database.fetch(self._sql.numbers, key)
            # more runs than a peer may send: every second number of a window
            found[key] = runs.decode(kept[0][0], runs_max=MESSAGE_WINDOW) if kept else EMPTY
        return found

    def taken(self, key: OutboxKey, ns: Sequence[int]) -> dict[int, Taken]:
        """See `Store.taken`."""
        found: dict[int, Taken] = {}
        for some in _batches(ns):
            sql = self._sql.taken.sql(len(some))
            for fields in self._database.fetch(sql, (*key, *some)):
                found[fields[0]] = Taken(*fields)
        return found

    def append(self, rows: Sequence[NewRow]) -> None:
        """See `Store.append`."""
        self._database.write_many(self._sql.append, keyed(rows))

    def erase(self, channel_id: int, seqs: RangeSet) -> None:
        """See `Store.erase`."""
        gone = self.blobs.erase(channel_id, seqs)
        for run in within(seqs).runs:
            keys = run_of(channel_id, run)
            self._tallies.bury(channel_id, keys)
            gone += sum(size for (size,) in self._database.fetch(self._sql.erase, keys))
        self._database.write_many(self._sql.lighten, [(gone, channel_id)])

    def tally(self, channel_id: int, seqs: RangeSet) -> Sums:
        """See `Store.tally`."""
        return self._tallies.of(channel_id, [run_of(channel_id, run) for run in within(seqs).runs])

    def advance(self, heads: Mapping[int, Head]) -> None:
        """See `Store.advance`."""
        self._database.write_many(
            self._sql.advance,
            [
                (checked_seq(seq), time, revised, size, signed(total), size, channel_id)
                for channel_id, (seq, time, revised, total, size) in heads.items()
            ],
        )

    def remember(
        self, taken: Sequence[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        """See `Store.remember`."""
        self._database.write_many(self._sql.remember, [(*key, *message) for key, message in taken])
        self._database.write_many(
            self._sql.keep, [(*key, runs.encode(kept)) for key, kept in numbers.items()]
        )
        self._forget_old(taken, numbers)

    def token(self, device: str, token: bytes) -> bytes | None:
        """See `Store.token`."""
        found = self._database.fetch(self._sql.token, (device, token))
        return found[0][0] if found else None

    def keep_tokens(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        """See `Store.keep_tokens`."""
        rows = [(one.device, one.token, now_ms, one.account) for one in kept]
        fresh = Counter(one.device for one in kept if one.fresh)
        # Room is made before: a clock that was set back must not make the new ones the oldest.
        room = [(device, device, max(TOKENS_MAX - count, 0)) for device, count in sorted(fresh.items())]
        # A lost token costs its device some bytes: nobody waits for the disk here.
        with self._database.transaction(durable=False):
            self._database.write_many(self._sql.forget_tokens, room)
            self._database.write_many(self._sql.keep_token, rows)

    def _forget_old(
        self, taken: Iterable[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        due = {key for key, message in taken if message.n % FORGET_EVERY == 0}
        forgotten = [
            (*key, _highest_contiguous(numbers[key]) - MESSAGE_WINDOW) for key in due & numbers.keys()
        ]
        self._database.write_many(self._sql.forget, [each for each in forgotten if each[-1] > 0])

    def _rows(self, found: Sequence[Fields]) -> list[Row]:
        names = self._named({fields[1] for fields in found})
        return [Row(seq_of(key), names[author], *rest) for key, author, *rest in found]

    def _read(
        self, channel_id: int, seqs: RangeSet, run: str, pool: Listed, *, count: int, newest_first: bool
    ) -> Generator[Fields, None, None]:
        for piece in pieces(seqs, newest_first=newest_first):
            rows = self._database.stepped(*_statement(channel_id, piece, run=run, pool=pool, count=count))
            with closing(rows):
                yield from rows

    def _named(self, users: set[int]) -> dict[int, str]:
        unknown = [user for user in users if user not in self._names]
        for some in _batches(unknown):
            self._names.update(self._database.fetch(self._sql.authors.sql(len(some)), some))
        return self._names

    def _look(self) -> None:
        if not self._in_transaction:
            self._watch.look()

    def _forget_cached(self) -> None:
        self._terminals.clear()
        self._audiences.clear()
        self._names.clear()


def _statement(
    channel_id: int, piece: Run | Pool, *, run: str, pool: Listed, count: int
) -> tuple[str, Sequence[int]]:
    if isinstance(piece, tuple):
        return run, (*run_of(channel_id, piece), count)
    listed = padded(piece)
    return pool.sql(len(listed)), keys_of(channel_id, listed)


def _within(read: Iterable[Fields], *, records_max: int, bytes_max: int) -> list[Fields]:
    if records_max * BODY_BYTES_MAX <= bytes_max:
        return list(islice(read, max(records_max, 0)))
    found: list[Fields] = []
    size = 0
    if records_max <= 0:
        return found
    for fields in read:
        size += len(fields[_BODY])
        if found and size > bytes_max:
            break
        found.append(fields)
        if len(found) == records_max:
            break
    return found


def _until(read: Iterable[Fields], bytes_max: int) -> Iterator[Fields]:
    """Up to the one with which the bodies come to so many bytes."""
    left = bytes_max
    for fields in read:
        yield fields
        left -= len(fields[_BODY])
        if left <= 0:
            return


def _batches(values: Sequence[_T]) -> Iterator[list[_T]]:
    for at in range(0, len(values), POOL_MAX):
        yield padded(values[at : at + POOL_MAX])


def _logs(rows: Iterable[Fields]) -> dict[str, Log]:
    logs = map(_log, rows)
    # Whoever joined and left before anything was written has nothing to read.
    return {log.name: log for log in logs if not log.left or log.floor <= log.head}


def _log(fields: Fields) -> Log:
    """A log as a member may read it."""
    key, name, epoch, head, floor, time, revisions, role, first, last, *more = fields
    receipts, count, read, delivered, marked, total, size = more
    left = last is not None
    told = bool(receipts) and not left
    if marked != epoch:
        read = delivered = 0
    return Log(
        id=key,
        name=name,
        epoch=epoch,
        head=min(head, last) if left else head,
        floor=max(floor, first),
        # When others went on writing is not theirs to know.
        time=TIME_MS_STOP - 1 if left else time,
        revisions=revisions,
        left=left,
        owned=role >= Role.OWNER and not left,
        receipts=told,
        read=read,
        delivered=delivered,
        # Others' marks are not even counted for those who do not hear of them.
        marks=count + 1 if told else read + delivered,
        sum=total % SUM_STOP,
        body_bytes=size,
    )


def _highest_contiguous(numbers: RangeSet) -> int:
    return numbers.runs[0][1] - 1 if 1 in numbers else 0
