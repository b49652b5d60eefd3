"""Logs and answers as hypothesis draws them, and one log that is always the same."""

from __future__ import annotations

from hypothesis import strategies as st

from tidelog.codec.context import Key
from tidelog.codec.deflate import Deflate
from tidelog.codec.page import Rule
from tidelog.codec.ppmd import Ppmd
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.metadata import Meta
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing
from unit.codec.exchange import Answer, Log

WORDS = (
    "low tide",
    "high tide",
    "spring tide at noon",
    "ebb",
    "the harbour is closed",
    "all boats are in",
    "",
)


def log_of(*channels: str, records: int = 40) -> Log:
    """A log whose records repeat each other; those of several channels come by turns."""
    log: dict[Key, tuple[Meta, bytes]] = {}
    for seq in range(1, records + 1):
        for at, channel in enumerate(channels):
            words = f"{WORDS[(seq * seq + at) % 7]}, {WORDS[(seq + at) % 7]}, {seq % 10}"
            author = ("ann", "ben", "cleo")[seq * (at + 3) % 7 % 3]
            log[channel, seq] = Meta(author, 1_760_000_000_000 + 60_000 * seq + at), words.encode()
    return log


@st.composite
def logs(draw: st.DrawFn) -> tuple[Log, Log, list[Standing]]:
    """A log, what a device holds of it, and what it says that it has: that, and voids."""
    body = st.one_of(st.sampled_from([word.encode() for word in WORDS]), st.binary(max_size=20))
    log: dict[Key, tuple[Meta, bytes]] = {}
    held: dict[Key, tuple[Meta, bytes]] = {}
    account = []
    for channel in draw(st.lists(st.sampled_from(["b", "a/b", "é", "a"]), max_size=4, unique=True)):
        have = []
        for seq in range(1, draw(st.integers(1, 25))):
            what = draw(st.sampled_from(["lacking", "lacking", "held", "held", "held", "void"]))
            if what != "lacking":
                have.append(seq)
            if what == "void":
                continue
            time = draw(st.integers(0, 50)) + (0 if draw(st.integers(0, 9)) == 0 else 1_000 * seq)
            meta = Meta(
                draw(st.sampled_from(["ann", "ben"])), time, *draw(st.sampled_from([(), (), (16, 9, "x")]))
            )
            log[channel, seq] = meta, draw(body)
            if what == "held":
                held[channel, seq] = log[channel, seq]
        account.append(Standing(channel, 7, RangeSet.of(have), draw(st.sampled_from([1, 1, 1, 9]))))
    return log, held, account


ANSWERS = st.builds(
    Answer,
    codec=st.sampled_from([CODEC_NONE, Deflate.id, Ppmd.id]),
    context_bytes=st.sampled_from([0, 4 << 10, 256 << 10]),
    order=st.sampled_from([4, 6, 8]),
    rule=st.builds(
        Rule, newest=st.sampled_from([0, 0, 3, 10]), oldest_first=st.booleans(), by_channel=st.booleans()
    ),
    room_bytes=st.sampled_from([0, 30, 100, 1 << 20]),
    dictionary=st.sampled_from([b"", b"high tide and low tide\0"]),
)
