"""What the device asks for by itself: ripe repairs become requests, and the end of their tries is told.

`tidelog.replica.repairs` says when; this says what is asked, and in which words (SPEC.md, "Live push").
"""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.replica.holdings import Holdings
from tidelog.replica.repairs import Repairs
from tidelog.replica.requests import Job, Requests
from tidelog.replica.steps import Effects, Trouble
from tidelog.replica.trust import Trust
from tidelog.replica.tuning import Tuning
from tidelog.wire.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """Queues the machine's own jobs, one at a time.

    Attributes:
        requests: the queue.
        repairs: which channels are to be asked about, and when.
        holdings: what the device has of them, and wants.
        trust: whether pages may build on what the device holds, and whether a token stands for everything.
        tuning: times and tries.
    """

    requests: Requests
    repairs: Repairs
    holdings: Holdings
    trust: Trust
    tuning: Tuning

    def due(self) -> float | None:
        """When `tend` is to be called, seconds; ``None`` for not before the next input."""
        return None if self.requests.repairing else self.repairs.due()

    def resume(self, now: float) -> None:
        """The link is back: what was missed while live is to be topped up."""
        if self.tuning.live and self._live_channels():
            self.repairs.resume(now)

    def tend(self, now: float, effects: Effects) -> None:
        """Give up what was asked for in vain, and ask for what is ripe."""
        given_up = self.requests.expire(now)
        if given_up is not None and not self.repairs.watches(given_up.mends):
            effects.events.append(Trouble(error=_no_answer(self.tuning.repair_tries)))
        if not self.requests.repairing:
            self._start(now, effects)

    def _start(self, now: float, effects: Effects) -> None:
        channels = set(self.repairs.ripe(self.holdings, now))
        if self.repairs.resume_ripe(now):
            channels |= set(self._live_channels())
        for channel in self.repairs.exhausted():
            effects.events.append(Trouble(error=_repair_failed(channel, self.tuning.repair_tries)))
        if channels:
            self.requests.add(self._job(tuple(sorted(channels)), now))

    def _job(self, channels: tuple[str, ...], now: float) -> Job:
        """Ask for what was wanted of these channels; for everything where a token stands for just that."""
        names = self.holdings.names()
        everything = set(channels).issuperset(names) and all(
            self.holdings.by_channel[name].wants_all for name in names
        )
        if everything and self.requests.has_token(None, self.trust.tokens):
            primed = self.trust.primed
            return Job(id=0, channels=None, repair=True, mends=channels, primed=primed, started=now)
        return Job(id=0, channels=channels, wanted_only=True, repair=True, mends=channels, started=now)

    def _live_channels(self) -> list[str]:
        """Those that are gone as well: they may have come back."""
        return [name for name, held in self.holdings.by_channel.items() if held.wanted.open_ended]


def _no_answer(tries: int) -> Unavailable:
    return Unavailable(
        f"the service did not answer {tries} requests for missing records",
        code="no_answer",
        hint="they are asked for again after the next connection, push or sync",
    )


def _repair_failed(channel: str, tries: int) -> Unavailable:
    return Unavailable(
        f"records of {channel!r} are missing and did not come in {tries} tries",
        code="repair_failed",
        hint="it is tried again after the next connection, push or sync of that channel",
    )
