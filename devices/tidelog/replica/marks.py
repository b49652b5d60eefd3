"""How far users have come, as the device knows it, and what it has to tell of its own (SPEC.md, "Marks").

A mark that the device raised waits in the store for the service's word: the answer to the request that told
it, or whatever else says as much. One request is open at a time; what rises meanwhile goes with the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidelog.replica.holdings import Holdings
from tidelog.replica.ports import Holding, Mark
from tidelog.replica.steps import Chance, Effects, Marked, MarkSettled, Trouble
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire import marks as wire
from tidelog.wire.errors import Code, TidelogError, error_for
from tidelog.wire.frames import Fault
from tidelog.wire.limits import MARKS_MAX, REQUEST_ID_STOP
from tidelog.wire.standings import Standings

_LATER: Final = (Code.BUSY, Code.INTERNAL)

_Own = tuple[int, int]
"""Read, and delivered."""


@dataclass(frozen=True, slots=True)
class _Open:
    """The request that waits for its answer."""

    rid: int
    asked: Mapping[str, _Own]


class Marks:
    """The marks that a device knows.

    Args:
        known: as the store has them.
        user: whose device it is; empty where it does not know.
        tuning: times.
        chance: for request ids and jitter.

    Attributes:
        user: see above.
    """

    def __init__(self, known: Iterable[Mark], user: str, *, tuning: Tuning, chance: Chance) -> None:
        """See the class."""
        self.user = user
        self._marks = {(one.channel, one.user): one for one in known}
        self._waiting = {one.channel for one in self._marks.values() if one.waiting}
        self._tuning = tuning
        self._chance = chance
        self._open: _Open | None = None
        self._tries = 0
        self._due: float | None = 0.0 if self._waiting else None
        # Own marks that the service has said that it has, and no page has told; and those told once more.
        self._unseen: set[str] = set()
        self._again: set[str] = set()

    def own(self, channel: str, epoch: int) -> Mark:
        """The mark of the device's user; one of an earlier incarnation is worth nothing."""
        mark = self._marks.get((channel, ""), Mark(channel=channel, epoch=epoch))
        return mark if mark.epoch == epoch else Mark(channel=channel, epoch=epoch, receipts=mark.receipts)

    # What the device raises

    def read(self, holding: Holding, seq: int, now: float, effects: Effects) -> Mark:
        """The user has read a channel up to a seq, at most to its head."""
        before = self.own(holding.channel, holding.epoch)
        read = min(seq, holding.head)
        if read > before.read:
            risen = replace(before, read=read, delivered=max(read, before.delivered), waiting=True)
            self._raise(risen, now, effects)
        elif not before.waiting:
            effects.events.append(MarkSettled(mark=before))
        return self.own(holding.channel, holding.epoch)

    def deliver(self, holdings: Iterable[Holding], due: float, effects: Effects) -> None:
        """Note what has arrived, in channels where others hear of it.

        Everything up to below the first record that the device wants and lacks: what nobody asked for is not
        waited for.

        Args:
            holdings: of channels of which something arrived.
            due: when it is to be told, seconds: more may follow a push, and nothing an answer.
            effects: what comes of it.
        """
        for holding in holdings:
            before = self.own(holding.channel, holding.epoch)
            if not before.receipts:
                continue
            gaps = holding.gaps
            delivered = (gaps.runs[0][0] if gaps else min(holding.have.stop, holding.head + 1)) - 1
            if delivered > before.delivered and delivered >= holding.floor:
                risen = replace(before, delivered=delivered, waiting=True)
                self._raise(risen, due, effects)

    def _raise(self, mark: Mark, due: float, effects: Effects) -> None:
        self._put(mark, effects)
        if self._open is None:
            self._due = due if self._due is None else min(self._due, due)

    # What the service says

    def take(self, frame: wire.Marks, holdings: Holdings, now: float, effects: Effects) -> None:
        """Take the service's word, asked for or not."""
        opened = self._open if self._open is not None and frame.rid == self._open.rid else None
        self.know(frame.user, effects)
        for told in frame.marks:
            holding = holdings.get(told.channel)
            if holding is not None and holding.epoch == told.epoch:
                self._learn(told, effects)
                self._unseen.add(told.channel)
            if opened is not None:
                self._settle(told.channel, opened, effects)
        for channel in frame.gone if opened is not None else ():
            error = error_for(Code.NO_CHANNEL, f"no such channel, or not this user's: {channel!r}")
            self._end(channel, effects, error=error)
        if opened is not None:
            self._open, self._tries = None, 0
            self._due = now if self._waiting else None

    def take_news(
        self, channel: str, epoch: int, news: wire.News, now: float, effects: Effects, *, whole: bool
    ) -> None:
        """Take what a page tells of a channel's marks.

        Where it has less of the user's own than the device knows, the service was set back: it is told again.

        Args:
            channel: the channel's name.
            epoch: of its log.
            news: what is told.
            now: seconds.
            effects: what comes of it.
            whole: whether that is all there is, so that an own mark which is not in it is nowhere.
        """
        self._learn(wire.Marked(channel, epoch, *news[2:]), effects)
        self._unseen.discard(channel)
        mark = self.own(channel, epoch)
        said = (news.read, news.delivered)
        if (whole or news.delivered) and not mark.waiting and said != (mark.read, mark.delivered):
            self._raise(replace(mark, waiting=True), now, effects)

    def compare(self, before: Standings, account: Standings, now: float, effects: Effects) -> None:
        """After a page with which all marks are told: raise those again that the service has lost.

        It has none of a channel whose version is 0; nor one that only a Marks has told, if no page tells it.
        A service that was set back and whose logs stood still has no new epochs to say so.

        Args:
            before: what the page was asked with.
            account: what the device has with it; the marks that it tells are taken.
            now: seconds.
            effects: what comes of it.
        """
        for standing in account:
            channel = standing.channel
            mark = self._marks.get((channel, ""))
            if mark is None or not mark.delivered or standing.epoch != mark.epoch or standing.gone:
                continue
            known = before.get(channel)
            same = known is not None and known.marks == standing.marks
            lost = not standing.marks or (same and channel in self._unseen)
            if lost and not mark.waiting and channel not in self._again:
                self._again.add(channel)
                self._raise(replace(mark, waiting=True), now, effects)
            self._unseen.discard(channel)

    def know(self, user: str, effects: Effects) -> None:
        """Whose device it is, where something says so."""
        if user and user != self.user:
            self.user = effects.user = user

    def _learn(self, told: wire.Marked, effects: Effects) -> None:
        fresh: list[Mark] = []
        waited = told.channel in self._waiting
        before = self.own(told.channel, told.epoch)
        mark = replace(
            before,
            read=max(before.read, told.read),
            delivered=max(before.delivered, told.delivered),
            receipts=before.receipts or told.others is not None,
            waiting=before.waiting and (told.read < before.read or told.delivered < before.delivered),
        )
        if (mark.read, mark.delivered) != (before.read, before.delivered):
            fresh.append(mark)
        if mark != self._marks.get((told.channel, "")):
            self._put(mark, effects)
        for member in told.others or ():
            fresh += self._learn_of(member, told, effects)
        if fresh:
            effects.events.append(Marked(marks=tuple(fresh)))
        if waited and not mark.waiting:
            self._end(told.channel, effects)

    def _learn_of(self, member: wire.Member, told: wire.Marked, effects: Effects) -> Sequence[Mark]:
        """Another member's mark, where it is news."""
        before = self._marks.get((told.channel, member.user))
        seqs = (member.read, member.delivered)
        if before is not None and before.epoch == told.epoch:
            seqs = max(before.read, member.read), max(before.delivered, member.delivered)
            if seqs == (before.read, before.delivered):
                return ()
        mark = Mark(channel=told.channel, epoch=told.epoch, user=member.user, read=seqs[0], delivered=seqs[1])
        self._put(mark, effects)
        return (mark,)

    def _settle(self, channel: str, opened: _Open, effects: Effects) -> None:
        """The answer is there: whatever it says of a mark as it was sent is the last word."""
        mark = self._marks.get((channel, ""))
        if mark is not None and mark.waiting and opened.asked.get(channel) == (mark.read, mark.delivered):
            self._end(channel, effects)

    def _end(self, channel: str, effects: Effects, *, error: TidelogError | None = None) -> None:
        """A mark waits no more."""
        mark = self._marks.get((channel, ""))
        if mark is not None:
            if mark.waiting:
                mark = replace(mark, waiting=False)
                self._put(mark, effects)
            effects.events.append(MarkSettled(mark=mark, error=error))

    def _put(self, mark: Mark, effects: Effects) -> None:
        self._marks[mark.channel, mark.user] = mark
        effects.marks[mark.channel, mark.user] = mark
        if mark.waiting:
            self._waiting.add(mark.channel)
        elif not mark.user:
            self._waiting.discard(mark.channel)

    # Asking

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where nothing waits."""
        return self._due

    def next(self, holdings: Holdings, now: float, effects: Effects) -> wire.MarkRequest | None:
        """The request to send now, if one is due: what waits, as it stands."""
        if self._due is None or self._due > now:
            return None
        asked: list[wire.Mark] = []
        for channel in sorted(self._waiting):
            holding = holdings.get(channel)
            mark = self._marks[channel, ""]
            if holding is None or holding.epoch != mark.epoch:
                # The log begins anew: there is nothing any more that it speaks of.
                self._end(channel, effects)
            elif len(asked) < MARKS_MAX:
                asked.append(wire.Mark(channel, mark.epoch, mark.read, mark.delivered))
        if not asked:
            self._open, self._due = None, None
            return None
        self._tries += 1
        self._due = now + self._wait()
        rid = self._chance.randrange(REQUEST_ID_STOP) or 1
        self._open = _Open(rid, {one.channel: (one.read, one.delivered) for one in asked})
        return wire.MarkRequest(rid=rid, marks=tuple(asked))

    def refused(self, fault: Fault, now: float, effects: Effects) -> bool:
        """Take a fault that answers the open request.

        Returns:
            whether it does: others are not for this class.
        """
        if self._open is None or not fault.rid or fault.rid != self._open.rid:
            return False
        if fault.code in _LATER:
            self._due = now + self._wait()
        else:
            # Not before the next connection: the same would be refused again.
            self._due = None
            effects.events.append(Trouble(error=error_for(fault.code, fault.text)))
        return True

    def restart(self, now: float) -> None:
        """The link is up: what waits is told at once."""
        self._again.clear()
        self._open, self._tries = None, 0
        self._due = now if self._waiting else None

    def _wait(self) -> float:
        tries = max(self._tries, 1)
        return backoff(self._tuning.answer_timeout, tries, self._tuning.backoff_max, self._chance)
