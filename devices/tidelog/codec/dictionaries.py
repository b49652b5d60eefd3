"""Dictionaries: what primes the codec of a device that holds nothing (SPEC.md, "Dictionaries").

A dictionary is a context as the codecs take it. Number 1 is built into the software; others are trained on a
deployment's own records, and each is named by its content, so that a device can check what it fetched.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from tidelog.codec import bodies
from tidelog.codec.deflate import Deflate
from tidelog.wire.errors import ProtocolError, UsageError
from tidelog.wire.limits import DICTIONARY_BYTES_MAX, TRAINED_ID_MIN

NONE: Final = 0
"""The id that stands for no dictionary."""

BUILTIN: Final = 1
"""The id of the built-in dictionary of this version. A released one never changes: a better one is 2."""

_BUILTIN_FILE: Final = "builtin-1.txt"
"""One body a line, beside this module; the most useful stand last, where deflate reaches them cheapest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """A text that both sides have before anything was sent.

    Attributes:
        id: 1 to 255 built in, from ``TRAINED_ID_MIN`` on trained.
        data: a context for a codec, at most ``DICTIONARY_BYTES_MAX`` bytes.
    """

    id: int
    data: bytes = field(repr=False)


@cache
def builtin() -> Dictionary:
    """The dictionary built into this version, number 1: common words, phrases and shapes of telemetry."""
    text = resources.files("tidelog.codec").joinpath(_BUILTIN_FILE).read_bytes()
    return Dictionary(id=BUILTIN, data=bodies.joined(text.splitlines()))


def trained(data: bytes) -> Dictionary:
    """A trained dictionary under its id, the CRC-32 (as in zlib) of its content.

    Raises:
        UsageError: it is empty or larger than ``DICTIONARY_BYTES_MAX``, or its id falls among those of the
            built-in ones, as one in 16 million does.
    """
    if not 0 < len(data) <= DICTIONARY_BYTES_MAX:
        raise UsageError(f"a dictionary of {len(data)} bytes", code="dictionary_size")
    number = zlib.crc32(data)
    if number < TRAINED_ID_MIN:
        raise UsageError(
            f"the id of the dictionary would be {number}", code="dictionary_id", hint="train another size"
        )
    return Dictionary(id=number, data=data)


def deflated(dictionary: Dictionary) -> bytes:
    """A dictionary as it travels: deflated whole, primed with the built-in one."""
    return Deflate().compress(dictionary.data, builtin().data)


def inflated(number: int, data: bytes) -> Dictionary:
    """Undo `deflated`.

    Args:
        number: the id that was asked for.
        data: from a peer, of any content; nothing larger than ``DICTIONARY_BYTES_MAX`` is made of it.

    Raises:
        ProtocolError: the data is damaged, makes too much, or is not the dictionary of this id.
    """
    text = Deflate().expand_up_to(data, DICTIONARY_BYTES_MAX, builtin().data)
    if zlib.crc32(text) != number or number < TRAINED_ID_MIN:
        raise ProtocolError(f"what came is not dictionary {number}")
    return Dictionary(id=number, data=text)
