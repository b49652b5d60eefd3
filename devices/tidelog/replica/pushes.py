"""What a live push does: its records are taken, and what they show to be missing is looked for.

See SPEC.md, "Push", "Primed push" and "Live push".
"""

from __future__ import annotations

from dataclasses import dataclass

from tidelog.replica.holdings import Holdings
from tidelog.replica.priming import Priming
from tidelog.replica.repairs import Repairs
from tidelog.replica.steps import Effects
from tidelog.wire.frames import Part
from tidelog.wire.primed import PrimedPush
from tidelog.wire.ranges import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """Takes what comes without having been asked for.

    Attributes:
        holdings: what pushes add to.
        repairs: which look for what they show to be missing.
        priming: reads those that are told after records which the device holds.
    """

    holdings: Holdings
    repairs: Repairs
    priming: Priming

    def take(self, part: Part, now: float, effects: Effects) -> None:
        """Take what a push says of a channel; nothing where it speaks of another epoch."""
        if self.holdings.speaks_of(part.channel, part.epoch):
            before = self.holdings.get(part.channel)
            holding, fresh, voided = self.holdings.accept(part)
            effects.arrived(part.epoch, fresh)
            effects.voided(part.channel, part.epoch, voided)
            if holding != before:
                effects.holdings[part.channel] = holding
        self.repairs.look(part.channel, self.holdings, now, epoch=part.epoch)

    def take_primed(self, frame: PrimedPush, now: float, effects: Effects) -> None:
        """Take a primed push; where it cannot be read, begin to wait for what it lacks."""
        holding = self.holdings.get(frame.channel)
        part = self.priming.read(frame, holding)
        if part is not None:
            self.take(part, now, effects)
            return
        # Nothing of it is known for sure, not even its epoch: it only is a reason to ask.
        heard = self.holdings.hear(frame.channel, frame.seqs)
        if heard is not None:
            effects.holdings[frame.channel] = heard
        have = holding.have if holding is not None else EMPTY
        doubtful = not (frame.context - have and frame.seqs - have)
        self.repairs.unread(frame.channel, frame.seqs, now, doubtful=doubtful)

    def take_waiting(self, now: float, effects: Effects) -> None:
        """Take the primed pushes that what arrived in this step makes readable."""
        for part in self.priming.again(self.holdings, effects.records):
            self.take(part, now, effects)
