"""Audits and verdicts as `tidelog decode` shows them."""

from __future__ import annotations

from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.frames import SyncRequest
from tidelog.wire.packed import encode
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import RangeSet
from tidelog_cli.packets import Packet
from tidelog_cli.rendering import described

RESYNC = Resync(rid=7, token=b"\1\2\3\4", digest=255)


def test_an_audit_shows_the_request_that_is_in_it() -> None:
    frame = Audit(request=RESYNC, total=2**64 - 1)
    assert described(Packet(payload=encode(frame)))["frame"] == {
        "type": "audit",
        "id": 7,
        "sum": "f" * 16,
        "request": {"type": "resync", "id": 7, "token": "01020304", "digest": "000000ff"},
    }


def test_channels_and_spans_are_told_where_there_are_any() -> None:
    frame = Audit(request=SyncRequest(rid=3, pages=True), channels=(1,), spans=(Span(0, 5, 9, (2, 3)),))
    told = described(Packet(payload=encode(frame)))["frame"]
    assert told["channels"] == ["00000001"]
    assert told["spans"] == [{"place": 0, "start": 5, "stop": 9, "sums": ["00000002", "00000003"]}]
    assert told["request"]["type"] == "sync"


def test_a_verdict_says_all() -> None:
    frame = Verdict(rid=7, lacking=2, differing=RangeSet([(1, 3)]))
    assert described(Packet(payload=encode(frame)))["frame"] == {
        "type": "verdict",
        "id": 7,
        "lacking": 2,
        "news": 0,
        "differing": [[1, 3]],
    }
