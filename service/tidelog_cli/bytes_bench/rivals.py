"""What others would take for the same records, each as cheap as it can be: nothing but the bodies.

No author, time or number travels with them, no request, and where they are packed no headers.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tidelog.wire.mqttsize import delivery_bytes
from tidelog_cli.bytes_bench.bound import joined
from tidelog_cli.bytes_bench.corpus import Row

_QOS = 1
_ZSTD_LEVEL = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Bytes of the missing records in other ways.

    Attributes:
        raw: the bodies as they are.
        publishes: one PUBLISH a record at QoS 1, acknowledged, on a topic that is the channel's name: what
            a persistent session costs.
        deflate: raw deflate -9 over all of them together.
        zstd: zstd -19 over all of them together; ``None`` where it is not installed (Python 3.14 has it,
            ``backports.zstd`` brings it to older ones).
    """

    raw: float
    publishes: float
    deflate: float
    zstd: float | None


def rivals(missing: Sequence[Row]) -> Rivals:
    """What the rivals take for these records; nothing for none."""
    bodies = joined(missing)
    zstd = _zstd()
    packed = None if zstd is None else len(zstd(bodies)) if missing else 0
    return Rivals(
        raw=sum(len(row.body) for row in missing),
        publishes=sum(_published(row) for row in missing),
        deflate=len(_deflated(bodies)) if missing else 0,
        zstd=packed,
    )


def _published(row: Row) -> int:
    return delivery_bytes(row.channel, len(row.body), qos=_QOS)


def _deflated(text: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


def _zstd() -> Callable[[bytes], bytes] | None:
    try:
        if sys.version_info >= (3, 14):
            from compression.zstd import compress  # noqa: PLC0415 - not every Python is built with it
        else:
            from backports.zstd import compress  # noqa: PLC0415 - only developers have it installed
    except ImportError:
        return None
    return lambda text: compress(text, _ZSTD_LEVEL)
