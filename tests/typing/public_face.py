"""What the public face promises to type checkers; read by mypy only (`make types`)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import assert_type

from tidelog import (
    AuditReport,
    Channel,
    Device,
    Mark,
    Membership,
    OutboxEntry,
    Receipt,
    Record,
    SyncReport,
    TidelogError,
)


def uses_every_name(path: Path) -> None:
    """Each call with its result's type."""
    texts: list[str] = []
    counts: list[int] = []
    with Device("mqtt://127.0.0.1:1883", device="a1phone", secret="s", store=path, live=False) as phone:
        phone.connect(timeout=1)
        assert_type(phone, Device)
        assert_type(phone.connected, bool)
        assert_type(phone.wait_online(timeout=1.5), bool)
        assert_type(phone.send("room1", b"bytes", kind=16, content_type="image/png"), Future[Receipt])
        assert_type(phone.sync(channels=["room1"], order="oldest", wanted=True, timeout=2), SyncReport)
        assert_type(phone.audit(channels=["room1"], repair=False, timeout=5), AuditReport)
        assert_type(phone.records("room1"), Iterator[Record])
        assert_type(phone.stranded("room1"), Iterator[Record])
        assert_type(phone.have("room1"), list[tuple[int, int]])
        assert_type(phone.channels(), list[Channel])
        assert_type(phone.outbox(), list[OutboxEntry])
        assert_type(phone.on_record(lambda record: texts.append(record.text)), Callable[[], None])
        assert_type(phone.create_channel("a/b", members=["bob"], role="reader", windowed=True), Membership)
        assert_type(phone.direct("bob", timeout=1), Membership)
        assert_type(phone.invite("a/b", ["bob"], role="owner"), Membership)
        assert_type(phone.remove("a/b", {"bob"}), Membership)
        assert_type(phone.leave("a/b"), Membership)
        assert_type(phone.on_membership(lambda told: texts.append(told.channel)), Callable[[], None])
        assert_type(phone.mark_read("room1", 5), Future[Mark])
        assert_type(phone.marks("room1"), list[Mark])
        assert_type(phone.on_mark(lambda mark: texts.append(mark.user)), Callable[[], None])
        assert_type(phone.fetch_body("room1", 1, progress=lambda got, size: counts.append(got - size)), bytes)
        assert_type(phone.save_body("room1", 1, path, timeout=5), int)
        phone.drop("room1", [(1, 5)])
        phone.drop_stranded("room1")


def wrong_uses_are_found(phone: Device, error: TidelogError) -> None:
    """Each ignored error must be one: mypy warns of needless ignores."""
    assert_type(error.code, str)
    assert_type(error.hint, str)
    phone.send("room1", 5)  # type: ignore[arg-type]
    phone.sync(order="sideways")  # type: ignore[arg-type]
    phone.invite("a/b", ["bob"], role="boss")  # type: ignore[arg-type]
    phone.sync(["room1"])  # type: ignore[call-arg]
    Device("mqtt://x", device="d", secret="s")  # type: ignore[call-arg]
