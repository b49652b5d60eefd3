"""Numbers without a record among those that a page goes over, and how it tells of them (SPEC.md, "Page")."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from tidelog.wire import runs
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.reading import Line
from tidelog_service.engine.telling import NAME_BYTES, tell_more, told_bytes


def void(made: Draft, lines: Mapping[str, Line], *, room: int) -> int:
    """Numbers without a record need none any more; the device is told, and asks for them no longer.

    Those between the records of a page must be told with it; where there is no room for them, fewer records
    go, and without any as many of the numbers as there is room for.

    Args:
        made: with the records that may go; what lies beyond the room leaves it.
        lines: what was read for it, by channel.
        room: bytes of the header.

    Returns:
        what is left of the room.
    """
    some = every = {channel: found for channel, line in lines.items() if (found := line.voids())}
    while made.entries and _void_bytes(made, _tied(some, lines)) > room:
        made.untold = True
        del made.entries[len(made.entries) // 2 :]
        some = _passed(made, every) if made.entries else every
    while _void_bytes(made, _tied(some, lines)) > room:
        some = _halved(some, oldest_first=made.inquiry.terms.rule.oldest_first)
    tied = _tied(some, lines)
    room -= _void_bytes(made, tied)
    for channel, seqs in tied.items():
        made.inquiry.account.add(channel, seqs)
        _tell_voids(made, channel, seqs)
    return room


def _tied(voids: Mapping[str, RangeSet], lines: Mapping[str, Line]) -> dict[str, RangeSet]:
    return {channel: lines[channel].tied(seqs) for channel, seqs in voids.items()}


def _passed(made: Draft, voids: Mapping[str, RangeSet]) -> dict[str, RangeSet]:
    """Those of the voids that lie before the last record of their channel that may go."""
    last = {entry.channel: entry.seq for entry in made.entries}
    oldest_first = made.inquiry.terms.rule.oldest_first
    before = {
        channel: RangeSet([(0, seq) if oldest_first else (seq, max(seq, voids[channel].stop))])
        for channel, seq in last.items()
        if channel in voids
    }
    return {channel: found for channel, seqs in before.items() if (found := voids[channel] & seqs)}


def _halved(voids: Mapping[str, RangeSet], *, oldest_first: bool) -> dict[str, RangeSet]:
    """The first half of the channels, of the runs of the only one, or of the only run."""
    if len(voids) > 1:
        return dict(islice(voids.items(), len(voids) // 2))
    return {
        channel: some
        for channel, seqs in voids.items()
        if (some := _first_half(seqs, oldest_first=oldest_first))
    }


def _first_half(seqs: RangeSet, *, oldest_first: bool) -> RangeSet:
    half = len(seqs.runs) // 2
    if half:
        return RangeSet.of_sorted(seqs.runs[:half] if oldest_first else seqs.runs[-half:])
    return seqs.oldest(seqs.count // 2) if oldest_first else seqs.newest(seqs.count // 2)


def _void_bytes(made: Draft, voids: Mapping[str, RangeSet]) -> int:
    told = {one.channel for one in made.told}
    size = 0
    for channel, seqs in voids.items():
        name = made.places.get(channel, channel)
        size += 0 if name in told else told_bytes(made.logs[channel], made.places.get(channel))
        size += len(runs.encode(seqs)) + NAME_BYTES
    return size


def _tell_voids(made: Draft, channel: str, seqs: RangeSet) -> None:
    standing = made.inquiry.account.get(channel)
    if standing is None:
        raise ValueError(f"{channel!r} is not in the account")
    tell_more(made, standing, voids=seqs)
