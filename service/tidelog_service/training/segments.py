"""What several users wrote alike: the only text that may leave its channel in a dictionary.

A segment is a run of tokens of a body: words with the space before them, and single bytes of anything else.
It is *shared* where so many authors wrote it, and in so many channels: as a whole, not piece by piece, as
common words make sentences that only one person wrote.

Longer and longer runs are counted, as in Agrawal and Srikant's Apriori (VLDB 1994): a run of n + 1 tokens can
be shared only where both runs of n tokens in it are, so each round looks at what the one before left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from tidelog.codec.bodies import END
from tidelog_service.training.samples import Progress, Sample, silent

TOKENS_MAX: Final = 64
"""Tokens of a segment: a longer one is told in two. It bounds the rounds over what many sent on unchanged."""

SEGMENT_BYTES_MIN: Final = 4
"""Shorter ones are in longer ones, or not worth their bytes."""

_TOKEN: Final = re.compile(rb" ?[A-Za-z'\x80-\xff]+|.", re.DOTALL)
_NONE: Final = -1
"""Stands where no shared run begins."""

_Rows = list[list[int]]
"""For each body, the number of the run that begins at each token."""


def shared(samples: Sequence[Sample], *, least: int, progress: Progress = silent) -> set[bytes]:
    """The longest shared segments of all bodies, as they stand in pages: at the end of a body with its end.

    Args:
        samples: records of any channels.
        least: how many authors must have written a segment, and in how many channels it must stand. 1 gives
            whole bodies, whoever wrote them.
        progress: told of the runs that are not shared.
    """
    texts = [sample.text for sample in samples]
    if least <= 1:
        return set(texts)
    cuts = [_cuts(text) for text in texts]
    longest = _longest(_numbered(texts, cuts), _groups(samples), least, progress)
    return {
        segment
        for text, ends, lengths in zip(texts, cuts, longest, strict=True)
        for segment in _segments(text, ends, lengths)
    }


def _cuts(text: bytes) -> list[int]:
    """Where the tokens begin; then where the last one ends, which is before the body's end."""
    stop = len(text) - len(END)
    return [found.start() for found in _TOKEN.finditer(text, 0, stop)] + [stop]


def _numbered(texts: Sequence[bytes], cuts: Sequence[list[int]]) -> _Rows:
    numbers: dict[bytes, int] = {}
    return [
        [numbers.setdefault(text[start:stop], len(numbers)) for start, stop in pairwise(ends)]
        for text, ends in zip(texts, cuts, strict=True)
    ]


def _groups(samples: Sequence[Sample]) -> list[list[list[int]]]:
    """The places of the samples by author, and by channel."""
    return [
        _grouped(samples, lambda sample: sample.author),
        _grouped(samples, lambda sample: sample.channel),
    ]


def _grouped(samples: Sequence[Sample], name: Callable[[Sample], str]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for at, sample in enumerate(samples):
        groups.setdefault(name(sample), []).append(at)
    return list(groups.values())


def _longest(rows: _Rows, groups: list[list[list[int]]], least: int, progress: Progress) -> _Rows:
    """How many tokens the longest shared run has that begins at each token."""
    longest = [[0] * len(row) for row in rows]
    total = sum(map(len, rows))
    for count in range(1, TOKENS_MAX + 1):
        found = [_common(rows, group, least) for group in groups]
        left = _mark(rows, longest, set.intersection(*found), count)
        progress("comparing", total - left, total)
        if not left:
            break
        rows = _lengthened(rows)
    return longest


def _common(rows: _Rows, groups: Iterable[list[int]], least: int) -> set[int]:
    """The runs that stand in bodies of at least so many groups."""
    counts: Counter[int] = Counter()
    for group in groups:
        counts.update({run for at in group for run in rows[at]} - {_NONE})
    return {run for run, count in counts.items() if count >= least}


def _mark(rows: _Rows, longest: _Rows, public: set[int], count: int) -> int:
    """Note the length of the runs that are shared and strike the others; how many are left."""
    left = 0
    for row, lengths in zip(rows, longest, strict=True):
        for at, run in enumerate(row):
            if run in public:
                lengths[at] = count
                left += 1
            else:
                row[at] = _NONE
    return left


def _lengthened(rows: _Rows) -> _Rows:
    """The runs of a token more, each of two neighbours that are shared."""
    numbers: dict[tuple[int, int], int] = {}
    return [
        [numbers.setdefault(pair, len(numbers)) if _NONE not in pair else _NONE for pair in pairwise(row)]
        for row in rows
    ]


def _segments(text: bytes, cuts: list[int], lengths: list[int]) -> Iterator[bytes]:
    """The segments of a body that are not within others of it."""
    reached = 0
    for at, count in enumerate(lengths):
        if at + count <= reached or not count:
            continue
        reached = at + count
        stop = cuts[reached]
        segment = text[cuts[at] : stop + len(END) if stop == cuts[-1] else stop]
        if len(segment) >= SEGMENT_BYTES_MIN:
            yield segment
