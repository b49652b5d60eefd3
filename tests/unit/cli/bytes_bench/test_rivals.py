"""What others take, against packets and streams made by hand."""

from __future__ import annotations

import zlib

import pytest

from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.rivals import Rivals, rivals

ROWS = [Row("log", n, "me", n, 0, b"the same words " * 4) for n in range(1, 11)]


def test_a_publish_a_record() -> None:
    # Fixed header 2, topic 2 + 3, packet id 2, body 60; PUBACK 4: MQTT 3.1.1, sections 3.3 and 3.4.
    assert rivals(ROWS[:1]).publishes == 2 + 2 + 3 + 2 + 60 + 4
    assert rivals(ROWS).publishes == 730
    assert rivals(ROWS).raw == 600


def test_deflate_is_one_raw_stream() -> None:
    text = b"".join(row.body + b"\n" for row in ROWS)
    # zlib's own format has 2 bytes before and 4 after (RFC 1950, section 2.2).
    assert rivals(ROWS).deflate == len(zlib.compress(text, 9)) - 6


def test_zstd_packs_all_together() -> None:
    pytest.importorskip("backports.zstd")
    both, one = rivals(ROWS).zstd, rivals(ROWS[:1]).zstd
    assert both is not None
    assert one is not None
    assert one <= both < 10 * one


def test_nothing_costs_nothing() -> None:
    assert rivals([]) in (
        Rivals(raw=0, publishes=0, deflate=0, zstd=0),
        Rivals(raw=0, publishes=0, deflate=0, zstd=None),
    )
