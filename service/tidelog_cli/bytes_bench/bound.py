"""What a sync has to take at least: the missing bodies after all that the device holds, and their columns.

The bodies are those under PPMd variant H of order 6 with 64 MiB, primed with every body that the device
holds. It is a bound in the sense of the bench, not of mathematics: no codec that the protocol could carry
does better on these corpora.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyppmd

from tidelog_cli.bytes_bench.corpus import Row
from tidelog_cli.bytes_bench.entropy import column_bits
from tidelog_cli.bytes_bench.scenarios import Case

_ORDER: Final = 6
_MEMORY_BYTES: Final = 64 << 20
_SLICE_BYTES: Final = 4096
"""What the encoder is fed at a time: pyppmd 1.3.1 may lose a byte in a call that returns 32 KiB or more."""

_CODER_BYTES: Final = 4
"""Of the range coder's own ending, which tells nothing about the bodies: the strictest reading."""


def bound_bytes(case: Case) -> float:
    """The fewest bytes that tell a device what it lacks, and the service which that is.

    Args:
        case: what is held and what is missing.
    """
    if not case.missing:
        return 0.0
    columns = column_bits(case.log).total * len(case.missing)
    return body_bytes(case.held, case.missing) + (columns + case.have_set_bits) / 8


def body_bytes(held: Iterable[Row], missing: Iterable[Row]) -> float:
    """Bytes of the missing bodies, each ended by a newline, after those that are held."""
    return float(max(1, ppmd_bytes(joined(held), joined(missing)) - _CODER_BYTES))


def joined(rows: Iterable[Row]) -> bytes:
    """The bodies, each ended by a newline."""
    return b"".join(row.body + b"\n" for row in rows)


def ppmd_bytes(context: bytes, text: bytes) -> int:
    """What PPMd puts out for a text after a context, the range coder's ending included."""
    encoder = pyppmd.Ppmd7Encoder(_ORDER, _MEMORY_BYTES)
    _fed(encoder, context)
    return _fed(encoder, text) + len(encoder.flush())


def _fed(encoder: pyppmd.Ppmd7Encoder, text: bytes) -> int:
    return sum(len(encoder.encode(text[at : at + _SLICE_BYTES])) for at in range(0, len(text), _SLICE_BYTES))
