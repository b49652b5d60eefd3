"""What SPEC.md says of audits: examples, fingerprints and sizes."""

from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.fingerprints import SUM_STOP, fingerprint, log_fingerprint
from tidelog.wire.limits import AUDIT_SUM_STOP
from tidelog.wire.mqttsize import publish_bytes
from tidelog.wire.page_frames import Resync
from tidelog.wire.ranges import RangeSet
from unit.wire.document import examples, section, table

RECORDS, LOGS = table("Audit"), table("Audit", "`request` is a rid alone")
SHARES, LOG_SHARES = ([int(row[-1].strip("`"), 16) for row in rows] for rows in (RECORDS, LOGS))
REQUEST = packed.decode(examples("Resync")[0])
assert isinstance(REQUEST, Resync)


def resync(rid: int) -> Resync:
    assert isinstance(REQUEST, Resync)
    return Resync(rid=rid, token=REQUEST.token, digest=REQUEST.digest)


FIRST, SECOND, THIRD = SHARES
AUDITS = [
    Audit(request=7, total=(sum(SHARES) + sum(LOG_SHARES)) % SUM_STOP),
    Audit(request=resync(7), total=sum(SHARES) % SUM_STOP),
    Audit(request=resync(8), channels=((FIRST + SECOND) % AUDIT_SUM_STOP, THIRD % AUDIT_SUM_STOP)),
    Audit(
        request=resync(9),
        spans=(Span(0, 100, 102, (FIRST % AUDIT_SUM_STOP, SECOND % AUDIT_SUM_STOP)),),
    ),
]
VERDICTS = [
    Verdict(rid=7),
    Verdict(rid=8, differing=RangeSet.of([1])),
    Verdict(rid=9, lacking=3, news=1, differing=RangeSet.of([1, 3])),
]


@pytest.mark.parametrize("row", RECORDS, ids=lambda row: row[1])
def test_an_example_of_a_fingerprint_is_right(row: list[str]) -> None:
    channel, seq, kind, author, media, body, told = (cell.strip("`") for cell in row)
    found = fingerprint(channel, int(seq), int(kind), author, media, body.encode())
    assert f"{found:016x}" == told


@pytest.mark.parametrize("row", LOGS, ids=lambda row: row[0])
def test_an_example_of_a_logs_fingerprint_is_right(row: list[str]) -> None:
    channel, epoch, head, told = (cell.strip("`") for cell in row)
    assert f"{log_fingerprint(channel, int(epoch), int(head)):016x}" == told


@pytest.mark.parametrize(
    ("payload", "frame"),
    [*zip(examples("Audit"), AUDITS, strict=True), *zip(examples("Verdict"), VERDICTS, strict=True)],
)
def test_an_example_is_the_frame_that_its_text_tells(payload: bytes, frame: Audit | Verdict) -> None:
    assert packed.decode(payload) == frame
    assert packed.encode(frame) == payload


def test_sizes_that_the_text_tells_are_right() -> None:
    up, again = (
        publish_bytes("tl1/a1phone0/sync", len(packed.encode(audit)), qos=0, version5=False)
        for audit in AUDITS[:2]
    )
    down = publish_bytes("tl1/a1phone0/re", len(packed.encode(VERDICTS[0])), qos=0, version5=False)
    assert f"With headers the packet takes {up} bytes" in section("Audit")
    assert f"With headers the packet takes {again} bytes" in section("Audit")
    assert f"with headers {down} bytes, so that an audit takes {up + down} both ways" in section("Verdict")
