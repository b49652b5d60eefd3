"""The public face without a network: a transport and a store that fail on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from stacks import eventually
from tidelog import Denied, Device, Receipt, Unavailable, UsageError
from tidelog.codec.parcels import expand
from tidelog.replica.ports import Changes, Listener
from tidelog.replica.steps import SyncReport
from tidelog.wire import payload
from tidelog.wire.digest import answer_digest
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import Delta, Messages, Part, Receipts, SyncRequest
from tidelog.wire.frames import Receipt as WireReceipt
from tidelog.wire.frames import Record as WireRecord
from tidelog.wire.mqttsize import delivery_bytes
from tidelog.wire.parcels import Parcel
from tidelog.wire.payload import Encoding


class Wire:
    """A transport that keeps what was published and plays the service's part by hand."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.published: list[tuple[str, bytes]] = []
        self.stopped = False
        self.hastened = 0

    def start(self, listener: Listener) -> None:
        self.listener = listener

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        assert qos in (0, 1)
        assert not retain
        self.published.append((topic, payload))
        return len(topic) + len(payload) + 4

    def hasten(self) -> None:
        self.hastened += 1

    def stop(self) -> None:
        self.stopped = True

    def up(self) -> None:
        assert self.listener is not None
        self.listener.on_online(session_present=False)

    def down(self, reason: TidelogError) -> None:
        assert self.listener is not None
        self.listener.on_offline(reason)

    def messages(self) -> list[Messages]:
        """Those that build on nothing: whoever plays by hand keeps no records."""
        frames = [payload.decode(raw)[0] for topic, raw in self.published if topic.endswith("/msg")]
        read = [expand(frame, None) if isinstance(frame, Parcel) else frame for frame in frames]
        return [frame for frame in read if isinstance(frame, Messages)]

    def requests(self) -> list[SyncRequest]:
        frames = [payload.decode(raw)[0] for topic, raw in self.published if topic.endswith("/sync")]
        return [frame for frame in frames if isinstance(frame, SyncRequest)]

    def receipt(self, batch: Messages) -> None:
        assert self.listener is not None
        receipts = tuple(
            WireReceipt(
                n=message.n,
                channel=message.channel,
                epoch=7,
                seq=message.n,
                time=1000,
                digest=answer_digest(message),
            )
            for message in batch.messages
        )
        frame = Receipts(outbox=batch.outbox, highest=receipts[-1].n, author="alice", receipts=receipts)
        self.listener.on_packet("tl1/aphone/re", payload.encode(frame, Encoding.PACKED), 50)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def phone(wire: Wire) -> Iterator[Device]:
    with Device("mqtt://x", device="aphone", secret="s", store=":memory:", transport=wire) as made:
        yield made


@pytest.mark.parametrize(("told", "sent"), [(5, 5), (-5, 0), (2**60, 2**53 - 1)])
def test_messages_are_dated_by_the_clock_that_was_given(wire: Wire, told: int, sent: int) -> None:
    with Device(
        "mqtt://x", device="aphone", secret="s", store=":memory:", transport=wire, clock=lambda: told
    ) as phone:
        phone.send("room1", "hello")
        assert [entry.sent for entry in phone.outbox()] == [sent]


def test_a_message_waits_in_the_outbox_until_its_receipt_and_becomes_a_record(
    phone: Device, wire: Wire
) -> None:
    future = phone.send("room1", "hello", kind=20, content_type="text/plain")
    assert [entry.body for entry in phone.outbox()] == [b"hello"]
    assert not future.done()
    wire.up()
    eventually(wire.messages)
    wire.receipt(wire.messages()[0])
    assert future.result(timeout=5) == Receipt(channel="room1", seq=1, time=1000)
    (record,) = phone.records("room1")
    assert (record.author, record.text, record.kind, record.content_type) == (
        "alice",
        "hello",
        20,
        "text/plain",
    )
    assert phone.outbox() == []
    assert phone.have("room1") == [(1, 2)]
    (channel,) = phone.channels()
    assert (channel.name, channel.head, channel.held, channel.unread) == ("room1", 1, 1, 0)


def test_closing_fails_what_waits_and_keeps_the_message(tmp_path: Path) -> None:
    def open_phone() -> Device:
        return Device("mqtt://x", device="aphone", secret="s", store=tmp_path / "a.db", transport=Wire())

    with open_phone() as phone:
        future: Future[Receipt] = phone.send("room1", "hello")
    with pytest.raises(Unavailable) as closed:
        future.result(timeout=0)
    assert closed.value.code == "closed"
    with pytest.raises(UsageError):
        phone.send("room1", "after")
    with open_phone() as phone:
        assert [entry.body for entry in phone.outbox()] == [b"hello"]


def test_refused_credentials_end_the_waiting_at_once(phone: Device, wire: Wire) -> None:
    wire.down(Denied("bad secret", code="credentials"))
    with pytest.raises(Denied):
        phone.connect(timeout=60)
    with pytest.raises(Denied):
        phone.sync(timeout=60)
    wire.up()
    assert phone.wait_online(timeout=5)
    phone.connect(timeout=5)
    assert phone.connected


def test_no_link_is_said_with_the_reason_of_the_last_attempt(phone: Device, wire: Wire) -> None:
    wire.down(Unavailable("nobody listens on that port", hint="start it"))
    with pytest.raises(Unavailable) as none:
        phone.sync(timeout=0.05)
    assert "nobody listens on that port" in str(none.value)
    assert (none.value.code, none.value.hint) == ("offline", "start it")
    assert not phone.wait_online(timeout=0.01)
    assert wire.hastened == 2


def test_a_service_that_does_not_answer_ends_the_sync_in_time(phone: Device, wire: Wire) -> None:
    wire.up()
    with pytest.raises(Unavailable) as none:
        phone.sync(timeout=0.1)
    assert none.value.code == "timeout"
    assert len(wire.requests()) == 1


def test_a_report_compares_with_one_by_one_and_with_everything_in_scope(phone: Device, wire: Wire) -> None:
    """What the device wrote itself is held too, and would come again; other channels are not in scope."""
    wire.up()
    phone.send("room1", "hello")
    eventually(wire.messages)
    wire.receipt(wire.messages()[0])
    report = _synced(phone, wire, _page("room1", 2, b"four"), _page("room2", 1, bytes(120)))
    each = {size: delivery_bytes("tl1/aphone/re", size, qos=1) for size in (4, 5, 120)}
    assert (report.records, report.bytes_plain) == (2, each[4] + each[120])
    assert report.bytes_full == each[4] + each[5] + each[120]
    again = _synced(phone, wire, channels=["room1"])
    assert (again.bytes_plain, again.bytes_full, again.bytes_repeated) == (0, each[4] + each[5], 0)


def _page(channel: str, seq: int, body: bytes) -> Part:
    record = WireRecord(seq=seq, author="bob", time=1, sent=1, body=body, size=len(body))
    return Part(channel=channel, epoch=7, head=seq, records=(record,))


def _synced(phone: Device, wire: Wire, *parts: Part, channels: list[str] | None = None) -> SyncReport:
    """Sync, with one page as the answer."""
    with ThreadPoolExecutor(1) as pool:
        before = len(wire.requests())
        report = pool.submit(phone.sync, channels=channels, timeout=10)
        eventually(lambda: len(wire.requests()) > before)
        assert wire.listener is not None
        delta = Delta(rid=wire.requests()[-1].rid, more=False, parts=parts)
        wire.listener.on_packet("tl1/aphone/re", payload.encode(delta, Encoding.PACKED), 90)
        return report.result(timeout=10)


def test_a_disk_that_fails_is_told_and_the_device_goes_on_from_what_is_on_disk(
    phone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.send("room1", "first")
    apply = phone._store.apply
    errors: list[Exception] = []
    phone.on_error(errors.append)

    def full(_changes: Changes) -> None:
        raise Unavailable("no room", code="store_full")

    monkeypatch.setattr(phone._store, "apply", full)
    with pytest.raises(Unavailable) as refused:
        phone.send("room1", "second")
    assert refused.value.code == "store_full"
    monkeypatch.setattr(phone._store, "apply", apply)
    phone.send("room1", "third")
    assert [(entry.n, entry.body) for entry in phone.outbox()] == [(1, b"first"), (2, b"third")]
    eventually(lambda: [str(error) for error in errors] == ["no room"])


@pytest.mark.parametrize(("codec", "kind"), [("auto", Parcel), ("none", Messages)])
def test_messages_are_compressed_unless_that_is_not_wanted(wire: Wire, codec: str, kind: type) -> None:
    options = {"device": "aphone", "secret": "s", "store": ":memory:", "transport": wire}
    with Device("mqtt://x", codec=codec, **options) as phone:  # type: ignore[arg-type]  # of several types
        wire.up()
        phone.send("room1", "hello " * 20)
        eventually(lambda: wire.published)
    ((topic, raw),) = wire.published
    assert topic == "tl1/aphone/msg"
    assert isinstance(payload.decode(raw)[0], kind)


def test_what_a_sync_is_to_bring_goes_into_its_request(phone: Device, wire: Wire) -> None:
    """Its rule, its budget less what asking takes, and the context that the device was opened with."""
    wire.up()
    with ThreadPoolExecutor(1) as pool:
        over = pool.submit(
            phone.sync, channels=["b", "a"], newest=5, order="channels", max_bytes=1_000, timeout=5
        )
        eventually(lambda: bool(wire.requests()))
        request = wire.requests()[-1]
        phone.close()
        with pytest.raises(TidelogError):
            over.result(5)
    assert [one.channel for one in request.statements] == ["b", "a"]
    assert (request.newest, request.by_channel, request.oldest_first) == (5, True, False)
    assert (request.pages, request.keep, request.context_bytes) == (True, True, 262_144)
    assert 800 < request.room < 1_000 - 40


@pytest.mark.parametrize(("kib", "size"), [(0, 0), (3, 0), (4, 4_096), (100, 65_536), (256, 262_144)])
def test_a_context_is_rounded_down_to_one_that_can_be_said(kib: int, size: int) -> None:
    wire = Wire()
    with (
        ThreadPoolExecutor(1) as pool,
        Device(
            "mqtt://x", device="aphone", secret="s", store=":memory:", context_kib=kib, transport=wire
        ) as phone,
    ):
        wire.up()
        over = pool.submit(phone.sync, timeout=5)
        eventually(lambda: bool(wire.requests()))
        phone.close()
        with pytest.raises(TidelogError):
            over.result(5)
    assert wire.requests()[-1].context_bytes == size


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda phone: phone.send("a//b", "x"), "channel_name"),
        (lambda phone: phone.send("room1", "x", kind=1), "usage"),
        (lambda phone: phone.send("room1", "x", content_type="y" * 100), "usage"),
        (lambda phone: phone.drop("room1", [(5, 3)]), "usage"),
        (lambda phone: phone.sync(order="random"), "usage"),
        (lambda phone: phone.sync(order="channel"), "usage"),
        (lambda phone: phone.sync(newest=0), "usage"),
        (lambda phone: phone.sync(newest=2**53), "usage"),
        (lambda phone: phone.sync(channels=[f"room{n}" for n in range(4_097)]), "limit"),
        (lambda phone: phone.sync(max_bytes=255), "budget"),
        (lambda phone: phone.sync(max_bytes=0), "budget"),
        (lambda phone: phone.sync(max_body=300), "limit"),
        (lambda phone: phone.edit("room1", 1, "x"), "no_record"),
        (lambda phone: phone.edit("a/#", 1, "x"), "channel_name"),
        (lambda phone: phone.fetch_body("room1", 1), "no_record"),
        (lambda phone: phone.delete("room1", [(1, 2)]), "no_record"),
        (lambda phone: phone.delete("room1", [(3, 1)]), "usage"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    phone: Device, wire: Wire, call: object, code: str
) -> None:
    assert callable(call)
    with pytest.raises(UsageError) as refused:
        call(phone)
    assert refused.value.code == code
    assert wire.published == []
    assert phone.outbox() == []


def test_a_bad_device_id_page_size_or_codec_is_refused() -> None:
    wrong: tuple[dict[str, object], ...] = (
        {"device": "Phone"},
        {"page_bytes": 10},
        {"codec": "lzma"},
        {"context_kib": 257},
        {"context_kib": -1},
    )
    for options in wrong:
        arguments = {"device": "aphone", "secret": "s", "store": ":memory:", **options}
        with pytest.raises(UsageError):
            Device("mqtt://x", **arguments)  # type: ignore[arg-type]  # that is the point
