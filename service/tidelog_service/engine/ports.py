"""What the engine needs from the world, as protocols: the store, and somebody who compresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tidelog.codec.press import Pressed, PressJob
from tidelog.wire.ranges import RangeSet, Run
from tidelog_service.engine.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A device as the service knows it.

    Attributes:
        device: its id.
        user_id: whose it is.
        user: that user's name.
        revoked: whether it may do nothing any more.
    """

    device: str
    user_id: int
    user: str
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A channel's log as it stands.

    Attributes:
        id: the store's key.
        name: the channel's name.
        epoch: its incarnation, 1 to 2**32 - 1.
        head: the highest seq given that the user may read; 0 for none.
        floor: the lowest seq that is kept and that the user may read.
        time: none of a record is higher, Unix milliseconds; 0 for none.
        left: whether the user is no member any more, and reads what was written until then.
        owned: whether the user may delete what others wrote.
        revisions: how many edits and deletes were ever stored: with each, records may have gone.
        receipts: whether the user hears how far other members have come.
        read: how far the user has read, in this epoch; 0 for nothing.
        delivered: how far records have arrived on a device of the user's, no less than ``read``.
        marks: changes with every mark that the user hears of; 0 where there is none.
        sum: of the fingerprints of all records ever stored (`tidelog.wire.fingerprints`).
        body_bytes: of all bodies ever stored.
    """

    id: int
    name: str
    epoch: int
    head: int
    floor: int
    time: int
    revisions: int = 0
    left: bool = False
    owned: bool = False
    receipts: bool = False
    read: int = 0
    delivered: int = 0
    marks: int = 0
    sum: int = 0
    body_bytes: int = 0


class MemberMark(NamedTuple):
    """How far a member has come; ``version`` rises with each change in the channel."""

    user: str
    read: int
    delivered: int
    version: int


class Row(NamedTuple):
    """A stored record; a tuple because a page holds thousands of them."""

    seq: int
    author: str
    time: int
    sent: int
    kind: int
    content_type: str
    body: bytes

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)


class NewRow(NamedTuple):
    """A record to store.

    ``sum_before`` and ``bytes_before`` are what all records before it in its log came to: their fingerprints,
    modulo ``SUM_STOP``, and their bodies. So what lies between two records is a difference.
    """

    channel_id: int
    seq: int
    author_id: int
    time: int
    sent: int
    kind: int
    content_type: str
    body: bytes
    sum_before: int = 0
    bytes_before: int = 0


class Head(NamedTuple):
    """Where a log stands after a batch.

    Attributes:
        seq: the highest given.
        time: the highest given, Unix milliseconds.
        revised: how many edits and deletes the batch added.
        sum: of the fingerprints of all records ever stored, modulo ``SUM_STOP``.
        body_bytes: of all bodies ever stored.
    """

    seq: int
    time: int
    revised: int = 0
    sum: int = 0
    body_bytes: int = 0


class Stand(NamedTuple):
    """How far a log has come.

    Attributes:
        log_id: the store's key.
        epoch: its incarnation.
        head: the highest seq given.
    """

    log_id: int
    epoch: int
    head: int


class Sums(NamedTuple):
    """What some seqs of a log come to; see `Store.tally`.

    Attributes:
        records: how many of them have a record.
        body_bytes: of these records' bodies.
        fingerprint: of the records together, modulo ``SUM_STOP`` (`tidelog.wire.fingerprints`).
    """

    records: int = 0
    body_bytes: int = 0
    fingerprint: int = 0


class OutboxKey(NamedTuple):
    """A device's outbox: the device's id and the outbox's 4 bytes (empty for plain clients)."""

    device: str
    outbox: bytes


class Taken(NamedTuple):
    """What the service remembers of a message that it took.

    ``digest`` is `tidelog.wire.digest.message_digest`: 8 bytes over what the device wrote.
    """

    n: int
    channel_id: int
    seq: int
    time: int
    digest: bytes


class Chosen(NamedTuple):
    """What passes a filter.

    Attributes:
        seqs: that pass; some may have no record.
        rest: that were not looked at: they come later in the order asked for.
        looked: how many that do not pass were looked at.
    """

    seqs: RangeSet
    rest: RangeSet
    looked: int = 0


class KeptToken(NamedTuple):
    """What a token stands for now.

    Attributes:
        device: whose it is.
        token: its bytes.
        account: as `tidelog_service.engine.tokens` writes it.
        fresh: whether it was given only now.
    """

    device: str
    token: bytes
    account: bytes
    fresh: bool


class Store(Protocol):
    """The service's durable state.

    One thread at a time calls it. Reads outside a transaction see the last commit. Every method may raise
    `tidelog.wire.errors.Unavailable` where the database fails, with the code ``store_full`` (the disk),
    ``store_busy`` (another process holds it), ``store_damaged``, ``store_read_only``, ``store_unreadable``,
    or ``store_failed`` for anything else. A transaction that raises is rolled back whole.

    Attributes:
        blobs: large bodies; `erase` takes those of its records with it.
    """

    blobs: Blobs

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction: locks out other writers at once, and is on disk when it ends without error."""
        ...

    def terminal(self, device: str) -> Terminal | None:
        """The device, or ``None`` where there is none; a revocation made elsewhere is seen at once."""
        ...

    def logs_of(self, user_id: int) -> dict[str, Log]:
        """Every channel that the user may read, by name, with head and floor as they stand now.

        A user who has left a channel may be among those who read it: up to what was written then.
        """
        ...

    def writable(self, user_id: int, names: Sequence[str]) -> dict[str, Log]:
        """Those of the named channels that the user may write; inside a transaction their rows are locked."""
        ...

    def readable(self, user_id: int, name: str) -> Log | None:
        """That one of `logs_of`, where it is among them."""
        ...

    def audience(self, channel_id: int) -> tuple[str, ...]:
        """Ids of all devices, not revoked, of the channel's members."""
        ...

    def devices_of(self, user_id: int) -> tuple[str, ...]:
        """Ids of all devices, not revoked, of a user."""
        ...

    def hearers(self, log: Log, user_id: int, *, count_max: int) -> list[tuple[str, int]]:
        """Devices, not revoked, of the other members who may read ``log.delivered``, and from where on."""
        ...

    def marks_of(self, log: Log, *, after: int, count_max: int) -> list[MemberMark]:
        """The marks of a channel's members in its epoch that changed after a version, ascending by that."""
        ...

    def raise_mark(self, log: Log, user_id: int) -> None:
        """Keep ``log.read`` and ``log.delivered`` as the user's; inside a transaction."""
        ...

    def readable_from(self, channel_id: int) -> int:
        """The lowest seq that is kept and that every member may read."""
        ...

    def rows(
        self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int, newest_first: bool
    ) -> list[Row]:
        """Stored records among ``seqs``, read by primary-key range; work grows with what is returned.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
            bytes_max: stop before the body with which the bodies returned would exceed this; the first
                is always returned.
            newest_first: read from the largest seq down, else from the smallest up.

        Returns:
            rows in the order read.
        """
        ...

    def revisions(self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int) -> list[Row]:
        """Edits and deletes among ``seqs``, ascending; work grows with how many there are, and with the runs.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
            bytes_max: stop after the body with which the bodies returned come to so many.
        """
        ...

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
        """Which of the seqs pass a filter; work grows with those and with the runs, never with the log.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            authors: users, one of whom wrote it; empty for all.
            kinds: of one of which it is, or an edit, a delete or a stub; empty for all.
            count_max: stop after so many, at least 1.
            newest_first: from the largest seq down, else from the smallest up.
        """
        ...

    def sizes(self, channel_id: int, seqs: RangeSet, *, records_max: int) -> list[tuple[int, int]]:
        """Seq and size of the body, bytes, of the records among ``seqs``, the newest first.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
            records_max: at most so many.
        """
        ...

    def first_at(self, channel_id: int, run: Run, time: int) -> int:
        """The first seq of a run from which on all records are of this time or later; its stop for none.

        Args:
            channel_id: the channel.
            run: half-open; finite.
            time: Unix milliseconds.
        """
        ...

    def tally(self, channel_id: int, seqs: RangeSet) -> Sums:
        """What the records among ``seqs`` come to, without reading them.

        It takes two look-ups a run, and a sum over the gaps in it that edits and deletes have left.

        Args:
            channel_id: the channel.
            seqs: which ones; every run is finite.
        """
        ...

    def numbers(self, keys: Sequence[OutboxKey]) -> dict[OutboxKey, RangeSet]:
        """For each outbox, the message numbers taken so far; empty where it is new."""
        ...

    def taken(self, key: OutboxKey, ns: Sequence[int]) -> dict[int, Taken]:
        """What is remembered of these numbers of an outbox; forgotten ones are absent."""
        ...

    def append(self, rows: Sequence[NewRow]) -> None:
        """Insert records; inside a transaction.

        Raises:
            UsageError: a seq is higher than the store can number a log (``log_full``).
        """
        ...

    def erase(self, channel_id: int, seqs: RangeSet) -> None:
        """Delete records; inside the transaction that appended what voids them, after `advance`.

        Every run is finite.
        """
        ...

    def advance(self, heads: Mapping[int, Head]) -> None:
        """Set where logs stand, by channel id; inside the transaction that appended the rows.

        Raises:
            UsageError: as `append`.
        """
        ...

    def remember(
        self, taken: Sequence[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        """Keep what was taken and the outboxes' numbers; inside the same transaction.

        What lies more than ``MESSAGE_WINDOW`` below an outbox's highest contiguous number may be forgotten.
        """
        ...

    def token(self, device: str, token: bytes) -> bytes | None:
        """What a device's token stands for; ``None`` where it has no such token, or no longer."""
        ...

    def keep_tokens(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        """Keep what tokens stand for, in a transaction of its own.

        Of a device's tokens all but the latest few may be forgotten: a lost one costs bytes, never records.
        """
        ...


class Witness(Protocol):
    """Remembers, apart from the store, how far logs have come."""

    def saw(self, stands: Iterable[Stand]) -> None:
        """These logs have grown, and that is on disk. Never raises: the batch is done."""
        ...


class Press(Protocol):
    """Who compresses the bodies of pages; one thread at a time calls it.

    Attributes:
        size: how many jobs go side by side; 0 where they go in the calling thread.
    """

    size: int

    def press(self, jobs: Sequence[PressJob]) -> list[Pressed]:
        """Do all jobs, in bounded time.

        Returns:
            the results in the order of the jobs, each of the job's codec or a weaker one.

        Raises:
            UsageError: a job has a codec or an order that there is not.
        """
        ...
