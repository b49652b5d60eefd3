"""What SPEC.md says of tokens, requests by token and pages is what the code does."""

from __future__ import annotations

import json
import re

import pytest

from tidelog.wire import packed, parts
from tidelog.wire.frames import SyncRequest, Type
from tidelog.wire.json_ranges import to_ranges
from tidelog.wire.limits import STATEMENTS_MAX
from tidelog.wire.marks import News
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.page_frames import MODEL_ORDERS, Content, Model, Page, Resync
from tidelog.wire.parts import Part
from tidelog.wire.quantities import Numbers, Writer
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Change, Growth, Standing, Standings, Told
from tidelog.wire.varint import zigzag
from unit.wire.document import SPEC, examples, section, table
from unit.wire.payloads import payload_of

EPOCH = 305_419_896
TOKEN = bytes.fromhex("a1b2c3d4")
ACCOUNT = Standings(
    [Standing("room1", EPOCH, RangeSet([(1, 101)])), Standing("room2", EPOCH, RangeSet([(1, 61)]))]
)
RESYNCS = [
    Resync(rid=7, token=TOKEN, digest=ACCOUNT.digest),
    Resync(rid=8, token=TOKEN, digest=ACCOUNT.digest, grown=(Growth(1, 2),)),
    Resync(
        rid=9,
        token=TOKEN,
        digest=ACCOUNT.digest,
        changes=(Change(0, EMPTY, RangeSet([(50, 52)])),),
        room=512,
    ),
]
PAGES = [
    Page(rid=7),
    Page(rid=7, token=TOKEN),
    Page(rid=7, marks=(News(0, 114, 57, 57),), user="ann"),
    Page(
        rid=7,
        more=True,
        told=(Told(0, EPOCH, 11, RangeSet([(93, 95)])), Told("room3", EPOCH)),
        token=TOKEN,
        gone=("room9",),
    ),
    Page(
        rid=8,
        content=Content(
            codec=0,
            model=Model(),
            dictionary=False,
            plain=True,
            check=bytes.fromhex("f3c877b7"),
            columns=bytes.fromhex("38c6b5fdd5b0cbff13e4ff2ade9c"),
            authors=("ann", "bob"),
            bodies=b"hi ann\0hello\0",
        ),
    ),
]


@pytest.mark.parametrize(
    ("payload", "frame"),
    [
        *zip(examples("Resync"), RESYNCS, strict=True),
        *zip(examples("Page"), PAGES, strict=True),
    ],
)
def test_an_example_is_the_frame_that_its_text_tells(payload: bytes, frame: Resync | Page) -> None:
    assert packed.decode(payload) == frame
    assert packed.encode(frame) == payload


def test_sizes_that_the_text_tells_are_right() -> None:
    up = publish_bytes("tl1/a1phone0/sync", len(packed.encode(RESYNCS[0])), qos=0, version5=False)
    down = publish_bytes("tl1/a1phone0/re", len(packed.encode(PAGES[0])), qos=0, version5=False)
    assert f"the packet takes {up} bytes, for a device id of 8 characters" in section("Resync")
    assert f"with headers {down} bytes, so that a check takes {up + down} both ways" in section("Page")


@pytest.mark.parametrize("row", table("Tokens"), ids=lambda row: row[0])
def test_an_example_of_a_share_is_right(row: list[str]) -> None:
    channel, epoch, floor, have, marks, share = (cell.strip("`") for cell in row)
    standing = Standing(channel, int(epoch), to_ranges(json.loads(have)), int(floor), marks=int(marks))
    assert f"{standing.share():08x}" == share


def test_the_example_of_a_digest_is_right() -> None:
    assert f"The digest of the first two is `{ACCOUNT.digest:08x}`" in section("Tokens")
    assert [[one.channel, str(one.epoch)] for one in ACCOUNT] == [
        [row[0].strip("`"), row[1]] for row in table("Tokens")[:2]
    ]


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        *zip(
            table("Sync"),
            [
                {"everywhere": False},
                {"oldest_first": True},
                {"live": True},
                {"by_channel": True},
                {"pages": True},
                {"keep": True},
                {"plain": True},
                {"seconds": True},
            ],
            strict=True,
        )
    ],
)
def test_the_flags_of_a_request_are_those_of_the_code(row: list[str], changed: dict[str, bool]) -> None:
    request = SyncRequest(rid=1, **changed)  # type: ignore[arg-type]  # of any field
    assert packed.decode(payload_of(Type.SYNC, 1, [], int(row[0]))) == request


def test_the_flags_of_a_page_are_those_of_the_code() -> None:
    assert [bit for bit, _ in table("Page", "```\n\n| bit")] == ["0", "1", "2", "3", "4", "5", "6, 7"]


def test_orders_of_a_model_are_those_of_the_code() -> None:
    *others, last = map(str, MODEL_ORDERS)
    assert table("Page", "| bits of the model")[2][1].endswith(f"its order: {', '.join(others)} or {last}")


def primers(told: str) -> list[list[int]]:
    """Sequences of numbers as a cell of the table tells them."""
    found = [int(digits) for digits in re.findall(r"\d+", told)]
    if told.startswith("one sequence"):
        return [found]
    if told.startswith("the numbers 1 to 8"):
        return [[zigzag(n)] for n in [*range(1, 9), *found[2:]]]
    return [[n] for n in found]


def test_parts_are_told_by_models_primed_as_the_table_says() -> None:
    """Without the code's own tables."""
    count, gap, advance, left, size = (Numbers(primers(told)) for _, told in table("Page", "**Parts.**"))
    account = [Standing(f"c{at}", 7, RangeSet([(1, 6)])) for at in range(30)]
    listed = [Part(0, 6, 0), Part(1, 25, 0), Part(9, 3, 0), Part(29, 205, 12)]
    way, by_table = Writer(), Writer()
    parts.encode(way, account, listed, 1_500)
    by_table.number(count, 0, len(listed))
    place = -1
    for part in listed:
        by_table.number(gap, 0, part.place - place - 1)
        by_table.number(advance, 0, zigzag(part.head - 5))
        by_table.number(left, 0, part.left)
        place = part.place
    by_table.number(size, 0, 1_500)
    assert by_table.finish() == way.finish()


def test_places_are_below_the_limit_of_channels() -> None:
    assert f"place        = 0..{STATEMENTS_MAX - 1}" in SPEC
