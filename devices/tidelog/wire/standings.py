"""What a device has of each channel in scope, as both sides count it (SPEC.md, "Tokens").

A token stands for such an account: the device names it by 4 bytes and proves by the digest that both mean
the same one. Channels are named by their place in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain, count, islice
from typing import Final, NamedTuple

import cbor2

from tidelog.wire import varint
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import DIGEST_STOP, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.marks import News
from tidelog.wire.ranges import EMPTY, RangeSet

_SHARE_BYTES: Final = 4
_END: Final = b"\0"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a device has of one channel.

    Attributes:
        channel: the channel's name.
        epoch: the incarnation that the rest speaks of; 0 where the device does not know the channel.
        have: the seqs that it has accounted for.
        floor: the lowest seq that it knows can still be had; 0 where it was told that the channel is gone.
        want: the seqs that it asks for; ``None`` means all. Not part of what a token stands for.
        marks: which version of the channel's marks it was told last; 0 for none.
    """

    channel: str
    epoch: int = 0
    have: RangeSet = EMPTY
    floor: int = 1
    want: RangeSet | None = None
    marks: int = 0

    @property
    def head(self) -> int:
        """The highest seq accounted for; 0 for none."""
        return max(self.have.stop - 1, 0)

    @property
    def gone(self) -> bool:
        """Whether the channel is not to be had; its have-set stays, for it may come back."""
        return not self.floor

    @property
    def kept(self) -> RangeSet:
        """The seqs accounted for that the service still has; none where the channel is gone."""
        if self.gone:
            return EMPTY
        return self.have if self.floor == 1 else self.have & RangeSet([(self.floor, SEQ_STOP)])

    def lacking(self, head: int, *, newest: int = 0) -> RangeSet:
        """What exists, is asked for and is not accounted for.

        Args:
            head: the highest seq that the device may read.
            newest: of the newest so many seqs only; 0 for no such bound.
        """
        if self.gone:
            return EMPTY
        low = max(self.floor, head + 1 - newest) if newest else self.floor
        kept = RangeSet([(low, max(low, head + 1))])
        return (kept if self.want is None else kept & self.want) - self.have

    def share(self) -> int:
        """Its share of the digest: BLAKE2b (RFC 7693) over all that it says, as a number."""
        marks = (self.marks,) if self.marks else ()
        edges = chain((self.epoch, self.floor), chain.from_iterable(self.have.runs), marks)
        told = self.channel.encode() + _END + varint.encode(edges)
        return int.from_bytes(blake2b(told, digest_size=_SHARE_BYTES).digest())


class Growth(NamedTuple):
    """A channel whose have-set grew at its end since the account of a token; the commonest change.

    Attributes:
        place: the channel's, in the account.
        size: how many seqs, at least 1, right above the highest that it has there.
    """

    place: int
    size: int


class Change(NamedTuple):
    """What else became of a channel since then.

    Attributes:
        place: the channel's, in the account.
        added: seqs accounted for since.
        dropped: seqs that the device lacks now.
    """

    place: int
    added: RangeSet
    dropped: RangeSet


class Told(NamedTuple):
    """What a page tells of a channel beside records.

    Attributes:
        channel: its name where the account lacks it, else its place there.
        epoch: the log's incarnation; where it differs from the account's, the have-set there is void.
        floor: the lowest seq that can still be had.
        voids: seqs that need no body any more; they enter the have-set.
        dead: seqs of the have-set whose records the service has no more, as edits or deletes say that the
            device is yet to get: they prime nothing. Not part of what a token stands for.
    """

    channel: str | int
    epoch: int
    floor: int = 1
    voids: RangeSet = EMPTY
    dead: RangeSet = EMPTY


class Standings:
    """An account: standings in an order that both sides keep, and their digest.

    Args:
        standings: a channel each, at most once.
    """

    __slots__ = ("_by_channel", "_shares")

    def __init__(self, standings: Iterable[Standing] = ()) -> None:
        """See the class."""
        self._by_channel = {standing.channel: standing for standing in standings}
        self._shares = {name: one.share() for name, one in self._by_channel.items()}

    @property
    def digest(self) -> int:
        """The sum of all shares, each times twice its place and 1, below 2^32.

        Where the channels stand is in it: a device and a service that differ in that name others by a place.
        """
        weighted = zip(count(1, 2), self._shares.values(), strict=False)
        return sum(weight * share for weight, share in weighted) % DIGEST_STOP

    def __iter__(self) -> Iterator[Standing]:
        """The standings in their order."""
        return iter(self._by_channel.values())

    def __len__(self) -> int:
        """How many channels."""
        return len(self._by_channel)

    def __contains__(self, channel: str) -> bool:
        """Whether the channel is in it."""
        return channel in self._by_channel

    def __eq__(self, other: object) -> bool:
        """Whether both have the same standings in the same order."""
        return isinstance(other, Standings) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """Show the standings."""
        return f"Standings({list(self)})"

    def get(self, channel: str) -> Standing | None:
        """The standing of a channel."""
        return self._by_channel.get(channel)

    def names(self) -> list[str]:
        """The channels in their order."""
        return list(self._by_channel)

    def copy(self) -> Standings:
        """Another one that changes by itself."""
        made = Standings()
        made._by_channel = dict(self._by_channel)
        made._shares = dict(self._shares)
        return made

    def put(self, standing: Standing) -> None:
        """Replace a channel's standing where it is, or add it at the end."""
        self._by_channel[standing.channel] = standing
        self._shares[standing.channel] = standing.share()

    def remove(self, channel: str) -> None:
        """Forget a channel; those after it move up."""
        if channel in self._by_channel:
            del self._by_channel[channel], self._shares[channel]

    def add(self, channel: str, seqs: RangeSet) -> None:
        """Account for more seqs of a channel that is in it."""
        old = self._by_channel[channel]
        self.put(Standing(channel, old.epoch, old.have | seqs, old.floor, old.want, old.marks))

    def change(self, grown: Iterable[Growth], changes: Iterable[Change]) -> None:
        """Take what a device says became of channels since.

        Raises:
            ProtocolError: a place is outside the account, or a seq beyond the limit.
        """
        names = self.names()
        for index, size in grown:
            name = _named(names, index)
            self.add(name, _above(self._by_channel[name].have, size))
        for index, added, dropped in changes:
            old = self._by_channel[_named(names, index)]
            have = (old.have - dropped) | added
            self.put(Standing(old.channel, old.epoch, have, old.floor, marks=old.marks))

    def tell(self, told: Collection[Told], gone: Collection[str]) -> None:
        """Take what a page tells beside records; both sides do it before they look at its parts.

        Raises:
            ProtocolError: a place is outside the account, a channel is there twice, or there are too many
                channels (code LIMIT).
        """
        places = self.names()
        names = [one.channel if isinstance(one.channel, str) else _named(places, one.channel) for one in told]
        if len({*names, *gone}) < len(names) + len(gone):
            raise ProtocolError("a page tells of a channel twice")
        for name, (_, epoch, floor, voids, _) in zip(names, told, strict=True):
            old = self._by_channel.get(name)
            have, marks = (old.have, old.marks) if old is not None and old.epoch == epoch else (EMPTY, 0)
            self.put(Standing(name, epoch, have | voids, floor, old.want if old else None, marks))
        for name in gone:
            if name in self:
                self.put(replace(self._by_channel[name], floor=0))
        self._shrink()

    def learn(self, news: Iterable[News]) -> None:
        """Take what a page tells of marks, once it has told everything else.

        Raises:
            ProtocolError: a place is outside the account.
        """
        names = self.names()
        for one in news:
            self.put(replace(self._by_channel[_named(names, one.place)], marks=one.version))

    def _shrink(self) -> None:
        """Make room for channels that can be had: of those that cannot, the first go."""
        excess = len(self) - STATEMENTS_MAX
        for name in list(islice((one.channel for one in self if one.gone), max(excess, 0))):
            self.remove(name)
        if len(self) > STATEMENTS_MAX:
            raise ProtocolError(f"more than {STATEMENTS_MAX} channels", wire_code=Code.LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How to tell an account by an older one.

    Attributes:
        grown: channels whose have-set grew at its end, by place.
        changes: what else became of channels, by place.
        others: standings that the older one lacks, or has in another epoch.
    """

    grown: tuple[Growth, ...] = ()
    changes: tuple[Change, ...] = ()
    others: tuple[Standing, ...] = ()


def differences(before: Standings, now: Iterable[Standing]) -> Differences:
    """Compare; channels that ``before`` has alone are told by nothing."""
    current = {standing.channel: standing for standing in now}
    grown: list[Growth] = []
    changes: list[Change] = []
    for index, old in enumerate(before):
        new = current.pop(old.channel, old)
        if new.epoch != old.epoch:
            current[old.channel] = new
        elif new.have != old.have:
            if _grew(old.have, new.have):
                grown.append(Growth(index, new.have.count - old.have.count))
            else:
                changes.append(Change(index, new.have - old.have, old.have - new.have))
    return Differences(grown=tuple(grown), changes=tuple(changes), others=tuple(current.values()))


def _grew(old: RangeSet, new: RangeSet) -> bool:
    """Whether only seqs right above the old ones came; those of a have-set without end cannot be counted."""
    start, size = max(old.stop, 1), new.count - old.count
    return size > 0 and not new.open_ended and new == old | RangeSet([(start, start + size)])


def _above(seqs: RangeSet, size: int) -> RangeSet:
    """So many seqs right above a set."""
    start = max(seqs.stop, 1)
    if start + size >= SEQ_STOP:
        raise ProtocolError("a seq is beyond the limit", wire_code=Code.LIMIT)
    return RangeSet([(start, start + size)])


def dump(standings: Iterable[Standing]) -> bytes:
    """An account as it lies in a store."""
    return cbor2.dumps([_row(one) for one in standings])


def load(blob: bytes) -> Standings:
    """The inverse of `dump`.

    Raises:
        ValueError: the blob is damaged; cbor2's errors too.
    """
    return Standings(
        Standing(channel, epoch, RangeSet(zip(edges[::2], edges[1::2], strict=True)), floor, marks=sum(marks))
        for channel, epoch, floor, edges, *marks in cbor2.loads(blob)
    )


def _row(one: Standing) -> list[object]:
    """Without marks as in versions that had none."""
    row = [one.channel, one.epoch, one.floor, _runs(one.have)]
    return [*row, one.marks] if one.marks else row


def _runs(seqs: RangeSet) -> list[int]:
    return list(chain.from_iterable(seqs.runs))


def _named(names: Sequence[str], index: int) -> str:
    if index >= len(names):
        raise ProtocolError(f"channel {index} of {len(names)}")
    return names[index]
