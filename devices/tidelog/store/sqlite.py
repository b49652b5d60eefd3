"""A device's store in one SQLite file, with one writing process at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.ports import Changes, Copy, Holding, Record, Snapshot, Weight
from tidelog.store import bodies, dictionaries, epochs, marks, rows, schema
from tidelog.store.failures import damaged, mapped
from tidelog.store.lock import FileLock, create_private
from tidelog.wire.errors import UsageError
from tidelog.wire.limits import OUTBOX_ID_BYTES
from tidelog.wire.ranges import RangeSet

_PUT_RECORD = """INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (channel_id, epoch, seq) DO NOTHING"""
_REPLACE_RECORD = """INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (channel_id, epoch, seq) DO UPDATE SET author = excluded.author, time = excluded.time,
    sent = excluded.sent, kind = excluded.kind, content_type = excluded.content_type, body = excluded.body,
    left_out = excluded.left_out"""
_DROP = "DELETE FROM records WHERE channel_id = ? AND epoch = ? AND seq >= ? AND seq < ?"
_READ = """SELECT seq, author, time, sent, kind, content_type, body, left_out FROM records
    WHERE channel_id = ? AND epoch = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?"""
_WEIGH = """SELECT count(*), coalesce(sum(length(body)), 0) FROM records
    WHERE channel_id = ? AND epoch = ? AND seq >= ? AND seq < ?"""
_COUNT = """INSERT INTO counts (channel_id, epoch, records, body_bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT (channel_id, epoch) DO UPDATE
    SET records = records + excluded.records, body_bytes = body_bytes + excluded.body_bytes"""
_WEIGHT = """SELECT records, body_bytes FROM counts
    WHERE channel_id = (SELECT id FROM channels WHERE name = ?) AND epoch = ?"""
_META = "SELECT outbox_id, next_n, seconds, user FROM meta"
_TOKENS = "SELECT scope, token, account, dictionary FROM tokens ORDER BY id"
_HOLDINGS = """SELECT name, epoch, have, wanted, head, floor, gone
    FROM holdings JOIN channels ON channels.id = holdings.channel_id ORDER BY name"""


class SqliteStore:
    """`tidelog.replica.ports.Store` in one file: records, holdings and outbox.

    Writing is durable (write-ahead log, ``synchronous=FULL``): what `apply` returned from survives a power
    cut. Only one process may write; the lock dies with it. Any number may read beside it.

    Args:
        path: the file; made where it does not exist, readable by its owner only. Its folder must exist.
        device: the device id that the store belongs to.
        read_only: open beside a writer, to read; `apply` is refused.
        random_bytes: makes a new store's outbox id from a count of bytes.

    Raises:
        UsageError: codes ``store_device`` (the store of another device), ``store_foreign``,
            ``store_newer``, ``store_path``; with ``read_only`` also ``store_missing``.
        Unavailable: codes ``store_locked``, ``store_damaged``, ``store_full``, ``store_failed``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str,
        read_only: bool = False,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """See the class."""
        # Two names of the same file must meet in one lock.
        self._path = os.path.realpath(os.fspath(path))
        self._read_only = read_only
        self._mutex = threading.Lock()
        self._channel_ids: dict[str, int] = {}
        with mapped(self._path), ExitStack() as release:
            if read_only:
                self._expect_file()
            else:
                release.callback(FileLock(self._path).release)
                create_private(self._path)
            self._connection = self._connect()
            release.callback(self._connection.close)
            self._prepare(device, random_bytes)
            self._release = release.pop_all()

    def load(self) -> Snapshot:
        """Read what a machine starts from.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            fetch = self._connection.execute
            outbox_id, next_n, seconds, user = fetch(_META).fetchone()
            return Snapshot(
                outbox_id=outbox_id,
                next_n=next_n,
                outbox=tuple(map(rows.outbox_entry, fetch("SELECT * FROM outbox ORDER BY n"))),
                holdings=tuple(self._holding(row) for row in fetch(_HOLDINGS)),
                tokens=tuple(map(rows.token, fetch(_TOKENS))),
                dictionaries=dictionaries.ids(self._connection),
                seconds=bool(seconds),
                marks=marks.read(self._connection),
                user=user,
                earlier=epochs.earlier(self._connection),
            )

    def apply(self, changes: Changes) -> None:
        """Write a step's changes in one transaction; on return they survive a power cut.

        Raises:
            Unavailable: see the class; nothing was changed.
            UsageError: code ``store_read_only``: the store was opened to read.
        """
        if self._read_only:
            raise UsageError(f"the store {self._path} is open to read only", code="store_read_only")
        with self._mutex, mapped(self._path), self._transaction():
            large = bodies.Bodies(self._connection)
            self._apply_outbox(changes, large)
            self._drop(changes.dropped, large)
            self._put(changes.records, large)
            large.keep(changes.parts)
            large.finish(changes.spoilt)
            epochs.number(self._connection, changes.written)
            self._connection.executemany(
                "REPLACE INTO holdings VALUES (?, ?, ?, ?, ?, ?, ?)",
                [rows.holding_row(self._channel_id(one.channel), one) for one in changes.holdings],
            )
            self._connection.executemany(
                "DELETE FROM tokens WHERE scope = ?", [(scope,) for scope in changes.forgotten]
            )
            self._connection.executemany(
                "REPLACE INTO tokens (scope, token, account, dictionary) VALUES (?, ?, ?, ?)",
                [rows.token_row(token) for token in changes.tokens],
            )
            dictionaries.apply(self._connection, changes)
            marks.apply(self._connection, changes)
            if changes.seconds:
                self._connection.execute("UPDATE meta SET seconds = 1")

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        """At most ``limit`` records with ``start <= seq < stop``, ascending, by primary-key range.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            channel_id = self._known(channel)
            if channel_id is None:
                return []
            found = self._connection.execute(_READ, (channel_id, epoch, start, stop, max(limit, 0)))
            return [rows.record(channel, row) for row in found]

    def weight(self, channel: str, epoch: int) -> Weight:
        """How many records of the channel are in the store, and their bodies' bytes.

        Both are kept, so it costs one look-up.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            row = self._connection.execute(_WEIGHT, (channel, epoch)).fetchone()
            return Weight(records=row[0], body_bytes=row[1]) if row else Weight()

    def written(self, channel: str, epoch: int, *, above: int, besides: str) -> int:
        """How many messages above a seq others than a user wrote; see `Store.written`.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return marks.written(self._connection, channel, epoch, above=above, besides=besides)

    def dictionary(self, number: int) -> Dictionary | None:
        """The trained dictionary of this id, or ``None``.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return dictionaries.read(self._connection, number)

    def got(self, digest: bytes) -> int:
        """Bytes of a large body that are in the store, from its beginning.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return bodies.got(self._connection, digest)

    def part(self, digest: bytes, start: int, stop: int) -> bytes:
        """Those from ``start`` up to ``stop``.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return bodies.part(self._connection, digest, start, stop)

    def copies(self, record: Record, epoch: int) -> list[Copy]:
        """The same message in each other epoch; see `tidelog.replica.ports.Shelf`.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return epochs.copies(self._connection, record, epoch)

    def own_earlier(
        self, channel: str, epoch: int, *, since: int, above: int, limit: int
    ) -> list[tuple[Copy, Record]]:
        """What this device wrote, of other epochs, by number; see `tidelog.replica.ports.Shelf`.

        Raises:
            Unavailable: see the class.
        """
        with self._reading():
            return epochs.own_earlier(self._connection, channel, epoch, (since, above, max(limit, 0)))

    def close(self) -> None:
        """Release the file and the lock; idempotent."""
        with self._mutex, mapped(self._path):
            self._release.close()

    def _expect_file(self) -> None:
        if not Path(self._path).exists():
            raise UsageError(
                f"there is no store at {self._path}",
                code="store_missing",
                hint="a device makes its store when it first starts; is the path right?",
            )

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self._read_only else "rw"
        return sqlite3.connect(
            f"{Path(self._path).as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )

    def _prepare(self, device: str, random_bytes: Callable[[int], bytes]) -> None:
        if self._read_only:
            self._expect_current()
        else:
            schema.version(self._connection)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            schema.upgrade(self._connection)
            self._connection.execute(
                """INSERT INTO meta (id, device, outbox_id, next_n) VALUES (1, ?, ?, 1)
                    ON CONFLICT (id) DO NOTHING""",
                (device, random_bytes(OUTBOX_ID_BYTES)),
            )
        self._expect_device(device)

    def _expect_current(self) -> None:
        if schema.version(self._connection) < len(schema.STEPS):
            raise UsageError(
                f"the store {self._path} was written by an older tidelog",
                code="store_older",
                hint="start the device once with this version: it brings the file up to date",
            )

    def _expect_device(self, device: str) -> None:
        row = self._connection.execute("SELECT device FROM meta").fetchone()
        if row is None:
            raise damaged(self._path, "it does not say whose it is")
        if row[0] != device:
            raise UsageError(
                f"the store {self._path} belongs to device {row[0]!r}, not {device!r}",
                code="store_device",
                hint="give each device a store of its own",
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._mutex, mapped(self._path):
            if self._read_only:
                # Several statements must see one state of a file that its writer goes on changing.
                with self._transaction("BEGIN"):
                    yield
            else:
                yield

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # Ids given in this transaction go with it.
            self._channel_ids.clear()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _apply_outbox(self, changes: Changes, large: bodies.Bodies) -> None:
        execute, executemany = self._connection.execute, self._connection.executemany
        executemany("DELETE FROM outbox WHERE n = ?", [(n,) for n in changes.settled])
        executemany(
            "REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(rows.outbox_row, changes.queued)
        )
        large.settle(changes.settled)
        large.queue(changes.queued)
        if changes.next_n:
            execute("UPDATE meta SET next_n = max(next_n, ?)", (changes.next_n,))

    def _drop(self, dropped: Iterable[tuple[str, int, RangeSet]], large: bodies.Bodies) -> None:
        for channel, epoch, seqs in dropped:
            channel_id = self._known(channel)
            if channel_id is not None:
                keys = [(channel_id, epoch, start, stop) for start, stop in seqs.runs]
                gone = self._weighed(keys)
                large.release(keys)
                self._connection.executemany(_DROP, keys)
                self._connection.execute(_COUNT, (channel_id, epoch, -gone.records, -gone.body_bytes))

    def _put(self, records: Iterable[tuple[int, Record]], large: bodies.Bodies) -> None:
        logs: dict[tuple[int, int], list[rows.RecordRow]] = {}
        for epoch, record in records:
            channel_id = self._channel_id(record.channel)
            logs.setdefault((channel_id, epoch), []).append(rows.record_row(channel_id, epoch, record))
        for (channel_id, epoch), batch in logs.items():
            self._put_log(channel_id, epoch, batch, large)

    def _put_log(
        self, channel_id: int, epoch: int, batch: list[rows.RecordRow], large: bodies.Bodies
    ) -> None:
        """Put records of one incarnation of a channel; nearly always all of them are new."""
        execute, executemany = self._connection.execute, self._connection.executemany
        execute("SAVEPOINT put")
        added, body_bytes = executemany(_PUT_RECORD, batch).rowcount, sum(map(rows.body_size, batch))
        if added < len(batch):
            # Which of them were there cannot be told any more.
            execute("ROLLBACK TO put")
            last = {row[2]: row for row in batch}
            keys = [(channel_id, epoch, seq, seq + 1) for seq in last]
            before = self._weighed(keys)
            large.release(keys)
            executemany(_REPLACE_RECORD, last.values())
            added = len(last) - before.records
            body_bytes = sum(map(rows.body_size, last.values())) - before.body_bytes
        execute("RELEASE put")
        large.put(batch)
        execute(_COUNT, (channel_id, epoch, added, body_bytes))

    def _weighed(self, keys: Iterable[tuple[int, int, int, int]]) -> Weight:
        """What is in the store of some ranges of seqs that do not overlap."""
        found = [self._connection.execute(_WEIGH, key).fetchone() for key in keys]
        return Weight(records=sum(row[0] for row in found), body_bytes=sum(row[1] for row in found))

    def _known(self, channel: str) -> int | None:
        known = self._channel_ids.get(channel)
        if known is None:
            row = self._connection.execute("SELECT id FROM channels WHERE name = ?", (channel,)).fetchone()
            if row:
                known = self._channel_ids[channel] = int(row[0])
        return known

    def _channel_id(self, channel: str) -> int:
        known = self._known(channel)
        if known is None:
            cursor = self._connection.execute("INSERT INTO channels (name) VALUES (?)", (channel,))
            known = self._channel_ids[channel] = int(cursor.lastrowid or 0)
        return known

    def _holding(self, row: Any) -> Holding:  # noqa: ANN401 - sqlite3 types rows as Any
        try:
            return rows.holding(row)
        except Exception as error:
            raise damaged(self._path, f"the have-set of {row[0]!r} cannot be read ({error})") from error
