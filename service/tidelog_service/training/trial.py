"""What a dictionary brings, on records that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.dictionaries import Dictionary, builtin
from tidelog_service.training.samples import Sample

COUNTS: Final = (1, 5, 20, 100)
"""Records of a new device's first page."""

HELD_OUT_MAX: Final = 1_000
"""Records kept out of the training, the newest."""

_HELD_OUT_SHARE: Final = 10
_PAGES_MAX: Final = 8
"""Pages that a figure is the mean of: priming takes milliseconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Bytes of the bodies of a new device's first page, means over several pages.

    Attributes:
        codec: the codec's name.
        records: records in the page.
        plain: bytes as they are.
        without: compressed without a dictionary.
        builtin: compressed after the built-in dictionary.
        trained: compressed after the trained one.
    """

    codec: str
    records: int
    plain: int
    without: int
    builtin: int
    trained: int


def parted(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Samples to train on, and those to try it on: the newest tenth, at most ``HELD_OUT_MAX``."""
    ordered = sorted(samples)
    held_out = min(len(ordered) // _HELD_OUT_SHARE, HELD_OUT_MAX)
    at = len(ordered) - held_out
    return ordered[:at], ordered[at:]


def tried(held_out: Sequence[Sample], dictionary: Dictionary) -> list[Figure]:
    """Compress first pages of the held-out records.

    Args:
        held_out: in the order of a page.
        dictionary: the trained one.

    Returns:
        a figure for each codec that is installed and each of `COUNTS` for which there are enough records.
    """
    codecs = (ppmd.Ppmd(), Deflate()) if ppmd.available() else (Deflate(),)
    return [
        _figure(codec, held_out, count, dictionary)
        for codec in codecs
        for count in COUNTS
        if count <= len(held_out)
    ]


def _figure(
    codec: ppmd.Ppmd | Deflate, held_out: Sequence[Sample], count: int, dictionary: Dictionary
) -> Figure:
    pages = _pages(held_out, count)

    def mean(context: bytes) -> int:
        return round(sum(len(codec.compress(page, context)) for page in pages) / len(pages))

    return Figure(
        codec=codec.name,
        records=count,
        plain=round(sum(map(len, pages)) / len(pages)),
        without=mean(b""),
        builtin=mean(builtin().data),
        trained=mean(dictionary.data),
    )


def _pages(held_out: Sequence[Sample], count: int) -> list[bytes]:
    """Pages of so many neighbours, spread evenly and the newest among them."""
    last = len(held_out) - count
    starts = {last - last * at // _PAGES_MAX for at in range(_PAGES_MAX)}
    return [b"".join([sample.text for sample in held_out[at : at + count]]) for at in sorted(starts)]
