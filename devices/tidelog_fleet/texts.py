"""What the fleet writes: texts of a corpus, or sentences made from a small list of words."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice, product
from pathlib import Path
from typing import Final

from tidelog.wire.errors import UsageError
from tidelog.wire.limits import BODY_BYTES_MAX

TEXTS_MAX: Final = 100_000
"""Read from a corpus at most: some hours of the largest fleet, and bounded memory."""

_ROOM_FOR_LAP: Final = 16
"""Bytes left free in a body for what `dealt` appends."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""

_WHO: Final = ("The pump", "Our van", "Line 2", "The night shift", "Anna", "The gateway", "Nobody", "Pier 7")
_WHAT: Final = ("reports", "waits for", "has lost", "asks about", "will check", "brought", "needs")
_WHOM: Final = ("the new valve", "a spare key", "two pallets", "the tide table", "the blue sensor", "coffee")
_WHEN: Final = ("since this morning", "again", "until Friday", "as agreed", "at the lock", "for now, I think")
_END: Final = (".", "!", "?", ", see below.", "; call me.", " :)")


def built_in() -> list[str]:
    """Sentences made from a small list of words: every combination, 12,096 of them, of about 40 bytes."""
    return [
        f"{who} {what} {whom} {when}{end}"
        for who, what, whom, when, end in product(_WHO, _WHAT, _WHOM, _WHEN, _END)
    ]


def read_corpus(path: Path) -> list[str]:
    """The bodies of a file of JSON lines, plain or gzip; each text once.

    Args:
        path: lines are objects with a text ``body``; other fields, empty bodies and ones that are too long
            for a message are passed over. At most `TEXTS_MAX` are taken.

    Raises:
        UsageError: code ``import_line``: a line is not such an object; ``import_file``: no line has a body.
        OSError: the file cannot be read.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        lines: Iterable[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw
        texts = list(islice(dict.fromkeys(_bodies(lines, path)), TEXTS_MAX))
    if not texts:
        raise UsageError(f"no line of {path} has a body", code="import_file")
    return texts


def _bodies(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)["body"]
            size = len(body.encode())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"{path}, line {number}: not a JSON object with a text `body`", code="import_line"
            ) from error
        if 0 < size <= BODY_BYTES_MAX - _ROOM_FOR_LAP:
            yield body


def dealt(texts: Sequence[str], players: Sequence[str], source: random.Random) -> dict[str, Iterator[bytes]]:
    """Deal shuffled texts to the devices, so that no text is written twice.

    Args:
        texts: at least one.
        players: device ids.
        source: the randomness.

    Returns:
        an endless supply for each; from the second lap through the texts on, the lap stands behind the text.
    """
    deck = source.sample(texts, len(texts))
    return {player: _hand(deck, at, len(players)) for at, player in enumerate(players)}


def _hand(deck: Sequence[str], start: int, step: int) -> Iterator[bytes]:
    for at in count(start, step):
        lap, place = divmod(at, len(deck))
        yield (f"{deck[place]} [{lap + 1}]" if lap else deck[place]).encode()
