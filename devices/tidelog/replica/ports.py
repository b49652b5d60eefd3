"""What the device machine needs from the world, as protocols that stores and transports fill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.tokens import Token
from tidelog.wire.errors import TidelogError
from tidelog.wire.ranges import EMPTY, EVERYTHING, RangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a log, as the application sees it.

    Of a large body, and of one above ``max_body``, it has the beginning; `tidelog.device.Device.fetch_body`
    brings all of it.

    Attributes:
        channel: the channel's name.
        seq: its number in the channel, from 1.
        author: the user who wrote it.
        time: the service's clock when it was stored, Unix milliseconds; never falls with ``seq``.
        sent: the author's clock, Unix milliseconds; equal to ``time`` where it is not known to differ.
        kind: 0 message, 2 delete, from 16 on the application's.
        body: opaque bytes.
        content_type: a media type, or empty.
        edited: the service's clock when it was last edited, Unix milliseconds; 0 for never.
        voids: half-open ranges of seqs of records that are no more: of an edited one all that it was before,
            of a delete what it is about.
        left_out: how many bytes of the body are not in ``body``: those after its beginning.
    """

    channel: str
    seq: int
    author: str
    time: int
    sent: int
    kind: int
    body: bytes
    content_type: str = ""
    edited: int = 0
    voids: tuple[tuple[int, int], ...] = ()
    left_out: int = 0

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return len(self.body) + self.left_out

    @property
    def whole(self) -> bool:
        """Whether ``body`` is all of it."""
        return not self.left_out

    @property
    def text(self) -> str:
        """The body as UTF-8, bytes that are not replaced by U+FFFD."""
        return self.body.decode("utf8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a device knows of one channel.

    Attributes:
        channel: the channel's name.
        epoch: the log's incarnation that the rest speaks of.
        have: seqs accounted for: held, or told that they are void.
        wanted: seqs that were asked for or pushed; a gap is wanted and not in ``have``.
        head: the highest seq known to exist.
        floor: the lowest seq that can still be had.
        gone: whether the service has said that it is not to be had, and nothing of it has come since; a
            request of everything is silent about it.
    """

    channel: str
    epoch: int
    have: RangeSet = EMPTY
    wanted: RangeSet = EMPTY
    head: int = 0
    floor: int = 1
    gone: bool = False

    @property
    def wants_all(self) -> bool:
        """Whether everything was asked for, what is still to be written included."""
        return self.wanted == EVERYTHING

    @property
    def gaps(self) -> RangeSet:
        """Seqs that exist, were asked for and are not accounted for."""
        return (self.wanted & RangeSet([(self.floor, max(self.floor, self.head + 1))])) - self.have


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """A message that waits for its receipt.

    Attributes:
        n: its number within the outbox, from 1.
        channel: the channel's name.
        kind: 0 message, from 16 on the application's.
        sent: the device's clock when it was written, Unix milliseconds.
        content_type: a media type, or empty.
        body: opaque bytes.
        rejected: the code with which the service refused it for good, else empty; it is not sent again.
        left_out: how many bytes of the body are not in ``body``, as in a `Record`.
        epoch: the incarnation of the log whose seqs the body names, where it is a delete's; 0: none.
    """

    n: int
    channel: str
    kind: int
    sent: int
    content_type: str
    body: bytes
    rejected: str = ""
    left_out: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a user has come in a channel.

    Attributes:
        channel: the channel's name.
        epoch: the log's incarnation that the seqs are of.
        user: the member whose it is; empty for this device's own user.
        read: everything up to this seq was read; 0 for nothing.
        delivered: everything up to this seq has arrived on a device of the user's; no less than ``read``.
        receipts: of the own user's: whether members of the channel hear of each other's marks.
        waiting: of the own user's: whether the service's word that it has the mark is still to come.
    """

    channel: str
    epoch: int
    user: str = ""
    read: int = 0
    delivered: int = 0
    receipts: bool = False
    waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a machine needs to go on after a restart; records stay in the store.

    Attributes:
        outbox_id: 4 random bytes made with the store.
        next_n: the number of the next message.
        outbox: entries ascending by ``n``.
        holdings: one a channel.
        tokens: one a scope, the last used last.
        dictionaries: ids of the trained dictionaries, the oldest first.
        seconds: whether times were ever taken in whole seconds.
        marks: one a channel and user.
        user: whose device it is; empty where nothing has said so yet.
        earlier: channels and epochs of which there are records, other epochs than those of the holdings.
    """

    outbox_id: bytes
    next_n: int
    outbox: tuple[OutboxEntry, ...]
    holdings: tuple[Holding, ...]
    tokens: tuple[Token, ...] = ()
    dictionaries: tuple[int, ...] = ()
    seconds: bool = False
    marks: tuple[Mark, ...] = ()
    user: str = ""
    earlier: tuple[tuple[str, int], ...] = ()


class BodyPart(NamedTuple):
    """Bytes of a large body; put where they follow on what is there, or where they are all of it.

    Attributes:
        digest: of the whole body.
        size: of the whole body.
        offset: bytes before these.
        data: the bytes.
    """

    digest: bytes
    size: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a step of the machine changes in the store; applied whole and durably, or not at all.

    Order within: entries in ``settled`` leave the outbox, ``queued`` are put (replacing the same ``n``),
    ``dropped`` bodies are forgotten, ``records`` are put (replacing the same channel, epoch and seq),
    ``written`` records that are there get their numbers,
    ``holdings`` replace those of the same channel, ``next_n`` is raised where it is not 0, tokens of the
    scopes in ``forgotten`` go, ``tokens`` replace those of the same scope and count as the last used,
    dictionaries in ``outworn`` go, ``dictionaries`` are put, ``marks`` replace those of the same channel and
    user, ``user`` is kept where it is not empty, ``parts`` of large bodies are added, those
    bodies in ``spoilt`` go, and those of which no record and no message speaks any more.

    Attributes:
        records: ``(epoch, record)`` pairs.
        dropped: ``(channel, epoch, seqs)`` triples.
        seconds: whether times are taken in whole seconds from now on, for good.
        written: ``(channel, epoch, seq, n)``: the numbers under which this device sent records.
    """

    records: tuple[tuple[int, Record], ...] = ()
    dropped: tuple[tuple[str, int, RangeSet], ...] = ()
    holdings: tuple[Holding, ...] = ()
    queued: tuple[OutboxEntry, ...] = ()
    settled: tuple[int, ...] = ()
    next_n: int = 0
    forgotten: tuple[bytes, ...] = ()
    tokens: tuple[Token, ...] = ()
    outworn: tuple[int, ...] = ()
    dictionaries: tuple[Dictionary, ...] = ()
    seconds: bool = False
    marks: tuple[Mark, ...] = ()
    user: str = ""
    parts: tuple[BodyPart, ...] = ()
    spoilt: tuple[bytes, ...] = ()
    written: tuple[tuple[str, int, int, int], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(
            (self.records or self.dropped or self.holdings or self.written)
            or (self.queued or self.settled or self.next_n)
            or (self.forgotten or self.tokens)
            or (self.outworn or self.dictionaries or self.seconds)
            or (self.marks or self.user)
            or (self.parts or self.spoilt)
        )


COPIES_MAX: Final = 1_024
"""Records of an epoch that is over, up to which a message is looked for among all of them."""


class Copy(NamedTuple):
    """Where a record lies in an epoch that is over.

    Attributes:
        epoch: which one.
        seq: its number there.
        n: the number under which this device sent it; 0 where it did not, or does not know.
    """

    epoch: int
    seq: int
    n: int


class Shelf(Protocol):
    """The device's records, to read."""

    def records(self, channel: str, epoch: int, *, start: int, stop: int, limit: int) -> list[Record]:
        """At most ``limit`` records with ``start <= seq < stop``, ascending, by primary-key range."""
        ...

    def dictionary(self, number: int) -> Dictionary | None:
        """The trained dictionary of this id, or ``None`` where it is not in the store."""
        ...

    def got(self, digest: bytes) -> int:
        """Bytes of a large body that are in the store, from its beginning; where that is all, it is right."""
        ...

    def part(self, digest: bytes, start: int, stop: int) -> bytes:
        """Those from ``start`` up to ``stop``, or to where they end; reads little else."""
        ...

    def copies(self, record: Record, epoch: int) -> list[Copy]:
        """The same message in each other epoch of its channel: its author, ``sent``, kind, type and body.

        Looked for at the record's seq; and where at most `COPIES_MAX` lie there, at any, the lowest of them.
        At its seq it is enough that one body is the beginning of the other, and their sizes are the same.
        """
        ...

    def own_earlier(
        self, channel: str, epoch: int, *, since: int, above: int, limit: int
    ) -> list[tuple[Copy, Record]]:
        """Messages of other epochs of a channel that this device wrote, by number.

        No edits or deletes, and none of which only the beginning is here.

        Args:
            channel: the channel's name.
            epoch: not of this one.
            since: of this time on, Unix milliseconds.
            above: with numbers above this one.
            limit: at most so many.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How much of a channel a store holds.

    Attributes:
        records: how many records.
        body_bytes: the length of their bodies together.
    """

    records: int = 0
    body_bytes: int = 0


class Store(Shelf, Protocol):
    """A device's durable state: records, holdings and outbox together.

    Methods may be called from several threads; an implementation serialises them. All raise
    `tidelog.wire.errors.Unavailable` (codes ``store_locked``, ``store_full``, ``store_damaged``,
    ``store_failed``) where the disk or the file fails; after that nothing was changed.
    """

    def load(self) -> Snapshot:
        """Read what a machine starts from."""
        ...

    def apply(self, changes: Changes) -> None:
        """Write a step's changes in one transaction; on return they survive a power cut."""
        ...

    def weight(self, channel: str, epoch: int) -> Weight:
        """How many records of the channel are in the store, and their bodies' bytes; reads no record."""
        ...

    def written(self, channel: str, epoch: int, *, above: int, besides: str) -> int:
        """How many messages above a seq others than a user wrote: records of kind 0, stubs, or from 16 on.

        By an index that leaves bodies out: work grows with what is counted.
        """
        ...

    def close(self) -> None:
        """Release the file; idempotent."""
        ...


class Listener(Protocol):
    """What a transport tells; called on the transport's thread, and only enqueues."""

    def on_online(self, *, session_present: bool) -> None:
        """The broker accepted the connection and the subscription to the reply topic is in place."""
        ...

    def on_offline(self, reason: TidelogError) -> None:
        """The connection is gone, or an attempt failed; the transport goes on trying by itself.

        It must not raise: that would end the transport's thread.
        """
        ...

    def on_packet(self, topic: str, payload: bytes, size: int) -> None:
        """A PUBLISH arrived.

        Args:
            topic: its topic.
            payload: its payload.
            size: MQTT bytes that it took on the socket, headers and acknowledgements included.
        """
        ...


class Transport(Protocol):
    """A device's link to the broker."""

    def start(self, listener: Listener) -> None:
        """Begin to connect in the background; returns at once, never raises because the link is down."""
        ...

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Hand a PUBLISH to the socket; while offline it is dropped (the machine sends again).

        Returns:
            MQTT bytes that it takes on the socket, headers and acknowledgements included; 0 if dropped.
        """
        ...

    def hasten(self) -> None:
        """Try to connect now, where it waits between attempts."""
        ...

    def stop(self) -> None:
        """Publish the offline status, disconnect cleanly and end the threads; idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A packet to publish.

    Attributes:
        topic: its topic.
        payload: its payload.
        qos: 0 or 1.
        purpose: the id of the sync job that causes it, 0 for none: its bytes are accounted there.
    """

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    purpose: int = 0
