"""Large bodies through the public face; the service's part is played by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from stacks import eventually
from tidelog import Device, Unavailable, UsageError
from tidelog.bodies import pieces, save
from tidelog.replica.ports import BodyPart, Changes, Record
from tidelog.store.memory import MemoryStore
from tidelog.wire import payload
from tidelog.wire.anyframe import Frame
from tidelog.wire.digest import answer_digest
from tidelog.wire.errors import Code
from tidelog.wire.frames import KIND_STUB, Fault, Message, Part, Receipts, Rejection
from tidelog.wire.frames import Record as WireRecord
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.payload import Encoding
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import stub_body, stub_for, stub_of
from unit.test_device import Wire, _page, _synced

LARGE = b"".join(b"%07d: the tide is high\n" % n for n in range(3_000))
F = TypeVar("F", bound=Frame)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def phone(wire: Wire) -> Iterator[Device]:
    with Device("mqtt://x", device="aphone", secret="s", store=":memory:", transport=wire) as made:
        wire.up()
        yield made


def _frames(wire: Wire, kind: type[F]) -> list[F]:
    frames = [payload.decode(raw)[0] for topic, raw in wire.published if topic.endswith("/sync")]
    return [frame for frame in frames if isinstance(frame, kind)]


def _comes(found: Callable[[], list[F]], count: int) -> list[F]:
    """Wait for so many frames."""
    eventually(lambda: len(found()) >= count)
    return found()


def _tell(wire: Wire, frame: Frame) -> None:
    assert wire.listener is not None
    wire.listener.on_packet("tl1/aphone/re", payload.encode(frame, Encoding.PACKED), 50)


def _sent(wire: Wire, nth: int = 0) -> Message:
    eventually(lambda: len(wire.messages()) > nth)
    (message,) = wire.messages()[nth].messages
    return message


def _refuse(wire: Wire, message: Message) -> None:
    """The service lacks the bytes."""
    refused = Rejection(n=message.n, code=Code.BLOB, digest=answer_digest(message))
    outbox = wire.messages()[0].outbox
    _tell(wire, Receipts(outbox=outbox, highest=0, rejections=(refused,)))


def _with_a_stub(phone: Device, wire: Wire) -> None:
    """Have a record whose body is a large one."""
    stub = stub_body(stub_for(LARGE, kind=16))
    one = WireRecord(seq=1, author="bob", time=5, sent=5, kind=KIND_STUB, body=stub, size=len(stub))
    _synced(phone, wire, Part(channel="room1", epoch=7, head=1, records=(one,)))


def test_a_large_body_goes_as_a_stub_and_then_its_bytes(phone: Device, wire: Wire) -> None:
    seen: list[tuple[int, int]] = []
    future = phone.send(
        "room1",
        LARGE,
        kind=16,
        content_type="text/plain",
        progress=lambda there, size: seen.append((there, size)),
    )
    (waiting,) = phone.outbox()
    assert (waiting.kind, waiting.body, waiting.left_out) == (16, LARGE[:256], len(LARGE) - 256)
    message = _sent(wire)
    assert stub_of(message.kind, message.body) == stub_for(LARGE, kind=16)
    _refuse(wire, message)
    (question,) = _comes(lambda: _frames(wire, Chunk), 1)
    _tell(wire, Upload(rid=question.rid, offset=61_440))
    chunks = _comes(lambda: _frames(wire, Chunk), 2)
    assert b"".join(chunk.data for chunk in chunks) == LARGE[61_440:]
    _tell(wire, Upload(rid=question.rid, offset=len(LARGE)))
    assert _sent(wire, 1) == message
    wire.receipt(wire.messages()[1])
    assert future.result(timeout=5).seq == 1
    (record,) = phone.records("room1")
    assert (record.kind, record.size, record.whole, record.body) == (16, len(LARGE), False, LARGE[:256])
    assert phone.fetch_body("room1", 1) == LARGE, "its author has it"
    assert not _frames(wire, Ask)
    eventually(lambda: seen == [(61_440, len(LARGE)), (len(LARGE), len(LARGE))])


def test_a_large_body_is_fetched_piece_by_piece_and_kept(phone: Device, wire: Wire, tmp_path: Path) -> None:
    _with_a_stub(phone, wire)
    (record,) = phone.records("room1")
    assert (record.kind, record.size, record.whole) == (16, len(LARGE), False)
    assert record.text == LARGE[:256].decode()
    seen: list[tuple[int, int]] = []
    with ThreadPoolExecutor() as pool:
        fetched = pool.submit(
            phone.fetch_body, "room1", 1, progress=lambda got, size: seen.append((got, size))
        )
        for nth, at in enumerate((0, 50_000), start=1):
            ask = _comes(lambda: _frames(wire, Ask), nth)[-1]
            assert (ask.channel, ask.epoch, ask.seq, ask.offset) == ("room1", 7, 1, at)
            _tell(wire, Portion(rid=ask.rid, size=len(LARGE), offset=at, data=LARGE[at : at + 50_000]))
        assert fetched.result(timeout=5) == LARGE
    assert seen == [(50_000, len(LARGE)), (len(LARGE), len(LARGE))]
    assert phone.save_body("room1", 1, tmp_path / "tide.txt") == len(LARGE)
    assert (tmp_path / "tide.txt").read_bytes() == LARGE
    assert len(_frames(wire, Ask)) == 2


def test_a_body_that_does_not_come_or_is_not_there_is_said_so(phone: Device, wire: Wire) -> None:
    _with_a_stub(phone, wire)
    with pytest.raises(Unavailable) as late:
        phone.fetch_body("room1", 1, timeout=0.05)
    assert late.value.code == "timeout"
    with pytest.raises(UsageError) as missing:
        phone.fetch_body("room1", 2)
    assert missing.value.code == "no_record"
    with ThreadPoolExecutor() as pool:
        fetched = pool.submit(phone.fetch_body, "room1", 1)
        ask = _comes(lambda: _frames(wire, Ask), 2)[-1]
        _tell(wire, Fault(code=Code.NO_RECORD, rid=ask.rid))
        with pytest.raises(UsageError, match="not to be had") as gone:
            fetched.result(timeout=5)
    assert gone.value.code == "no_record"
    wire.down(Unavailable("the broker is away", code="link_lost"))
    eventually(lambda: not phone.connected)
    with pytest.raises(Unavailable, match="the broker is away") as offline:
        phone.fetch_body("room1", 1, timeout=0.05)
    assert offline.value.code == "offline"


def test_closing_ends_a_fetch(phone: Device, wire: Wire) -> None:
    _with_a_stub(phone, wire)
    with ThreadPoolExecutor() as pool:
        fetched = pool.submit(phone.fetch_body, "room1", 1)
        _comes(lambda: _frames(wire, Ask), 1)
        phone.close()
        with pytest.raises(Unavailable) as closed:
            fetched.result(timeout=5)
    assert closed.value.code == "closed"


def test_a_small_body_is_fetched_without_traffic(phone: Device, wire: Wire) -> None:
    _synced(phone, wire, _page("room1", 1, b"small"))
    assert phone.fetch_body("room1", 1) == b"small"


def test_an_edit_may_make_a_body_large(phone: Device, wire: Wire) -> None:
    _synced(phone, wire, _page("room1", 1, b"small"))
    phone.edit("room1", 1, LARGE)
    message = _sent(wire)
    assert stub_of(message.kind, message.body) == stub_for(LARGE)
    _refuse(wire, message)
    assert _comes(lambda: _frames(wire, Chunk), 1)


def test_a_body_that_goes_while_it_is_read_is_no_shorter_body() -> None:
    """Its record is deleted by somebody else, say."""
    stub, store = stub_for(LARGE), MemoryStore()
    record = Record(channel="room", seq=1, author="ann", time=5, sent=5, kind=KIND_STUB, body=stub_body(stub))
    part = BodyPart(stub.digest, stub.size, 0, LARGE)
    store.apply(Changes(records=((7, record),), parts=(part,)))
    assert b"".join(pieces(store, stub)) == LARGE
    reading = pieces(store, stub)
    store.apply(Changes(dropped=(("room", 7, RangeSet([(1, 2)])),)))
    with pytest.raises(UsageError, match="gone") as refused:
        b"".join(reading)
    assert refused.value.code == "no_record"


def test_a_file_stays_as_it_was_where_a_body_does_not_come_whole(tmp_path: Path) -> None:
    file = tmp_path / "tide.txt"
    file.write_bytes(b"before")
    file.chmod(0o640)

    def parts(*, whole: bool) -> Iterator[bytes]:
        yield b"half"
        if not whole:
            raise Unavailable("the disk failed", code="store_failed")
        yield b" and half"

    with pytest.raises(Unavailable):
        save(parts(whole=False), file)
    assert file.read_bytes() == b"before"
    assert save(parts(whole=True), file) == 13
    assert file.read_bytes() == b"half and half"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]
    assert save(parts(whole=True), Path("/dev/null")) == 13
