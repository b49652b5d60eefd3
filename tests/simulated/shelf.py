"""The engine's store as plain dictionaries: slow, obvious, and as mean as its contract allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random

from simulated.cellar import Cellar
from tidelog.wire.errors import Unavailable
from tidelog.wire.fingerprints import SUM_STOP, fingerprint
from tidelog.wire.ranges import EMPTY, RangeSet, Run
from tidelog_service.engine.ports import (
    Chosen,
    Head,
    KeptToken,
    Log,
    MemberMark,
    NewRow,
    OutboxKey,
    Row,
    Sums,
    Taken,
    Terminal,
)

USERS = {"ann": 1, "bob": 2, "cem": 3}


class Shelf:
    """`tidelog_service.engine.ports.Store` for unit tests.

    Args:
        members: users by channel.
        rng: where it is given, `rows` stops anywhere after the first row, as a store may.

    Attributes:
        logs: by channel.
        failing: whether reads and writes fail.
        reads: how often records were read.
        read: channel and seq of every record that `rows` returned.
        tokens: what is kept, by device and token.
        blobs: large bodies.
        windows: of users in channels, first and last seq that they may read; no last for members.
        receipts: channels that tell how far members have come.
        marks: epoch, read, delivered and version of users in channels.
    """

    def __init__(self, members: Mapping[str, Sequence[str]], *, rng: Random | None = None) -> None:
        self.members = dict(members)
        self.logs = {
            name: Log(id=key, name=name, epoch=7, head=0, floor=1, time=0)
            for key, name in enumerate(self.members, 1)
        }
        self.records: dict[int, dict[int, Row]] = {log.id: {} for log in self.logs.values()}
        self.revoked: set[str] = set()
        self.failing = False
        self.blobs = Cellar()
        self.reads = 0
        self.read: list[tuple[str, int]] = []
        self.tokens: dict[tuple[str, bytes], bytes] = {}
        self.windows: dict[tuple[str, str], tuple[int, int | None]] = {}
        self.receipts: set[str] = set()
        self.marks: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        self._raised: Counter[str] = Counter()
        self._rng = rng
        self._numbers: dict[OutboxKey, RangeSet] = {}
        self._taken: dict[tuple[OutboxKey, int], Taken] = {}

    def fill(
        self, channel: str, bodies: Sequence[bytes], *, author: str = "ann", times: Sequence[int] = ()
    ) -> None:
        """Append records without further ado; where no times are given they are all of the same."""
        log = self.logs[channel]
        head = log.head + len(bodies)
        for seq, body, time in zip(
            range(log.head + 1, head + 1), bodies, times or [1_000] * len(bodies), strict=True
        ):
            self.records[log.id][seq] = Row(seq, author, time, time, 0, "", body)
        time = max(log.time, *times) if times else 1_000 * head
        self.logs[channel] = replace(log, head=head, time=time)

    def begin(self, channel: str, epoch: int) -> None:
        """Start a log anew, empty."""
        log = self.logs[channel]
        self.records[log.id].clear()
        self.logs[channel] = replace(log, epoch=epoch, head=0, floor=1, time=0)

    def lift(self, channel: str, floor: int) -> None:
        """Forget what is below a floor."""
        log = self.logs[channel]
        for seq in range(log.floor, floor):
            self.records[log.id].pop(seq, None)
        self.logs[channel] = replace(log, floor=floor)

    def open(self, channel: str, *members: str) -> None:
        """Make a channel."""
        self.members[channel] = members
        self.logs[channel] = Log(id=len(self.logs) + 1, name=channel, epoch=7, head=0, floor=1, time=0)
        self.records[len(self.logs)] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._check()
        yield

    def terminal(self, device: str) -> Terminal | None:
        user = device.partition("-")[0]
        if user not in USERS:
            return None
        return Terminal(device=device, user_id=USERS[user], user=user, revoked=device in self.revoked)

    def logs_of(self, user_id: int) -> dict[str, Log]:
        self._check()
        user = next(name for name, key in USERS.items() if key == user_id)
        found = {name: self._seen_by(user, log) for name, log in self.logs.items() if self._reads(user, name)}
        return {name: log for name, log in found.items() if not log.left or log.floor <= log.head}

    def writable(self, user_id: int, names: Sequence[str]) -> dict[str, Log]:
        self._check()
        found = self.logs_of(user_id)
        return {name: log for name, log in found.items() if name in names and not log.left}

    def readable(self, user_id: int, name: str) -> Log | None:
        return self.logs_of(user_id).get(name)

    def audience(self, channel_id: int) -> tuple[str, ...]:
        self._check()
        name = next(name for name, log in self.logs.items() if log.id == channel_id)
        devices = (f"{user}-{kind}" for user in self.members[name] for kind in ("phone", "tab"))
        return tuple(device for device in devices if device not in self.revoked)

    def devices_of(self, user_id: int) -> tuple[str, ...]:
        self._check()
        return self._devices(next(name for name, key in USERS.items() if key == user_id))

    def hearers(self, log: Log, user_id: int, *, count_max: int) -> list[tuple[str, int]]:
        self._check()
        firsts = {user: self.windows.get((user, log.name), (1, None))[0] for user in self.members[log.name]}
        return [
            (device, first)
            for user, first in firsts.items()
            if USERS[user] != user_id and first <= log.delivered
            for device in self._devices(user)
        ][:count_max]

    def marks_of(self, log: Log, *, after: int, count_max: int) -> list[MemberMark]:
        self._check()
        found = [
            MemberMark(user, read, delivered, version)
            for (user, channel), (epoch, read, delivered, version) in self.marks.items()
            if channel == log.name
            and epoch == log.epoch
            and version > after
            and user in self.members[channel]
        ]
        return sorted(found, key=lambda one: one.version)[:count_max]

    def raise_mark(self, log: Log, user_id: int) -> None:
        user = next(name for name, key in USERS.items() if key == user_id)
        self._raised[log.name] += 1
        self.marks[user, log.name] = log.epoch, log.read, log.delivered, self._raised[log.name]

    def _devices(self, user: str) -> tuple[str, ...]:
        return tuple(device for kind in ("phone", "tab") if (device := f"{user}-{kind}") not in self.revoked)

    def readable_from(self, channel_id: int) -> int:
        self._check()
        name = next(name for name, log in self.logs.items() if log.id == channel_id)
        return max(
            self.logs[name].floor,
            max((self.windows.get((user, name), (1, None))[0] for user in self.members[name]), default=1),
        )

    def rows(
        self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int, newest_first: bool
    ) -> list[Row]:
        self._check()
        self.reads += 1
        kept = self.records[channel_id]
        found: list[Row] = []
        for seq in sorted(kept, reverse=newest_first):
            if seq not in seqs:
                continue
            if found and (len(found) == records_max or self._is_enough(found, bytes_max)):
                break
            found.append(kept[seq])
        name = next(name for name, log in self.logs.items() if log.id == channel_id)
        self.read += [(name, row.seq) for row in found]
        return found

    def revisions(self, channel_id: int, seqs: RangeSet, *, records_max: int, bytes_max: int) -> list[Row]:
        self._check()
        kept = self.records[channel_id]
        found: list[Row] = []
        for seq in sorted(kept):
            enough = len(found) == records_max or sum(len(row.body) for row in found) >= bytes_max
            if seq in seqs and kept[seq].kind in (1, 2) and not enough:
                found.append(kept[seq])
        return found

    def chosen(
        self,
        channel_id: int,
        seqs: RangeSet,
        *,
        authors: Sequence[str],
        kinds: Sequence[int],
        count_max: int,
        newest_first: bool,
    ) -> Chosen:
        self._check()
        kept = self.records[channel_id]
        passing = [
            seq
            for seq in sorted(kept, reverse=newest_first)
            if seq in seqs
            and (not authors or kept[seq].author in authors)
            and (not kinds or kept[seq].kind in {*kinds, 1, 2, 3})
        ]
        if len(passing) <= count_max:
            return Chosen(RangeSet.of(passing), EMPTY)
        last = passing[count_max - 1]
        rest = RangeSet([(0, last) if newest_first else (last + 1, max(seqs.stop, last + 1))])
        return Chosen(RangeSet.of(passing[:count_max]), seqs & rest)

    def sizes(self, channel_id: int, seqs: RangeSet, *, records_max: int) -> list[tuple[int, int]]:
        self._check()
        kept = self.records[channel_id]
        found = [(seq, len(kept[seq].body)) for seq in sorted(kept, reverse=True) if seq in seqs]
        return found[:records_max]

    def first_at(self, channel_id: int, run: Run, time: int) -> int:
        self._check()
        early = [row.seq + 1 for row in self.records[channel_id].values() if row.time < time]
        return min(max([run[0], *early]), run[1])

    def tally(self, channel_id: int, seqs: RangeSet) -> Sums:
        self._check()
        (name,) = {log.name for log in self.logs.values() if log.id == channel_id}
        rows = [row for seq, row in self.records[channel_id].items() if seq in seqs]
        shares = [
            fingerprint(name, row.seq, row.kind, row.author, row.content_type, row.body) for row in rows
        ]
        return Sums(len(rows), sum(len(row.body) for row in rows), sum(shares) % SUM_STOP)

    def numbers(self, keys: Sequence[OutboxKey]) -> dict[OutboxKey, RangeSet]:
        return {key: self._numbers.get(key, EMPTY) for key in keys}

    def taken(self, key: OutboxKey, ns: Sequence[int]) -> dict[int, Taken]:
        return {n: self._taken[key, n] for n in ns if (key, n) in self._taken}

    def append(self, rows: Sequence[NewRow]) -> None:
        authors = {key: name for name, key in USERS.items()}
        for row in rows:
            assert row.seq not in self.records[row.channel_id], "a number given twice"
            self.records[row.channel_id][row.seq] = Row(row.seq, authors[row.author_id], *row[3:8])

    def erase(self, channel_id: int, seqs: RangeSet) -> None:
        self.blobs.erase(channel_id, seqs)
        for seq in [seq for seq in self.records[channel_id] if seq in seqs]:
            del self.records[channel_id][seq]

    def advance(self, heads: Mapping[int, Head]) -> None:
        for name, log in self.logs.items():
            if log.id in heads:
                seq, time, revised, *_ = heads[log.id]
                self.logs[name] = replace(log, head=seq, time=time, revisions=log.revisions + revised)

    def remember(
        self, taken: Sequence[tuple[OutboxKey, Taken]], numbers: Mapping[OutboxKey, RangeSet]
    ) -> None:
        for key, one in taken:
            assert (key, one.n) not in self._taken, "a message taken twice"
            self._taken[key, one.n] = one
        self._numbers.update(numbers)

    def token(self, device: str, token: bytes) -> bytes | None:
        self._check()
        return self.tokens.get((device, token))

    def keep_tokens(self, kept: Sequence[KeptToken], now_ms: int) -> None:
        del now_ms
        self._check()
        self.tokens.update({(one.device, one.token): one.account for one in kept})

    def _reads(self, user: str, channel: str) -> bool:
        """Whether the user is a member, or was one of a channel with windows."""
        return user in self.members[channel] or self.windows.get((user, channel), (1, None))[1] is not None

    def _seen_by(self, user: str, log: Log) -> Log:
        log = self._marked_by(user, log)
        first, last = self.windows.get((user, log.name), (1, None))
        if last is None:
            return log if first <= log.floor else replace(log, floor=first)
        return replace(log, floor=max(log.floor, first), head=min(log.head, last), time=2**53 - 1, left=True)

    def _marked_by(self, user: str, log: Log) -> Log:
        epoch, read, delivered, _ = self.marks.get((user, log.name), (0, 0, 0, 0))
        read, delivered = (read, delivered) if epoch == log.epoch else (0, 0)
        told = log.name in self.receipts and user in self.members[log.name]
        if not (told or read or delivered):
            return log
        marks = self._raised[log.name] + 1 if told else read + delivered
        return replace(log, receipts=told, read=read, delivered=delivered, marks=marks)

    def _is_enough(self, found: Sequence[Row], bytes_max: int) -> bool:
        size = sum(len(row.body) for row in found)
        return size > bytes_max or (self._rng is not None and self._rng.random() < 0.2)

    def _check(self) -> None:
        if self.failing:
            raise Unavailable("the disk failed", code="store_failed")
