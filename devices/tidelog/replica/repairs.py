"""When the device asks by itself: for gaps that a push or receipt revealed, and after a reconnect.

Pushes overtake each other across replicas and a whole channel sees a gap at once, so a gap gets about two
seconds, with jitter, to close by itself. A repair that brings nothing is tried again with backoff, three
times; then it is a visible state until something new happens (SPEC.md, "Live push").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidelog.replica.holdings import RUNS_STATED_MAX, Holdings
from tidelog.replica.ports import Holding
from tidelog.replica.steps import Chance
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.ranges import EMPTY, RangeSet


@dataclass(slots=True)
class _Gap:
    """A channel that is to be repaired.

    Attributes:
        due: when to ask, seconds.
        tries: how often that was done without progress.
        lacking: what was missing at the last try.
        doubtful: whether word came of another epoch, or what fits none that is known.
        unread: seqs of pushes that could not be read.
        asked: whether it was asked for since the last of these came: an answer then ends the matter.
    """

    due: float
    tries: int = 0
    lacking: RangeSet | None = None
    doubtful: bool = False
    unread: RangeSet = EMPTY
    asked: bool = False

    def open(self, holding: Holding) -> bool:
        """Whether there still is something to ask for."""
        return bool(self.doubtful or holding.gaps or self.unread - holding.have)


class Repairs:
    """Which channels are to be asked about, and when.

    Args:
        tuning: times and tries.
        chance: for jitter.
    """

    def __init__(self, *, tuning: Tuning, chance: Chance) -> None:
        """See the class."""
        self._tuning = tuning
        self._chance = chance
        self._gaps: dict[str, _Gap] = {}
        self._exhausted: list[str] = []
        self._resume_due: float | None = None

    def due(self) -> float | None:
        """When the next repair is due, seconds."""
        times = [gap.due for gap in self._gaps.values()]
        if self._resume_due is not None:
            times.append(self._resume_due)
        return min(times, default=None)

    def look(self, channel: str, holdings: Holdings, now: float, *, epoch: int) -> None:
        """Something of a channel arrived: begin to wait where it shows a gap or another epoch."""
        holding = holdings.get(channel)
        changed = holding is not None and holding.epoch != epoch
        gap = self._gaps.get(channel)
        unread = gap is not None and holding is not None and gap.unread - holding.have
        if holding is None or not (changed or holding.gaps or unread):
            self._gaps.pop(channel, None)
            return
        gap = self._gap(channel, now)
        gap.doubtful = gap.doubtful or changed

    def unread(self, channel: str, seqs: RangeSet, now: float, *, doubtful: bool) -> None:
        """A push came that could not be read: begin to wait, for what it lacks may yet come.

        Args:
            channel: its channel.
            seqs: of its records; once they are had there is nothing to ask for.
            now: monotonic seconds.
            doubtful: whether it may be of another epoch, where these seqs are other records.
        """
        gap = self._gap(channel, now)
        gap.doubtful = gap.doubtful or doubtful
        gap.unread = RangeSet.of_sorted((gap.unread | seqs).runs[-RUNS_STATED_MAX:])
        gap.asked = False

    def _gap(self, channel: str, now: float) -> _Gap:
        gap = self._gaps.get(channel)
        if gap is None:
            gap = self._gaps[channel] = _Gap(due=now + self._wait(self._tuning.repair_delay, 1))
        return gap

    def resume(self, now: float) -> None:
        """The link is back: top up what is wanted, unless the application asks for everything before."""
        self._resume_due = now + self._wait(self._tuning.resume_delay, 1)

    def cancel_resume(self) -> None:
        """The application asks for everything."""
        self._resume_due = None

    def resume_ripe(self, now: float) -> bool:
        """Whether the top-up after a reconnect is due; it then counts as done."""
        if self._resume_due is None or self._resume_due > now:
            return False
        self._resume_due = None
        return True

    def watches(self, channels: Iterable[str]) -> bool:
        """Whether one of these channels has a gap, so that the end of its tries will be told."""
        return any(channel in self._gaps for channel in channels)

    def ripe(self, holdings: Holdings, now: float) -> list[str]:
        """The channels to ask about now; each counts as asked."""
        channels = []
        for channel, gap in list(self._gaps.items()):
            holding = holdings.get(channel)
            if gap.due > now:
                continue
            if holding is None or not gap.open(holding):
                del self._gaps[channel]
            elif self._try(gap, holding, now):
                channels.append(channel)
            else:
                del self._gaps[channel]
                self._exhausted.append(channel)
        return channels

    def _try(self, gap: _Gap, holding: Holding, now: float) -> bool:
        """Count a try; progress since the last one starts the count anew."""
        if gap.lacking is not None and holding.gaps != gap.lacking:
            gap.tries = 0
        if gap.tries >= self._tuning.repair_tries:
            return False
        gap.tries += 1
        gap.asked = True
        gap.lacking = holding.gaps
        gap.due = now + self._wait(self._tuning.answer_timeout, gap.tries + 1)
        return True

    def exhausted(self) -> list[str]:
        """Channels whose repair was given up since the last call."""
        given_up, self._exhausted = self._exhausted, []
        return given_up

    def settle(self, holding: Holding) -> None:
        """An answer about the channel is complete.

        Where it was on its way before a push that could not be read, that one's records are still to come.
        """
        gap = self._gaps.get(holding.channel)
        if gap is None or holding.gaps or (gap.unread - holding.have and not gap.asked):
            return
        del self._gaps[holding.channel]

    def forget(self, channels: Iterable[str]) -> None:
        """These channels can not be had any more."""
        for channel in channels:
            self._gaps.pop(channel, None)

    def _wait(self, first: float, tries: int) -> float:
        return backoff(first, tries, self._tuning.backoff_max, self._chance)
