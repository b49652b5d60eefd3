"""Storing what ingest rules take: messages on an existing topic tree, in the transaction of their batch.

Nobody is answered: whoever published there knows nothing of Tidelog. So whatever is not stored is counted,
and told to the operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog.wire.topics import PREFIX, is_channel, is_user
from tidelog_service.engine.accounts import DAY_MS
from tidelog_service.engine.idempotence import key_digest
from tidelog_service.engine.ingest import Add
from tidelog_service.engine.packets import Packet, Tally
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.rules import IngestRule, IngestRules, Place

NOTICE_MS: Final = 3_600_000
"""The operator is told of the same trouble under the same rule once an hour; the counts have all of it."""

NOTICES_MAX: Final = 100
"""What waits to be told at most: a few words for each rule."""

TOPIC_CHARS_SHOWN: Final = 128
"""Of a topic in counts and notices: as long as Tidelog's own may be; a stranger's has up to 64 KiB."""

DIRECT_ROOT: Final = "dm/"
"""Conversations of two users are theirs: no rule makes one."""


class Outcome(StrEnum):
    """What became of a message under a rule; the words that operators see."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    RETAINED = "retained"
    UNKEYED = "unkeyed"
    LIMIT = "limit"
    CHANNEL_NAME = "channel_name"
    AUTHOR_NAME = "author_name"
    NO_CHANNEL = "no_channel"
    NO_AUTHOR = "no_author"
    NOT_WRITER = "not_writer"
    NO_MEMBER = "no_member"
    NO_RULE = "no_rule"


HINTS: Final = {
    Outcome.UNKEYED: "it was stored; published again it will be stored again: see the rule's key",
    Outcome.LIMIT: f"it was not stored: a body has at most {BODY_BYTES_MAX} bytes",
    Outcome.CHANNEL_NAME: "it was not stored: the rule makes no name of a channel of the topic: 1 to 3 "
    "levels, 64 bytes, no 'dm/' at the start; `tidelog ingest test` shows what it makes",
    Outcome.AUTHOR_NAME: "it was not stored: the rule makes no user's name of the topic",
    Outcome.NO_CHANNEL: "it was not stored: there is no such channel, and the rule may make no more of them "
    "(create_max); raise that, or add it with `tidelog channel add`",
    Outcome.NO_AUTHOR: "it was not stored: there is no such user, and the rule may make no more of them "
    "(create_max); raise that, or add it with `tidelog user add`",
    Outcome.NOT_WRITER: "it was not stored: no rule made that channel, and the author may not write there; "
    "`tidelog channel join` lets it",
    Outcome.NO_MEMBER: "it was stored, but a member of the rule is in too many channels to read this one too",
    Outcome.NO_RULE: "it was not stored: the rule that subscribed to the topic is gone",
}
"""What the operator is told of, and what can be done."""


@dataclass(slots=True)
class Made:
    """How many channels, and how many authors, a rule has made."""

    channels: int
    authors: int


class Found(NamedTuple):
    """A channel that a rule names: its log, whole, and whether a rule made it."""

    log: Log
    made: bool


class Kept(NamedTuple):
    """A key to remember, with the record that it came with."""

    channel_id: int
    seq: int
    digest: bytes


class Count(NamedTuple):
    """How many messages under a rule came to the same, and the topic of the last of them."""

    rule: str
    outcome: Outcome
    messages: int
    topic: str


class IngestStore(Protocol):
    """Beside `Store`, on the same connection; all of it inside the transaction of the batch.

    Every method may raise `tidelog.wire.errors.Unavailable`.
    """

    def authors(self, names: Sequence[str]) -> dict[str, int]:
        """Those of the named users that there are, with their keys."""
        ...

    def channels(self, names: Sequence[str]) -> dict[str, Found]:
        """Those of the named channels that there are."""
        ...

    def made(self, rule: str) -> Made:
        """What a rule has made so far."""
        ...

    def make_author(self, rule: str, name: str, now_ms: int) -> int:
        """Add a user, whose name is valid and free; returns its key."""
        ...

    def make_channel(self, rule: str, name: str, members: Sequence[str], now_ms: int) -> tuple[Log, bool]:
        """Add a channel, whose name is valid and free, with readers; those that are no users become some.

        Returns:
            its log, and whether all of them could be made members.
        """
        ...

    def is_kept(self, digest: bytes) -> bool:
        """Whether a key is remembered."""
        ...

    def keep(self, keys: Sequence[Kept]) -> None:
        """Remember keys."""
        ...

    def forget(self, channel_id: int, below: int) -> None:
        """Forget the keys of a channel's records below a seq."""
        ...

    def count(self, day: int, counts: Sequence[Count], now_ms: int) -> None:
        """Add to what is counted for a day, in days since 1970 (UTC)."""
        ...


class Gathering:
    """Takes what ingest rules select; the engine's thread owns it.

    Args:
        store: beside the engine's own.
        rules: those in force.

    Attributes:
        rules: may be replaced between batches, by whichever thread.
    """

    def __init__(self, store: IngestStore, rules: IngestRules | None = None) -> None:
        """See the class."""
        self.rules = rules or IngestRules()
        self._store = store
        self._told_ms: dict[tuple[str, Outcome], int] = {}
        self._notices: list[UsageError] = []

    def gather(self, packets: Sequence[Packet], *, store: Store, add: Add, now_ms: int) -> tuple[Count, ...]:
        """Store what rules take of packets; inside the batch's transaction.

        Args:
            packets: on topics outside of ``tl1/``, in the order of arrival.
            store: the engine's.
            add: see `Add`.
            now_ms: the service's clock, Unix milliseconds.

        Returns:
            what became of them, for `settle` once it is on disk.
        """
        batch = _Batch(store=store, shelf=self._store, add=add, now_ms=now_ms)
        batch.take_all(packets, self.rules)
        counts = batch.write()
        self._store.count(now_ms // DAY_MS, counts, now_ms)
        return counts

    def settle(self, counts: Sequence[Count], tally: Tally, now_ms: int) -> None:
        """Count what is on disk, and note what the operator is to be told."""
        for count in counts:
            tally["ingest_" + count.outcome] += count.messages
            if count.outcome in HINTS:
                self._note(count, now_ms)

    def notices(self) -> Sequence[UsageError]:
        """What is to be told since the last call."""
        notices, self._notices = self._notices, []
        return notices

    def _note(self, count: Count, now_ms: int) -> None:
        told_ms = self._told_ms.get((count.rule, count.outcome))
        if told_ms is not None and 0 <= now_ms - told_ms < NOTICE_MS:
            return
        if len(self._notices) >= NOTICES_MAX:
            return
        self._told_ms[count.rule, count.outcome] = now_ms
        under = f"ingest rule {count.rule!r}" if count.rule else "no ingest rule"
        what = f"a message on {count.topic!r} under {under}: {count.outcome.replace('_', ' ')}"
        self._notices.append(UsageError(what, code=f"ingest_{count.outcome}", hint=HINTS[count.outcome]))


def is_foreign(topic: str) -> bool:
    """Whether a topic is none of Tidelog's own, so that only an ingest rule can take it."""
    return not topic.startswith(f"{PREFIX}/")


class _Bid(NamedTuple):
    """A message that a rule takes, where its names are valid."""

    rule: IngestRule
    channel: str
    author: str
    packet: Packet


@dataclass(slots=True, kw_only=True)
class _Batch:
    """The state of one batch while its transaction is open."""

    store: Store
    shelf: IngestStore
    add: Add
    now_ms: int
    counts: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    topics: dict[tuple[str, Outcome], str] = field(default_factory=dict)
    authors: dict[str, int] = field(default_factory=dict)
    channels: dict[str, Found] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    writers: dict[tuple[int, str], bool] = field(default_factory=dict)
    digests: set[bytes] = field(default_factory=set)
    keys: list[Kept] = field(default_factory=list)
    windows: dict[int, int] = field(default_factory=dict)

    def take_all(self, packets: Sequence[Packet], rules: IngestRules) -> None:
        """Decide about all of them; names are looked up together."""
        bids = [bid for packet in packets if (bid := self._screened(packet, rules)) is not None]
        self.authors = self.shelf.authors(sorted({bid.author for bid in bids}))
        self.channels = self.shelf.channels(sorted({bid.channel for bid in bids}))
        for bid in bids:
            self._take(bid)

    def write(self) -> tuple[Count, ...]:
        """Put keys into the open transaction."""
        self.shelf.keep(self.keys)
        for channel_id, below in self.windows.items():
            self.shelf.forget(channel_id, below)
        return tuple(
            Count(rule, outcome, count, self.topics[rule, outcome])
            for (rule, outcome), count in self.counts.items()
        )

    def _screened(self, packet: Packet, rules: IngestRules) -> _Bid | None:
        rule = rules.find(packet.topic)
        if rule is None:
            self._count("", Outcome.NO_RULE, packet)
            return None
        place = rule.place(packet.topic)
        refused = _refused(rule, packet, place)
        if refused is not None:
            self._count(rule.topic, refused, packet)
            return None
        return _Bid(rule, place.channel, place.author, packet)

    def _take(self, bid: _Bid) -> None:
        found = self.channels.get(bid.channel)
        refused = self._lacking(bid, found)
        if refused is not None:
            self._count(bid.rule.topic, refused, bid.packet)
            return
        author_id = self._author(bid)
        log = self._made(bid) if found is None else found.log
        if not self._is_writer(bid, author_id):
            self._count(bid.rule.topic, Outcome.NOT_WRITER, bid.packet)
        elif not self._is_repeated(bid, log):
            self._store(bid, author_id, log)

    def _lacking(self, bid: _Bid, found: Found | None) -> Outcome | None:
        """Where something is not there that the rule may not make."""
        if found is None and bid.channel.startswith(DIRECT_ROOT):
            return Outcome.CHANNEL_NAME
        if found is None and self._made_by(bid.rule).channels >= bid.rule.create_max:
            return Outcome.NO_CHANNEL
        if bid.author in self.authors:
            return None
        if found is not None and not found.made:
            return Outcome.NOT_WRITER
        return Outcome.NO_AUTHOR if self._made_by(bid.rule).authors >= bid.rule.create_max else None

    def _made_by(self, rule: IngestRule) -> Made:
        if rule.topic not in self.made:
            self.made[rule.topic] = self.shelf.made(rule.topic)
        return self.made[rule.topic]

    def _author(self, bid: _Bid) -> int:
        known = self.authors.get(bid.author)
        if known is None:
            known = self.authors[bid.author] = self.shelf.make_author(bid.rule.topic, bid.author, self.now_ms)
            self._made_by(bid.rule).authors += 1
        return known

    def _made(self, bid: _Bid) -> Log:
        log, complete = self.shelf.make_channel(bid.rule.topic, bid.channel, bid.rule.members, self.now_ms)
        self.channels[bid.channel] = Found(log, made=True)
        self._made_by(bid.rule).channels += 1
        if not complete:
            self._count(bid.rule.topic, Outcome.NO_MEMBER, bid.packet)
        return log

    def _is_writer(self, bid: _Bid, author_id: int) -> bool:
        """Rules write where a rule made the channel; into others only as anybody else would."""
        if self.channels[bid.channel].made:
            return True
        key = (author_id, bid.channel)
        if key not in self.writers:
            self.writers[key] = bid.channel in self.store.writable(author_id, [bid.channel])
        return self.writers[key]

    def _is_repeated(self, bid: _Bid, log: Log) -> bool:
        digest = self._digest(bid, log)
        if digest is None or not (digest in self.digests or self.shelf.is_kept(digest)):
            return False
        self._count(bid.rule.topic, Outcome.DUPLICATE, bid.packet)
        return True

    def _store(self, bid: _Bid, author_id: int, log: Log) -> None:
        payload, content_type = bid.packet.payload, bid.rule.content_type
        seq = self.add(log, author_id, bid.author, body=payload, content_type=content_type)
        self._count(bid.rule.topic, Outcome.STORED, bid.packet)
        if not bid.rule.key:
            return
        digest = self._digest(bid, log)
        if digest is None:
            self._count(bid.rule.topic, Outcome.UNKEYED, bid.packet)
            return
        self.digests.add(digest)
        self.keys.append(Kept(log.id, seq, digest))
        self.windows[log.id] = seq + 1 - bid.rule.key_window

    def _digest(self, bid: _Bid, log: Log) -> bytes | None:
        if not bid.rule.key:
            return None
        return key_digest(bid.rule.key, channel_id=log.id, topic=bid.packet.topic, payload=bid.packet.payload)

    def _count(self, rule: str, outcome: Outcome, packet: Packet) -> None:
        self.counts[rule, outcome] += 1
        self.topics[rule, outcome] = packet.topic[:TOPIC_CHARS_SHOWN]


def _refused(rule: IngestRule, packet: Packet, place: Place) -> Outcome | None:
    """Where a message cannot be taken, whatever the store holds."""
    if packet.retained and not rule.retained:
        return Outcome.RETAINED
    if len(packet.payload) > BODY_BYTES_MAX:
        return Outcome.LIMIT
    if not is_channel(place.channel):
        return Outcome.CHANNEL_NAME
    return None if is_user(place.author) else Outcome.AUTHOR_NAME
