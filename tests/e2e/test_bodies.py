"""Large bodies through real brokers, with real cuts and restarts."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import CountingProxy
from stacks import Stack, eventually
from tidelog import Device, UsageError
from tidelog.replica.uploads import WINDOW_BYTES

SIZE = 2_000_000
HEADERS = 1.03
"""Chunks have headers of their own, and MQTT's; questions and messages come beside them."""


@pytest.fixture
def body() -> bytes:
    return random.Random(1).randbytes(SIZE)


@pytest.fixture
def proxy(stack: Stack) -> Iterator[CountingProxy]:
    stack.start()
    with CountingProxy(stack.port_of_broker) as made:
        yield made


def through(stack: Stack, proxy: CountingProxy, name: str, **options: object) -> Device:
    return stack.device(name, url=f"mqtt://127.0.0.1:{proxy.port}", **options)


def test_a_body_of_two_megabytes_comes_out_as_it_went_in(stack: Stack, body: bytes) -> None:
    stack.start()
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        receipt = phone.send("room1", body, content_type="image/x").result(timeout=60)
        report = other.sync()
        assert report.bytes_down < 400, "a sync brings the stub alone"
        (record,) = other.records("room1")
        assert (record.seq, record.size, record.whole) == (receipt.seq, SIZE, False)
        assert record.content_type == "image/x"
        assert other.fetch_body("room1", 1) == body
        assert phone.fetch_body("room1", 1) == body
        phone.delete("room1", [(1, 2)]).result(timeout=10)
        with pytest.raises(UsageError) as gone:
            phone.fetch_body("room1", 1)
        assert gone.value.code == "no_record"


def test_an_upload_goes_on_after_a_cut_and_after_restarts_of_both(
    stack: Stack, proxy: CountingProxy, body: bytes
) -> None:
    """Nothing that the service had is sent again: beyond the body, at most a window for each cut."""
    half = threading.Event()

    def progress(there: int, size: int) -> None:
        if there > size // 2:
            half.set()

    phone = through(stack, proxy, "aphone")
    with phone:
        phone.send("room1", body, progress=progress)
        assert half.wait(30)
        proxy.cut()
    stack.stop()
    stack.start()
    assert 0.5 * SIZE < proxy.bytes_up < 0.9 * SIZE
    with CountingProxy(stack.port_of_broker) as again, through(stack, again, "aphone") as phone:
        eventually(lambda: not phone.outbox(), within=60)
        assert proxy.bytes_up + again.bytes_up < HEADERS * SIZE + 2 * WINDOW_BYTES
        with stack.device("bphone", live=False) as other:
            other.sync()
            assert other.fetch_body("room1", 1) == body


def test_a_fetch_goes_on_after_a_cut_and_after_restarts_of_both(
    stack: Stack, proxy: CountingProxy, body: bytes, tmp_path: Path
) -> None:
    """Nothing that the device had comes again."""
    with stack.device("aphone", live=False) as phone:
        phone.send("room1", body).result(timeout=60)

    class Enough(Exception):  # noqa: N818 - the application's own
        pass

    def progress(got: int, size: int) -> None:
        if got > size // 2:
            raise Enough

    with through(stack, proxy, "bphone", live=False) as other:
        other.sync()
        threading.Timer(0.05, proxy.cut).start()
        with pytest.raises(Enough):
            other.fetch_body("room1", 1, progress=progress)
    stack.stop()
    stack.start()
    with CountingProxy(stack.port_of_broker) as again, through(stack, again, "bphone", live=False) as other:
        assert other.save_body("room1", 1, tmp_path / "body") == SIZE
        assert (tmp_path / "body").read_bytes() == body
        assert proxy.bytes_down + again.bytes_down < HEADERS * SIZE + 2 * WINDOW_BYTES
        down = again.bytes_down
        assert other.fetch_body("room1", 1) == body
        assert again.bytes_down == down, "a second call costs nothing"


def test_what_is_larger_than_the_service_takes_is_refused_at_once(stack: Stack) -> None:
    stack.start()
    with stack.device("aphone") as phone:
        waiting = phone.send("room1", bytes((16 << 20) + 1))
        with pytest.raises(UsageError) as refused:
            waiting.result(timeout=30)
        assert refused.value.code == "limit"
        (entry,) = phone.outbox()
        assert (entry.rejected, entry.left_out) == ("limit", (16 << 20) - 15)
        phone.discard(entry.n)


def test_larger_bodies_may_come_by_their_beginnings(stack: Stack) -> None:
    stack.start()
    text = "".join(random.Random(2).choices("abcdefgh \u00e9", k=20_000))
    with stack.device("aphone") as phone, stack.device("bphone", live=False) as other:
        for one in ("small", text):
            phone.send("room1", one).result(timeout=10)
        preview = other.preview(max_body=1_024)
        report = other.sync(max_body=1_024)
        assert (preview.records, report.records) == (2, 2)
        assert preview.bytes == pytest.approx(report.bytes_up + report.bytes_down, rel=0.1)
        assert report.bytes_down < 900
        small, large = other.records("room1")
        assert (small.text, small.whole) == ("small", True)
        assert (large.size, large.whole) == (len(text.encode()), False)
        assert text.startswith(large.text)
        assert other.fetch_body("room1", 2).decode() == text
        assert [one.text for one in other.records("room1")] == ["small", text]
        phone.edit("room1", 2, text[::-1]).result(timeout=10)
        other.sync(max_body=1_024)
        (_, edited) = other.records("room1")
        assert (edited.size, edited.whole) == (len(text.encode()), False)
        assert other.fetch_body("room1", 3).decode() == text[::-1]
