"""The two stores against each other under random steps."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tidelog.codec.dictionaries import Dictionary, trained
from tidelog.replica.ports import BodyPart, Changes, Holding, Mark, OutboxEntry, Record, Snapshot, Weight
from tidelog.replica.tokens import Token
from tidelog.store import MemoryStore, SqliteStore
from tidelog.wire.frames import KIND_STUB
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing, Standings
from tidelog.wire.stubs import Stub, stub_body

CHANNELS = st.sampled_from(["room1", "dm/ann/bob", "zürich"])
EPOCHS = st.integers(1, 3)
SEQS = st.integers(1, 12)
NUMBERS = st.integers(1, 6)
RANGES = st.lists(st.tuples(SEQS, st.integers(0, 5)), max_size=4).map(
    lambda pairs: RangeSet([(start, start + length) for start, length in pairs])
)
DIGESTS = [bytes([at]) * 32 for at in range(3)]
STUBS = st.sampled_from([stub_body(Stub(size=40_000, digest=digest, first=b"")) for digest in DIGESTS])
PARTS = st.builds(
    BodyPart,
    digest=st.sampled_from(DIGESTS),
    size=st.just(40_000),
    offset=st.sampled_from([0, 0, 3, 6, 69_999]),
    data=st.sampled_from([3, 3, 70_000]).map(lambda size: b"abc" * (size // 3)),
)
RECORDS = st.builds(
    Record,
    channel=CHANNELS,
    seq=SEQS,
    author=st.sampled_from(["ann", "bob"]),
    time=st.sampled_from([0, 5, 2**53 - 1]),
    sent=st.sampled_from([0, 1, 2**53 - 1]),
    kind=st.sampled_from([0, 1, 2, 255]),
    body=st.binary(max_size=1),
    content_type=st.sampled_from(["", "text/plain"]),
)
HOLDINGS = st.builds(
    Holding, channel=CHANNELS, epoch=EPOCHS, have=RANGES, wanted=RANGES, head=SEQS, floor=SEQS
)
ENTRIES = st.builds(
    OutboxEntry,
    n=NUMBERS,
    channel=CHANNELS,
    kind=st.integers(0, 255),
    sent=st.integers(0, 2**53 - 1),
    content_type=st.just(""),
    body=st.binary(max_size=4),
    rejected=st.sampled_from(["", "denied"]),
)
DICTIONARIES = st.sampled_from([trained(bytes([at])) for at in range(4)])
SCOPES = st.sampled_from([b"", b"a", b"b", b"\0"])
TOKENS = st.builds(
    Token,
    scope=SCOPES,
    token=st.binary(min_size=4, max_size=4),
    account=st.builds(Standings, st.lists(st.builds(Standing, CHANNELS, EPOCHS, RANGES, SEQS), max_size=3)),
)
MARKS = st.builds(
    Mark,
    channel=CHANNELS,
    epoch=EPOCHS,
    user=st.sampled_from(["", "ann", "bob"]),
    read=SEQS,
    delivered=SEQS,
    receipts=st.booleans(),
    waiting=st.booleans(),
)
CHANGES = st.builds(
    Changes,
    records=st.lists(
        st.tuples(EPOCHS, RECORDS | st.builds(replace, RECORDS, kind=st.just(KIND_STUB), body=STUBS)),
        max_size=6,
    ).map(tuple),
    parts=st.lists(PARTS, max_size=3).map(tuple),
    spoilt=st.lists(st.sampled_from(DIGESTS), max_size=1).map(tuple),
    dropped=st.lists(st.tuples(CHANNELS, EPOCHS, RANGES), max_size=3).map(tuple),
    holdings=st.lists(HOLDINGS, max_size=2).map(tuple),
    queued=st.lists(
        ENTRIES | st.builds(replace, ENTRIES, kind=st.just(KIND_STUB), body=STUBS), max_size=3
    ).map(tuple),
    settled=st.lists(NUMBERS, max_size=3).map(tuple),
    next_n=st.integers(0, 9),
    outworn=st.lists(DICTIONARIES.map(lambda one: one.id), max_size=2).map(tuple),
    dictionaries=st.lists(DICTIONARIES, max_size=2).map(tuple),
    forgotten=st.lists(SCOPES, max_size=2).map(tuple),
    tokens=st.lists(TOKENS, max_size=3).map(tuple),
    marks=st.lists(MARKS, max_size=3).map(tuple),
    user=st.sampled_from(["", "", "ann"]),
    written=st.lists(st.tuples(CHANNELS, EPOCHS, SEQS, NUMBERS), max_size=3).map(tuple),
)


def _told(snapshot: Snapshot) -> list[tuple[bytes, bytes, Standings]]:
    return [(one.scope, one.token, one.account) for one in snapshot.tokens]


class TwoStores(RuleBasedStateMachine):
    """Every step goes to both stores; they must tell the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "phone.db"
        self.memory = MemoryStore(random_bytes=lambda count: b"\x07" * count)
        self.sqlite = self._open()

    def _open(self) -> SqliteStore:
        return SqliteStore(self.path, device="a1phone", random_bytes=lambda count: b"\x07" * count)

    @rule(changes=CHANGES)
    def apply(self, changes: Changes) -> None:
        self.memory.apply(changes)
        self.sqlite.apply(changes)

    @rule()
    def reopen(self) -> None:
        self.sqlite.close()
        self.sqlite = self._open()

    @rule(channel=CHANNELS, epoch=EPOCHS, start=SEQS, length=st.integers(-1, 12), limit=st.integers(0, 5))
    def read(self, channel: str, epoch: int, start: int, length: int, limit: int) -> None:
        asked = {"start": start, "stop": start + length, "limit": limit}
        assert self.memory.records(channel, epoch, **asked) == self.sqlite.records(channel, epoch, **asked)

    @rule(channel=CHANNELS, epoch=EPOCHS)
    def count(self, channel: str, epoch: int) -> None:
        weight = self.sqlite.weight(channel, epoch)
        assert weight == self.memory.weight(channel, epoch)
        bodies = [one.body for one in self.sqlite.records(channel, epoch, start=1, stop=2**53, limit=1000)]
        assert weight == Weight(records=len(bodies), body_bytes=sum(map(len, bodies)))

    @rule(record=RECORDS, epoch=EPOCHS)
    def find_copies(self, record: Record, epoch: int) -> None:
        assert sorted(self.memory.copies(record, epoch)) == sorted(self.sqlite.copies(record, epoch))

    @rule(channel=CHANNELS, epoch=EPOCHS, start=SEQS, above=NUMBERS, limit=st.integers(0, 3))
    def find_own(self, channel: str, epoch: int, start: int, above: int, limit: int) -> None:
        asked = {"since": start, "above": above - 1, "limit": limit}
        # A number may be told of two records: those then come in either order.
        mine = self.memory.own_earlier(channel, epoch, **asked)
        assert [copy.n for copy, _ in mine] == [
            copy.n for copy, _ in self.sqlite.own_earlier(channel, epoch, **asked)
        ]
        everything = {"since": start, "above": above - 1, "limit": 10**6}
        assert self.memory.own_earlier(channel, epoch, **everything) == self.sqlite.own_earlier(
            channel, epoch, **everything
        )

    @rule(dictionary=DICTIONARIES)
    def look_up(self, dictionary: Dictionary) -> None:
        assert self.memory.dictionary(dictionary.id) == self.sqlite.dictionary(dictionary.id)

    @rule(digest=st.sampled_from(DIGESTS), start=st.integers(0, 9), length=st.sampled_from([0, 3, 70_000]))
    def read_body(self, digest: bytes, start: int, length: int) -> None:
        assert self.memory.got(digest) == self.sqlite.got(digest)
        memory, sqlite = (store.part(digest, start, start + length) for store in (self.memory, self.sqlite))
        assert memory == sqlite

    @invariant()
    def same_snapshot(self) -> None:
        memory, sqlite = self.memory.load(), self.sqlite.load()
        assert replace(memory, tokens=()) == replace(sqlite, tokens=())
        assert _told(memory) == _told(sqlite)

    def teardown(self) -> None:
        self.sqlite.close()
        self.folder.cleanup()


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
