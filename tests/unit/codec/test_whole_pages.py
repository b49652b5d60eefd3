"""Context, columns, bodies and check together: what one side packs of a real log the other side reads."""

from __future__ import annotations

import random

import pytest

from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import packed
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.page_frames import Page, Resync
from unit.codec.exchange import Answer, Log, account_of, log_of, parted, records_of

CODECS = pytest.mark.parametrize("codec", [CODEC_NONE, Deflate.id, Ppmd.id], ids=["none", "deflate", "ppmd"])


def exchanged_bytes(page: Page) -> int:
    """MQTT bytes of a request by token and of its answer, for a device with an id of 8 characters."""
    asked = packed.encode(Resync(rid=1, token=b"abcd", digest=1))
    up = publish_bytes("tl1/a1phone0/sync", len(asked), qos=0, version5=False)
    return up + publish_bytes("tl1/a1phone0/re", len(packed.encode(page)), qos=0, version5=False)


def test_a_check_that_nothing_is_missing_takes_54_bytes() -> None:
    assert exchanged_bytes(Page(rid=1)) == 54


@CODECS
@pytest.mark.parametrize("corpus", ["chat", "telemetry"])
def test_a_page_over_many_channels_with_holes_is_read_back(corpus: str, codec: int) -> None:
    log = log_of(corpus, 0, 1500, one_channel=False)
    held, missing = parted(log, set(random.Random(3).sample(list(log), 60)))
    account = account_of(held, *(channel for channel, _ in missing))
    answer = Answer(codec=codec)
    content, _ = answer.page(log, account)
    assert content.codec == codec
    assert records_of(answer.read(content, held, account)) == missing


@pytest.mark.parametrize(
    ("corpus", "missing_count", "bytes_max"),
    # 1.2 x bound + 80, headers and request included; docs/pages.md has the bounds.
    [("chat", 1, 113), ("chat", 20, 661), ("telemetry", 20, 186), ("telemetry", 100, 608)],
)
def test_a_page_of_the_newest_is_near_its_bound(corpus: str, missing_count: int, bytes_max: int) -> None:
    answer = Answer(codec=Ppmd.id, context_bytes=64 << 10)
    sizes = []
    for start in range(0, 2001, 500):
        log = log_of(corpus, start, start + 10_000)
        held, missing = parted(log, set(sorted(log)[-missing_count:]))
        content, _ = answer.page(log, account_of(held))
        assert records_of(answer.read(content, held, account_of(held))) == missing
        sizes.append(exchanged_bytes(Page(rid=1, content=content)))
    assert sum(sizes) / len(sizes) <= bytes_max


def changed(held: Log, change: str) -> Log:
    """What a device holds that is not what its account says."""
    other = dict(held)
    meta, body = other["log", 390]
    match change:
        case "other bodies":
            return {key: (told, words[::-1]) for key, (told, words) in held.items()}
        case "another time":
            other["log", 390] = meta._replace(time=meta.time - 1), body
        case "another author":
            other["log", 390] = meta._replace(author="nobody"), body
        case _:
            del other["log", 390]
    return other


@pytest.mark.parametrize("change", ["other bodies", "another time", "another author", "a record less"])
@pytest.mark.parametrize("codec", [Ppmd.id, Deflate.id], ids=["ppmd", "deflate"])
def test_a_device_that_holds_something_else_stores_nothing(change: str, codec: int) -> None:
    log = log_of("chat", 0, 400)
    held, _ = parted(log, {("log", seq) for seq in range(391, 401)})
    account = account_of(held)
    answer = Answer(codec=codec)
    content, _ = answer.page(log, account)
    with pytest.raises(ProtocolError):
        answer.read(content, changed(held, change), account)
