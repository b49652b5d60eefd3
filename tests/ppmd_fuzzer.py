"""Feeds damaged streams to PPMd's decoder for some seconds; a program of its own, as the decoder is in C.

Prints how many streams it tried, how many were refused and the longest time of one, in milliseconds.
"""

from __future__ import annotations

import random
import sys
from time import monotonic, process_time

from tidelog.codec.ppmd import Ppmd
from tidelog.wire.errors import ProtocolError

WORDS = b"the tide comes in and the tide goes out again while we wait for a word from the shore".split()
SECONDS_MAX = 5.0
"""Of CPU for one stream: far more than the worst seen, far less than one that does not end."""


def text(rnd: random.Random, words: int) -> bytes:
    """Bodies of some words, a few of random bytes."""
    made = [rnd.choice(WORDS) + rnd.choice([b" ", b" ", b"\0"]) for _ in range(words)]
    return b"".join(made) + rnd.randbytes(rnd.choice([0, 0, 30]))


def damaged(rnd: random.Random, data: bytes) -> bytes:
    """A stream cut, flipped in a bit, made up, or as it is."""
    match rnd.randrange(5):
        case 0:
            return data[: rnd.randrange(len(data) + 1)]
        case 1 if data:
            at = rnd.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1 :]
        case 2:
            return rnd.randbytes(rnd.randrange(len(data) + 20))
        case 3:
            return bytes([rnd.choice([0, 255])]) * rnd.randrange(90)
        case _:
            return data


def main(seconds: float, seed: int) -> None:
    """Try until the time is up."""
    rnd = random.Random(seed)
    tried = refused = 0
    longest = 0.0
    until = monotonic() + seconds
    while monotonic() < until:
        codec = Ppmd(rnd.choice([2, 4, 6, 8, 64]))
        dull = bytes([rnd.randrange(256)]) * rnd.choice([0, 20_000])  # of which much can come out wrong
        context, message = text(rnd, rnd.choice([0, 5, 400])) + dull, text(rnd, rnd.choice([0, 3, 60]))
        data = damaged(rnd, codec.compress(message, context))
        before = process_time()
        try:
            codec.expand(data, rnd.choice([len(message), 1, 30_000]), context)
        except ProtocolError:
            refused += 1
        tried += 1
        longest = max(longest, process_time() - before)
        if longest > SECONDS_MAX:
            sys.exit(f"{longest} s for {data.hex()}, seed {seed}")
    print(tried, refused, round(longest * 1000))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32))
