"""Large bodies through the engine, on the memory store and the real one: up, into the log, down, and away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from simulated.shelf import Shelf
from tidelog.wire import payload as wire
from tidelog.wire.anyframe import Frame
from tidelog.wire.errors import Code
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB, Fault, Message, Messages, Receipts
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.limits import PAGE_BYTES_MAX, PAGE_BYTES_MIN
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body
from tidelog.wire.stubs import Stub, body_digest, stub_body, stub_for
from tidelog_service.engine.core import Engine
from tidelog_service.engine.packets import Bounds, Packet
from tidelog_service.engine.ports import Store
from tidelog_service.store.blobs import UPLOAD_MS_MAX, UPLOADS_MAX
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry

OUTBOX = b"\x01\x02\x03\x04"
BODY = b"".join(b"%06d: low tide\n" % n for n in range(3_000))
OTHER = BODY[::-1]
PART = 15_360
numbers = count(1)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Ann with two devices, Bob and a room of both; Cem, who is not in it."""
    if request.param == "memory":
        yield Shelf({"room": ("ann", "bob"), "theirs": ("cem",)})
        return
    with open_database(tmp_path / "tidelog.db") as database:
        registry = Registry(database)
        for user in ("ann", "bob", "cem"):
            registry.add_user(user)
            for kind in ("phone", "tab"):
                registry.add_device(user, f"{user}-{kind}", secret="secret")
        registry.add_channel("room", ["ann", "bob"])
        registry.add_channel("theirs", ["cem"])
        yield RecordStore(database)
        registry.close()


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine(store, bounds=Bounds(requests_burst=10_000))


def asked(
    engine: Engine,
    *frames: Frame,
    device: str = "ann-phone",
    now_ms: int = 9_000,
    encoding: Encoding = Encoding.PACKED,
) -> list[Frame]:
    verb = "msg" if isinstance(frames[0], Messages) else "sync"
    packets = [Packet(f"tl1/{device}/{verb}", wire.encode(frame, encoding)) for frame in frames]
    told = [wire.decode(reply.payload) for reply in engine.handle(packets, now_ms)]
    assert all(form is encoding for _, form in told)
    return [frame for frame, _ in told]


def chunks(body: bytes, *, rid: int = 5, size: int = PART, start: int = 0) -> list[Chunk]:
    digest = body_digest([body])
    return [
        Chunk(rid=rid, digest=digest, size=len(body), offset=at, data=body[at : at + size])
        for at in range(start, len(body), size)
    ]


def question(body: bytes) -> Chunk:
    return Chunk(rid=5, digest=body_digest([body]), size=len(body))


def message(
    body: bytes = BODY, *, channel: str = "room", kind: int = KIND_STUB, n: int | None = None
) -> Message:
    content = stub_body(stub_for(body)) if kind == KIND_STUB else body
    return Message(n=next(numbers) if n is None else n, channel=channel, body=content, kind=kind)


def sent(engine: Engine, *messages: Message, device: str = "ann-phone") -> list[Code | int]:
    """What became of messages: their seqs, or why not."""
    frames = asked(engine, Messages(outbox=OUTBOX, messages=messages), device=device)
    told: dict[int, Code | int] = {}
    for frame in frames:
        assert isinstance(frame, Receipts)
        told |= {one.n: one.seq for one in frame.receipts}
        told |= {one.n: one.code for one in frame.rejections}
    return [told[one.n] for one in messages]


def stored(engine: Engine, body: bytes = BODY) -> int:
    """Bring a body and send its message; its seq."""
    asked(engine, *chunks(body))
    (seq,) = sent(engine, message(body))
    assert isinstance(seq, int)
    return seq


def epoch_of(store: Store, name: str = "room") -> int:
    return store.logs_of(1)[name].epoch


def fetched(
    engine: Engine, store: Store, seq: int, *, device: str = "bob-phone", page_bytes: int = 16_384
) -> bytes:
    """All portions, one after the other."""
    got = b""
    while True:
        ask = Ask(
            rid=9,
            channel="room",
            epoch=epoch_of(store),
            seq=seq,
            offset=len(got),
            page_bytes=page_bytes,
        )
        (portion,) = asked(engine, ask, device=device)
        assert isinstance(portion, Portion)
        assert len(wire.encode(portion, Encoding.PACKED)) <= page_bytes
        got += portion.data
        if len(got) == portion.size:
            return got


def refusal(
    engine: Engine, store: Store, seq: int, *, device: str = "bob-phone", channel: str = "room"
) -> Code:
    ask = Ask(rid=9, channel=channel, epoch=epoch_of(store), seq=seq)
    (fault,) = asked(engine, ask, device=device)
    assert isinstance(fault, Fault)
    assert fault.rid == 9
    return fault.code


class TestUp:
    """From a device into the log."""

    def test_a_stub_waits_for_its_bytes(self, engine: Engine) -> None:
        """Its number is not spent: the same message is taken when they are there."""
        one = message()
        assert sent(engine, one) == [Code.BLOB]
        assert asked(engine, question(BODY)) == [Upload(rid=5)]
        assert asked(engine, *chunks(BODY)) == [Upload(rid=5, offset=len(BODY))]
        assert sent(engine, one) == [1]
        assert sent(engine, one) == [1], "and the receipt comes again"

    def test_what_arrived_need_not_go_again(self, engine: Engine) -> None:
        first, _, third, *_ = chunks(BODY)
        assert asked(engine, first) == [Upload(rid=5, offset=PART)]
        assert asked(engine, third) == [Upload(rid=5, offset=PART)], "one that does not follow on is not kept"
        assert asked(engine, first) == [Upload(rid=5, offset=PART)]
        again = Engine(engine._store)
        assert asked(again, question(BODY)) == [Upload(rid=5, offset=PART)]
        assert asked(again, *chunks(BODY, start=PART)) == [Upload(rid=5, offset=len(BODY))]
        assert asked(again, *chunks(BODY, start=PART)) == [Upload(rid=5, offset=len(BODY))]

    def test_bytes_that_are_not_those_of_the_digest_are_thrown_away(self, engine: Engine) -> None:
        *good, last = chunks(BODY)
        bad = Chunk(rid=5, digest=last.digest, size=last.size, offset=last.offset, data=bytes(len(last.data)))
        assert asked(engine, *good) == [Upload(rid=5, offset=last.offset)]
        (fault,) = asked(engine, bad)
        assert isinstance(fault, Fault)
        assert (fault.code, fault.rid) == (Code.BLOB, 5)
        assert asked(engine, question(BODY)) == [Upload(rid=5)]
        assert sent(engine, message()) == [Code.BLOB]

    @pytest.mark.parametrize(("size", "code"), [(32_768, Code.MALFORMED), (100_001, Code.LIMIT)])
    def test_what_goes_inline_or_is_too_large_is_refused(self, store: Store, size: int, code: Code) -> None:
        engine = Engine(store, bounds=Bounds(body_bytes=100_000))
        (fault,) = asked(engine, Chunk(rid=5, digest=bytes(32), size=size))
        assert isinstance(fault, Fault)
        assert (fault.code, fault.rid) == (code, 5)

    def test_a_stub_that_is_too_large_is_refused_before_anything_goes_up(self, store: Store) -> None:
        engine = Engine(store, bounds=Bounds(body_bytes=len(BODY) - 1))
        assert sent(engine, message()) == [Code.LIMIT]

    def test_a_stub_that_is_none_or_lies_about_the_beginning_is_malformed(self, engine: Engine) -> None:
        asked(engine, *chunks(BODY))
        lie = Stub(size=len(BODY), digest=body_digest([BODY]), first=b"another text")
        wrong = [
            Message(n=next(numbers), channel="room", body=raw, kind=KIND_STUB)
            for raw in (b"", stub_body(lie))
        ]
        assert sent(engine, *wrong) == [Code.MALFORMED, Code.MALFORMED]
        assert sent(engine, message()) == [1]

    def test_a_size_that_is_another_one_is_not_there(self, engine: Engine) -> None:
        asked(engine, *chunks(BODY))
        other = Stub(size=len(BODY) + 1, digest=body_digest([BODY]), first=b"")
        wrong = Message(n=next(numbers), channel="room", body=stub_body(other), kind=KIND_STUB)
        assert sent(engine, wrong) == [Code.BLOB]
        again = Chunk(rid=5, digest=other.digest, size=other.size, data=BODY[:PART])
        assert asked(engine, again) == [Upload(rid=5, offset=PART)], "and begins anew"

    def test_who_knows_a_digest_gets_nothing_by_it(self, engine: Engine) -> None:
        """Not with another device of the same user, and not after the bytes are in a log."""
        asked(engine, *chunks(BODY))
        assert sent(engine, message(n=next(numbers)), device="ann-tab") == [Code.BLOB]
        assert sent(engine, message(channel="theirs", n=next(numbers)), device="cem-phone") == [Code.BLOB]
        assert sent(engine, message(), message()) == [1, Code.BLOB], "one upload, one record"
        assert sent(engine, message(channel="theirs", n=next(numbers)), device="cem-phone") == [Code.BLOB]
        assert asked(engine, question(BODY), device="cem-phone") == [Upload(rid=5)]

    def test_whoever_may_not_write_is_told_so_before_anything_goes_up(self, engine: Engine) -> None:
        assert sent(engine, message(channel="theirs")) == [Code.NO_CHANNEL]

    def test_a_device_that_sends_too_fast_is_told_to_wait(self, store: Store) -> None:
        engine = Engine(store, bounds=Bounds(requests_burst=1, requests_per_second=1))
        told = asked(engine, *chunks(BODY)[:2])
        assert told[0] == Upload(rid=5, offset=PART)
        assert isinstance(told[1], Fault)
        assert (told[1].code, told[1].rid) == (Code.BUSY, 5)

    def test_a_script_brings_one_in_json(self, engine: Engine) -> None:
        told = asked(engine, *chunks(BODY), encoding=Encoding.JSON)
        assert told == [Upload(rid=5, offset=len(BODY))]
        plain = Messages(outbox=b"", messages=(message(n=0),))
        (answer,) = asked(engine, plain, encoding=Encoding.JSON)
        assert isinstance(answer, Receipts)
        assert [one.seq for one in answer.receipts] == [1]


class TestDown:
    """From the log to a device."""

    @pytest.mark.parametrize("page_bytes", [PAGE_BYTES_MIN, 16_384, PAGE_BYTES_MAX])
    def test_a_member_gets_it_in_portions_of_the_size_asked_for(
        self, engine: Engine, store: Store, page_bytes: int
    ) -> None:
        seq = stored(engine)
        assert fetched(engine, store, seq, page_bytes=page_bytes) == BODY

    def test_in_json_too(self, engine: Engine, store: Store) -> None:
        ask = Ask(rid=9, channel="room", epoch=epoch_of(store), seq=stored(engine), offset=40_000)
        (portion,) = asked(engine, ask, device="bob-phone", encoding=Encoding.JSON)
        assert portion == Portion(rid=9, size=len(BODY), offset=40_000, data=BODY[40_000:][:12_216])

    def test_beyond_the_end_there_is_nothing(self, engine: Engine, store: Store) -> None:
        ask = Ask(rid=9, channel="room", epoch=epoch_of(store), seq=stored(engine), offset=10**9)
        assert asked(engine, ask) == [Portion(rid=9, size=len(BODY), offset=len(BODY))]

    def test_strangers_and_wrong_questions_get_nothing(self, engine: Engine, store: Store) -> None:
        seq = stored(engine)
        sent(engine, message(b"small", kind=0))
        assert refusal(engine, store, seq, device="cem-phone") is Code.NO_CHANNEL
        assert refusal(engine, store, seq, channel="nowhere") is Code.NO_CHANNEL
        assert refusal(engine, store, seq + 1, device="cem-phone") is Code.NO_CHANNEL
        assert refusal(engine, store, seq + 2) is Code.NO_RECORD, "above the head"
        (fault,) = asked(engine, Ask(rid=9, channel="room", epoch=epoch_of(store) ^ 1, seq=seq))
        assert isinstance(fault, Fault)
        assert fault.code is Code.NO_RECORD

    @pytest.mark.parametrize("page_bytes", [256, 16_384])
    def test_a_body_that_the_log_has_comes_with_its_digest(
        self, engine: Engine, store: Store, page_bytes: int
    ) -> None:
        body = BODY[:9_000]
        (seq,) = sent(engine, message(body, kind=0))
        assert isinstance(seq, int)
        assert fetched(engine, store, seq, page_bytes=page_bytes) == body
        ask = Ask(rid=9, channel="room", epoch=epoch_of(store), seq=seq, offset=8_990)
        for encoding in Encoding:
            (portion,) = asked(engine, ask, device="bob-phone", encoding=encoding)
            digest = body_digest([body])
            assert portion == Portion(rid=9, size=9_000, offset=8_990, data=body[8_990:], digest=digest)

    def test_of_an_edit_comes_what_it_says_and_of_a_delete_nothing(
        self, engine: Engine, store: Store
    ) -> None:
        (seq,) = sent(engine, message(b"small", kind=0))
        assert isinstance(seq, int)
        (edited,) = sent(engine, _edit(seq, 0, BODY[:5_000]))
        assert isinstance(edited, int)
        assert fetched(engine, store, edited) == BODY[:5_000]
        assert refusal(engine, store, seq) is Code.NO_RECORD, "it is void"
        gone = delete_body(RangeSet([(edited, edited + 1)]))
        (deleted,) = sent(engine, message(gone, kind=KIND_DELETE))
        assert isinstance(deleted, int)
        assert refusal(engine, store, deleted) is Code.NO_RECORD

    def test_a_window_ends_where_it_ends(self) -> None:
        """Bob joined after the first body and left before the third."""
        shelf = Shelf({"room": ("ann", "bob")})
        engine = Engine(shelf, bounds=Bounds(requests_burst=10_000))
        first, second, third = (stored(engine, BODY + b"%d" % n) for n in range(3))
        shelf.members["room"] = ("ann",)
        shelf.windows["bob", "room"] = (second, second)
        assert fetched(engine, shelf, second) == BODY + b"1"
        assert refusal(engine, shelf, first) is Code.NO_RECORD
        assert refusal(engine, shelf, third) is Code.NO_RECORD
        shelf.windows.clear()
        assert refusal(engine, shelf, second) is Code.NO_CHANNEL

    def test_asking_too_often_is_answered_busy(self, store: Store) -> None:
        engine = Engine(store, bounds=Bounds(requests_burst=4, requests_per_second=1))
        ask = Ask(rid=9, channel="room", epoch=epoch_of(store), seq=1, page_bytes=PAGE_BYTES_MAX)
        assert [frame.code for frame in asked(engine, ask, ask) if isinstance(frame, Fault)] == [
            Code.NO_RECORD,
            Code.BUSY,
        ]


class TestAway:
    """Edits and deletes."""

    def test_a_deleted_records_bytes_are_gone(self, engine: Engine, store: Store) -> None:
        seq = stored(engine)
        assert sent(engine, message(delete_body(RangeSet([(seq, seq + 1)])), kind=KIND_DELETE)) == [seq + 1]
        assert refusal(engine, store, seq) is Code.NO_RECORD
        _nothing_is_left(store)

    def test_an_edit_may_make_it_small(self, engine: Engine, store: Store) -> None:
        seq = stored(engine)
        assert sent(engine, _edit(seq, 0, b"small")) == [seq + 1]
        assert refusal(engine, store, seq) is Code.NO_RECORD
        _nothing_is_left(store)

    def test_and_large_again_once_the_bytes_are_there(self, engine: Engine, store: Store) -> None:
        seq = stored(engine)
        large = _edit(seq, KIND_STUB, stub_body(stub_for(OTHER)))
        assert sent(engine, large) == [Code.BLOB]
        assert fetched(engine, store, seq) == BODY, "nothing of it is done"
        asked(engine, *chunks(OTHER))
        assert sent(engine, large) == [seq + 1]
        assert fetched(engine, store, seq + 1) == OTHER
        assert refusal(engine, store, seq) is Code.NO_RECORD
        twice = RangeSet([(seq, seq + 2)])
        assert sent(engine, _edit(seq, 0, b"small", voids=twice)) == [seq + 2]
        _nothing_is_left(store)

    def test_an_edit_names_the_kind_that_the_first_one_had(self, engine: Engine) -> None:
        seq = stored(engine)
        assert sent(engine, _edit(seq, 16, b"small")) == [Code.NO_RECORD]
        other = stub_body(stub_for(OTHER, kind=16))
        assert sent(engine, _edit(seq, KIND_STUB, other)) == [Code.NO_RECORD]
        assert sent(engine, _edit(seq, KIND_STUB, b"no stub")) == [Code.MALFORMED]

    def test_a_script_need_not_know_when_the_first_one_was_written(
        self, engine: Engine, store: Store
    ) -> None:
        """But the kind has to be right."""
        seq = stored(engine)
        asked(engine, *chunks(OTHER))
        for kind, code in ((16, Code.NO_RECORD), (0, None)):
            content = stub_body(stub_for(OTHER, kind=kind))
            edit = Edit(voids=RangeSet([(seq, seq + 1)]), kind=KIND_STUB, time=0, content=content)
            one = Message(n=0, channel="room", kind=KIND_EDIT, body=edit_body(edit))
            frame = Messages(outbox=b"", messages=(one,))
            (answer,) = asked(engine, frame, encoding=Encoding.JSON)
            assert isinstance(answer, Receipts)
            assert [refused.code for refused in answer.rejections] == ([code] if code else [])
        assert fetched(engine, store, seq + 1) == OTHER


def _edit(seq: int, kind: int, content: bytes, *, voids: RangeSet | None = None) -> Message:
    edit = Edit(voids=voids or RangeSet([(seq, seq + 1)]), kind=kind, time=9_000, content=content)
    return message(edit_body(edit), kind=KIND_EDIT)


def _nothing_is_left(store: Store) -> None:
    if isinstance(store, Shelf):
        assert not store.blobs.data
        return
    assert isinstance(store, RecordStore)
    assert _counts(store._database) == (0, 0)


def _counts(database: Database) -> Sequence[int]:
    return database.fetch("SELECT (SELECT count(*) FROM body), (SELECT count(*) FROM piece)")[0]


class TestAbandoned:
    """Uploads that nobody finishes."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[RecordStore]:
        with open_database(tmp_path / "tidelog.db") as database:
            registry = Registry(database)
            registry.add_user("ann")
            for device in ("ann-phone", "ann-tab"):
                registry.add_device("ann", device, secret="secret")
            registry.add_channel("room", ["ann"])
            yield RecordStore(database)
            registry.close()

    def test_a_device_has_few_and_the_one_not_used_for_the_longest_goes(
        self, engine: Engine, store: RecordStore
    ) -> None:
        bodies = [BODY + b"%d" % n for n in range(UPLOADS_MAX + 1)]
        asked(engine, chunks(bodies[0])[0], device="ann-tab", now_ms=8_999)
        for at, body in enumerate(bodies[:-1]):
            asked(engine, chunks(body)[0], now_ms=9_000 + at)
        asked(engine, chunks(bodies[0])[1], now_ms=9_100)
        asked(engine, chunks(bodies[-1])[0], now_ms=9_200)
        offsets = [asked(engine, question(body))[0] for body in bodies]
        assert offsets == [
            Upload(rid=5, offset=2 * PART),
            Upload(rid=5),
            *[Upload(rid=5, offset=PART)] * (UPLOADS_MAX - 1),
        ]
        assert asked(engine, question(bodies[0]), device="ann-tab") == [Upload(rid=5, offset=PART)]
        assert _counts(store._database) == (UPLOADS_MAX + 1, UPLOADS_MAX + 2)

    def test_after_a_day_it_goes_when_another_begins(self, engine: Engine, store: RecordStore) -> None:
        stored(engine, OTHER)
        asked(engine, chunks(BODY)[0], device="ann-tab", now_ms=9_000)
        begun = chunks(BODY + b"1")[0]
        asked(engine, begun, now_ms=9_000 + UPLOAD_MS_MAX)
        assert asked(engine, question(BODY), device="ann-tab") == [Upload(rid=5, offset=PART)]
        asked(engine, chunks(BODY + b"2")[0], now_ms=9_001 + UPLOAD_MS_MAX)
        assert asked(engine, question(BODY), device="ann-tab") == [Upload(rid=5)]
        assert fetched(engine, store, 1, device="ann-tab") == OTHER, "what is in a log stays"
