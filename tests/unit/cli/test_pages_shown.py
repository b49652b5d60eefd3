"""Requests by token and pages as `tidelog decode` shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tidelog.wire.anyframe import Frame
from tidelog.wire.frames import SyncRequest
from tidelog.wire.marks import Member, News
from tidelog.wire.packed import encode
from tidelog.wire.page_frames import Content, Model, Page, Resync
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Change, Growth, Told
from tidelog.wire.statements import Statement
from tidelog_cli.packets import Packet
from tidelog_cli.rendering import described, lines

RUNS = RangeSet([(3, 5)])
CONTENT = Content(
    codec=2,
    model=Model(65_536, 2 << 20, 6),
    dictionary=True,
    plain=True,
    check=b"abcd",
    columns=b"12345",
    authors=("ann",),
    bodies=b"123",
)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            Page(rid=7, marks=(News(0, 3, 5, 9, (Member("bob", 0, 4),)), News(1, 1, others=())), user="ann"),
            {
                "type": "page",
                "id": 7,
                "more": False,
                "marks": [
                    {
                        "place": 0,
                        "version": 3,
                        "read": 5,
                        "delivered": 9,
                        "others": {"bob": {"delivered": 4}},
                    },
                    {"place": 1, "version": 1, "others": {}},
                ],
                "user": "ann",
            },
        ),
        (
            Resync(rid=7, token=b"\1\2\3\4", digest=255),
            {"type": "resync", "id": 7, "token": "01020304", "digest": "000000ff"},
        ),
        (
            Resync(
                rid=7,
                token=bytes(4),
                digest=0,
                grown=(Growth(2, 9),),
                changes=(Change(1, RUNS, RangeSet()),),
                statements=(Statement(channel="a", epoch=5, have=RUNS),),
                room=99,
            ),
            {
                "type": "resync",
                "id": 7,
                "token": "00000000",
                "digest": "00000000",
                "grown": [{"place": 2, "by": 9}],
                "changes": [{"place": 1, "added": [[3, 5]], "dropped": []}],
                "have": {"a": {"epoch": 5, "ranges": [[3, 5]]}},
                "room": 99,
            },
        ),
        (Page(rid=7), {"type": "page", "id": 7, "more": False}),
        (
            Page(
                rid=7,
                more=True,
                told=(Told("a", 5, 2, RUNS), Told(0, 6)),
                gone=("b",),
                token=b"\1\2\3\4",
                dictionary=300,
                content=CONTENT,
            ),
            {
                "type": "page",
                "id": 7,
                "more": True,
                "channels": [
                    {"channel": "a", "epoch": 5, "floor": 2, "voids": [[3, 5]]},
                    {"place": 0, "epoch": 6},
                ],
                "gone": ["b"],
                "token": "01020304",
                "dictionary": 300,
                "records": {
                    "codec": 2,
                    "context_kib": 64,
                    "memory_mib": 2,
                    "order": 6,
                    "after_dictionary": True,
                    "check": "61626364",
                    "columns": 5,
                    "authors": ["ann"],
                    "bodies": 3,
                },
            },
        ),
        (
            SyncRequest(
                rid=7, pages=True, keep=True, codecs=(1,), context_bytes=4_096, newest=30, dictionary=1
            ),
            {
                "type": "sync",
                "id": 7,
                "codecs": [1],
                "pages": True,
                "token_wanted": True,
                "context_kib": 4,
                "dictionary": 1,
                "newest": 30,
            },
        ),
    ],
)
def test_a_frame_is_told_as_far_as_it_can_be(frame: Frame, told: dict[str, Any]) -> None:
    payload = encode(frame)
    shown = described(Packet(payload=payload, topic=""))
    assert shown == {"bytes": len(payload), "encoding": "packed", "frame": told}
    assert list(lines(shown))
