"""From records to a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidelog.codec.bodies import END
from tidelog.codec.dictionaries import Dictionary, builtin, trained
from tidelog.wire.errors import UsageError
from tidelog_service.training.samples import Progress, Sample, silent
from tidelog_service.training.segments import shared
from tidelog_service.training.selection import select

LEAST_DEFAULT: Final = 3
"""Authors and channels that a text must come from: fewer than that may be a secret of two people."""

SIZE_KIB_DEFAULT: Final = 8
"""3.1 KB to fetch, for chat. 32 KiB save twice as much and take 13.3: few devices ever get that back."""

SIZE_KIB_MAX: Final = 64
"""``DICTIONARY_BYTES_MAX``; the second half brings some 3 % under PPMd."""


def train(
    samples: Sequence[Sample], *, size_bytes: int, least: int = LEAST_DEFAULT, progress: Progress = silent
) -> Dictionary:
    """Make a dictionary of what the samples have in common, and of what is useful of the built-in one.

    Args:
        samples: records, at most ``SAMPLES_BYTES_MAX`` of bodies.
        size_bytes: of the dictionary, at most ``DICTIONARY_BYTES_MAX``.
        least: see `tidelog_service.training.segments.shared`; 1 lets texts of single users out.
        progress: told how far it is.

    Returns:
        the dictionary, the same for the same samples; its most useful texts stand last, nearest to the page.

    Raises:
        UsageError: the samples have nothing in common (``nothing_shared``), or see
            `tidelog.codec.dictionaries.trained`.
    """
    candidates = shared(samples, least=least, progress=progress)
    if not candidates:
        raise UsageError(
            f"in {len(samples)} records nothing was written by {least} users in {least} channels",
            code="nothing_shared",
            hint="--least 1 takes what single users wrote, and every device may fetch it",
        )
    known = {line + END for line in builtin().data.split(END) if line}
    texts = [sample.text for sample in samples]
    chosen = select(candidates | known, texts, size_bytes=size_bytes, progress=progress)
    if not chosen:
        raise UsageError(
            f"in {len(samples)} records hardly any text comes twice",
            code="nothing_shared",
            hint="train when there are some hundred records",
        )
    return trained(b"".join(reversed(chosen)))
