"""Which texts to take into a dictionary of limited size: those that tell the most of all others.

After COVER (Liao, Petri, Moffat and Wirth, "Effective Construction of Relative Lempel-Ziv Dictionaries", WWW
2016), as zstd's trainer is. A text is worth the strings of 5 bytes in it that many records have; one that was
taken is worth an eighth from then on. The best for its bytes is taken, again and again.

Everything is in whole numbers and in one order, so the same records give the same dictionary, to the bit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import Final

from tidelog_service.training.samples import Progress, silent

GRAM_BYTES: Final = 5
"""The strings that are counted: PPMd looks back 6 bytes, deflate finds matches from 3 on."""

_WEIGHT: Final = 64
_FADING_BITS: Final = 3
"""64, 8, 1, 0: what has come twice need hardly come again."""

_TEXT_BYTES: Final = 4
"""What a text costs beside its bytes: its beginning follows from nothing."""

_SCALE_BITS: Final = 16


def select(
    candidates: Iterable[bytes], texts: Iterable[bytes], *, size_bytes: int, progress: Progress = silent
) -> list[bytes]:
    """The best candidates, the most useful first.

    Args:
        candidates: what may be taken.
        texts: what is to be told by it.
        size_bytes: of all that is taken together, at most.
        progress: told of the bytes taken.
    """
    return _Selection(candidates, texts, size_bytes).run(progress)


class _Selection:
    def __init__(self, candidates: Iterable[bytes], texts: Iterable[bytes], size_bytes: int) -> None:
        self._weights = _weights(texts)
        self._queue = [(-self._score(candidate), candidate) for candidate in set(candidates)]
        heapq.heapify(self._queue)
        self._size_bytes = size_bytes
        self._left = size_bytes

    def run(self, progress: Progress) -> list[bytes]:
        chosen: list[bytes] = []
        while (best := self._next()) is not None:
            if len(best) <= self._left:
                self._take(best)
                chosen.append(best)
                progress("choosing", self._size_bytes - self._left, self._size_bytes)
        return chosen

    def _next(self) -> bytes | None:
        """The best that is left. Scores only fall, so one that still leads when it is counted anew is it."""
        while self._queue and self._left:
            _, candidate = heapq.heappop(self._queue)
            entry = (-self._score(candidate), candidate)
            if entry[0] and (not self._queue or entry <= self._queue[0]):
                return candidate
            if entry[0]:
                heapq.heappush(self._queue, entry)
        return None

    def _score(self, candidate: bytes) -> int:
        worth = sum(self._weights.get(gram, 0) for gram in _grams(candidate))
        return (worth << _SCALE_BITS) // (len(candidate) + _TEXT_BYTES)

    def _take(self, candidate: bytes) -> None:
        self._left -= len(candidate)
        for gram in _grams(candidate):
            if gram in self._weights:
                self._weights[gram] >>= _FADING_BITS


def _weights(texts: Iterable[bytes]) -> dict[bytes, int]:
    """For each string that stands in several texts, how many there are beside the first."""
    counts: Counter[bytes] = Counter()
    for text in texts:
        counts.update(_grams(text))
    return {gram: _WEIGHT * (count - 1) for gram, count in counts.items() if count > 1}


def _grams(text: bytes) -> set[bytes]:
    return {text[at : at + GRAM_BYTES] for at in range(len(text) - GRAM_BYTES + 1)}
