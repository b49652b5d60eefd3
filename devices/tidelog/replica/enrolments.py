"""What a device asks of channels and members, and what it hears of them (SPEC.md, "Enrol", "Roster").

Requests go side by side, each until its answer, and again where none comes: a repetition does no harm.
Nothing of them is on disk: whoever asked waits, and asks again where the device was started anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tidelog.replica.holdings import Holdings
from tidelog.replica.repairs import Repairs
from tidelog.replica.steps import Chance, Effects, EnrolEnded, Membership, MembershipChanged
from tidelog.replica.tuning import Tuning, backoff
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.errors import Code, TidelogError, UsageError, error_for
from tidelog.wire.frames import Fault, Part
from tidelog.wire.limits import REQUEST_ID_STOP

OPEN_MAX: Final = 256
"""Requests that may wait for their answers at once; ids must tell them apart."""

_LATER: Final = (Code.BUSY, Code.INTERNAL)


@dataclass(slots=True)
class _Open:
    """A request on its way.

    Attributes:
        job: for the application.
        frame: as it goes out; its id stays the same, as each answer to it is as good.
        due: when to send it, seconds.
        tries: how often it was sent.
    """

    job: int
    frame: Enrol
    due: float = 0.0
    tries: int = 0


class Enrolments:
    """The open requests, by id.

    Args:
        tuning: times.
        chance: for ids and jitter.
        holdings: which hear of channels that are new, or gone.
        repairs: which do not ask for those that are gone.
    """

    def __init__(self, *, tuning: Tuning, chance: Chance, holdings: Holdings, repairs: Repairs) -> None:
        """See the class."""
        self._tuning = tuning
        self._chance = chance
        self._holdings = holdings
        self._repairs = repairs
        self._open: dict[int, _Open] = {}

    def add(self, job: int, frame: Enrol) -> None:
        """Ask; the id of the frame is given here.

        Raises:
            UsageError: too many wait already (``busy``).
        """
        if len(self._open) >= OPEN_MAX:
            raise UsageError(f"{OPEN_MAX} requests wait for their answers", code="busy")
        rid = self._chance.randrange(REQUEST_ID_STOP) or 1
        while rid in self._open:
            rid = (rid + 1) % REQUEST_ID_STOP or 1
        self._open[rid] = _Open(job, replace(frame, rid=rid))

    def remove(self, job: int) -> None:
        """Nobody waits for it any more; the service may have done it all the same."""
        self._open = {rid: one for rid, one in self._open.items() if one.job != job}

    def clear(self) -> list[int]:
        """Give up everything; the jobs that were under way."""
        jobs = [one.job for one in self._open.values()]
        self._open.clear()
        return jobs

    def suspend(self) -> None:
        """The connection is gone: everything is asked again after the next one."""
        for one in self._open.values():
            one.due, one.tries = 0.0, 0

    def due(self) -> float | None:
        """When `next` is to be called, seconds; 0 for at once, ``None`` where there is nothing to ask."""
        return min((one.due for one in self._open.values()), default=None)

    def next(self, now: float) -> Iterator[Enrol]:
        """The requests to send now."""
        for one in self._open.values():
            if one.due <= now:
                one.tries += 1
                self._wait(one, now)
                yield one.frame

    def heard(self, roster: Roster, now: float, effects: Effects) -> bool:
        """Take the service's word on a channel: an answer, or news.

        Returns:
            whether it is either; a late answer is neither, and is not taken: news may have come since.
        """
        answered = self._open.pop(roster.rid, None)
        if answered is None and roster.rid:
            return False
        self._note(roster, now, effects)
        told = Membership(channel=roster.channel, role=None if roster.role is None else roster.role.word)
        effects.events.append(
            MembershipChanged(membership=told)
            if answered is None
            else EnrolEnded(job=answered.job, membership=told)
        )
        return True

    def refused(self, fault: Fault, now: float, effects: Effects) -> bool:
        """Take a fault that answers a request; whether it does."""
        refused = self._open.get(fault.rid)
        if refused is None:
            return False
        if fault.code in _LATER:
            self._wait(refused, now)
        else:
            del self._open[fault.rid]
            effects.events.append(EnrolEnded(job=refused.job, error=_error(fault)))
        return True

    def _note(self, roster: Roster, now: float, effects: Effects) -> None:
        """A new channel is known from now on; one that may not be read is gone until an answer has it."""
        name, known = roster.channel, self._holdings.get(roster.channel)
        if not roster.epoch:
            self._repairs.forget([name])
            holding = self._holdings.mark(name, gone=True)
        elif known is None:
            holding, *_ = self._holdings.accept(Part(channel=name, epoch=roster.epoch, head=0))
        else:
            holding = self._holdings.mark(name, gone=False)
            self._repairs.look(name, self._holdings, now, epoch=roster.epoch)
        if holding is not None:
            effects.holdings[name] = holding

    def _wait(self, one: _Open, now: float) -> None:
        tuning = self._tuning
        one.due = now + backoff(tuning.answer_timeout, max(1, one.tries), tuning.backoff_max, self._chance)


def _error(fault: Fault) -> TidelogError:
    if fault.code is Code.CONFLICT:
        hint = "take another name; it may be another user's, or was made with other members or another role"
        return UsageError(fault.text or "the name is taken", code="channel_exists", hint=hint)
    return error_for(fault.code, fault.text)
