"""What is kept of a log in sums is what there is, whoever wrote, revised, brought, imported and cut off."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_MESSAGE, KIND_STUB, Message, Messages
from tidelog.wire.large import Chunk
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body, read_edit
from tidelog.wire.stubs import body_digest, stub_body, stub_for
from tidelog_service.engine.core import Engine
from tidelog_service.engine.gathering import Gathering
from tidelog_service.engine.packets import Bounds, Packet
from tidelog_service.engine.ports import Row, Sums
from tidelog_service.engine.rules import IngestRule, IngestRules
from tidelog_service.store import epochs, keeping
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.transfer import import_records, read_lines

NOW_MS = 1_760_000_000_000
LARGE = 40_000
EVERY = RangeSet([(1, 10_000)])
WHERE = st.integers(0, 99)
"""Which of the records that there are, as a share of them."""


class Service:
    """A room of Ann and Bob, and an ingest rule that writes there as well."""

    def __init__(self, database: Database) -> None:
        self.database = database
        registry = Registry(database)
        for user in ("ann", "bob"):
            registry.add_user(user)
        registry.add_device("ann", "ann-phone")
        registry.add_channel("room", ["ann", "bob"])
        self.store = RecordStore(database)
        gathering = Gathering(GatheredStore(database))
        gathering.rules = IngestRules([IngestRule.parse(topic="s/+/+", channel="{1}", author="{2}")])
        self.engine = Engine(
            self.store, bounds=Bounds(requests_per_second=1_000, requests_burst=10_000), gathering=gathering
        )
        self.count = 0

    @property
    def log_id(self) -> int:
        return self.store.logs_of(1)["room"].id

    def rows(self) -> list[Row]:
        return self.store.rows(self.log_id, EVERY, records_max=10**6, bytes_max=10**9, newest_first=False)

    def body(self, size: int) -> bytes:
        self.count += 1
        return (b"%d " % self.count).ljust(size, b".")

    # What happens

    def send(self, count: int) -> None:
        self._write(*[self._message(KIND_MESSAGE, self.body(5)) for _ in range(count)])

    def publish(self, count: int) -> None:
        packets = [Packet("s/room/bob", self.body(7), qos=1) for _ in range(count)]
        self.engine.handle(packets, NOW_MS)

    def both(self, count: int) -> None:
        """A device and a rule in one batch."""
        frame = Messages(outbox=b"", messages=(self._message(KIND_MESSAGE, self.body(5)),))
        told = Packet("tl1/ann-phone/msg", wire.encode(frame, Encoding.PACKED), qos=1)
        self.engine.handle([told, *[Packet("s/room/bob", self.body(7), qos=1)] * count], NOW_MS)

    def bring(self, _count: int) -> None:
        self._write(self._message(KIND_STUB, self._brought()))

    def edit(self, where: int) -> None:
        self._edit(where, KIND_MESSAGE, self.body(9))

    def edit_large(self, where: int) -> None:
        self._edit(where, KIND_STUB, self._brought())

    def delete(self, where: int) -> None:
        row = self._own(where)
        if row is not None:
            self._write(self._message(KIND_DELETE, delete_body(self._before(row).voids)))

    def load(self, count: int) -> None:
        """An import: plain lines and a large one."""
        sizes = [6] * count + [LARGE]
        lines = [
            json.dumps({"channel": "room", "author": "bob", "ts": 5, "body": self.body(size).decode()})
            for size in sizes
        ]
        import_records(self.database, read_lines(lines))

    def trim(self, where: int) -> None:
        log = self.store.logs_of(1)["room"]
        keeping.trim(self.database, "room", before=log.floor + (log.head - log.floor) * where // 100)

    def sweep(self, _where: int) -> None:
        keeping.sweep(self.database, "room")

    def renew(self, _where: int) -> None:
        epochs.renew(self.database, [self.log_id])

    # What is kept of it

    def check(self, seqs: RangeSet) -> None:
        rows, log = self.rows(), self.store.logs_of(1)["room"]
        seqs &= RangeSet([(log.floor, log.head + 1)])
        found = [row for row in rows if row.seq in seqs]
        total = sum(
            fingerprint("room", row.seq, row.kind, row.author, row.content_type, row.body) for row in found
        )
        size = sum(len(row.body) for row in found)
        assert self.store.tally(log.id, seqs) == Sums(len(found), size, total % SUM_STOP)
        large = self.database.fetch("SELECT coalesce(sum(size), 0) FROM body WHERE record >= 0")[0][0]
        told = self.database.fetch("SELECT body_bytes FROM channel")[0][0]
        assert told == sum(len(row.body) for row in rows) + large

    def _message(self, kind: int, body: bytes) -> Message:
        return Message(n=0, channel="room", body=body, kind=kind)

    def _write(self, *messages: Message) -> None:
        self._ask(Messages(outbox=b"", messages=messages), "msg")

    def _ask(self, frame: Frame, verb: str) -> None:
        packet = Packet(f"tl1/ann-phone/{verb}", wire.encode(frame, Encoding.PACKED), qos=1)
        self.engine.handle([packet], NOW_MS)

    def _brought(self) -> bytes:
        """The stub of a body that is there."""
        whole = self.body(LARGE)
        for at in range(0, LARGE, 20 * 1_024):
            data = whole[at : at + 20 * 1_024]
            digest = body_digest([whole])
            self._ask(Chunk(rid=1, digest=digest, size=LARGE, offset=at, data=data), "sync")
        return stub_body(stub_for(whole))

    def _own(self, where: int) -> Row | None:
        floor = self.store.logs_of(1)["room"].floor
        own = [
            row for row in self.rows() if row.author == "ann" and row.kind != KIND_DELETE and row.seq >= floor
        ]
        return own[len(own) * where // 100] if own else None

    def _before(self, row: Row) -> Edit:
        itself = RangeSet([(row.seq, row.seq + 1)])
        if row.kind != KIND_EDIT:
            return Edit(voids=itself, kind=KIND_MESSAGE, time=row.time, content=b"")
        edit = read_edit(row.body)
        return Edit(voids=edit.voids | itself, kind=KIND_MESSAGE, time=edit.time, content=b"")

    def _edit(self, where: int, kind: int, content: bytes) -> None:
        row = self._own(where)
        if row is not None:
            before = self._before(row)
            edit = Edit(voids=before.voids, kind=kind, time=before.time, content=content)
            self._write(self._message(KIND_EDIT, edit_body(edit)))


FEW = st.integers(1, 6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["send", "publish", "both", "bring", "load"]), FEW),
        st.tuples(st.sampled_from(["edit", "edit_large", "delete", "trim", "sweep", "renew"]), WHERE),
    ),
    max_size=20,
)
RUNS = st.lists(st.tuples(st.integers(1, 80), st.integers(1, 30)), max_size=4).map(
    lambda found: RangeSet([(start, start + size) for start, size in found])
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=30)
@given(STEPS, RUNS)
def test_sums_are_those_of_the_records_that_there_are(steps: list[tuple[str, Any]], asked: RangeSet) -> None:
    with open_database(":memory:") as database:
        service = Service(database)
        for step, argument in steps:
            getattr(service, step)(argument)
            service.check(asked)
            service.check(EVERY)
