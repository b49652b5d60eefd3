"""What the service believes a device has of a channel, what it lacks, and why; for the operator alone.

The service knows what a device has from what the device said with its last request, and what it has sent
since (SPEC.md, "Tokens"). Live pushes are not in it: whether they arrived is known with the next request. The
first answer to a device counts as arrived: where it did not, the device has no token, and states everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing
from tidelog_service.engine.tokens import Kept


class Membership(NamedTuple):
    """A user in a channel, or one who was or never was, and how the channel stands.

    Attributes:
        channel_id: the store's key.
        channel: its name.
        epoch: its incarnation.
        head: the highest seq given.
        floor: the lowest seq that is kept for anybody.
        role: ``reader``, ``writer``, ``owner``; empty for no member.
        first: the lowest seq that the user may read.
        last: the highest, for one who left; ``None`` for no end.
    """

    channel_id: int
    channel: str
    epoch: int
    head: int
    floor: int
    role: str
    first: int = 1
    last: int | None = None


class Claim:
    """A token of the device.

    Args:
        kept: what it stands for.
        used_ms: when that last changed, Unix milliseconds.

    Attributes:
        terms: what the device asks for by it.
        proven: what it has.
        latest: what it has once the latest page has arrived.
        used_ms: as given.
    """

    __slots__ = ("latest", "proven", "terms", "used_ms")

    def __init__(self, kept: Kept, used_ms: int) -> None:
        """See the class."""
        self.terms = kept.terms
        self.latest = kept.pending[-1].applied(kept.base) if kept.pending else kept.base
        self.proven = self.latest if kept.arrived else kept.base
        self.used_ms = used_ms


class Reason(StrEnum):
    """Why a device has, or may have, something else than the channel holds; the words that operators see."""

    COMPLETE = "complete"
    EMPTY = "empty"
    NEVER_ASKED = "never_asked"
    OUT_OF_SCOPE = "out_of_scope"
    NEW_EPOCH = "new_epoch"
    NOT_YET = "not_yet"
    UNCONFIRMED = "unconfirmed"
    WROTE = "wrote"
    HOLES = "holes"
    NEWEST_ONLY = "newest_only"
    FLOOR = "floor"
    WINDOW = "window"
    LEFT = "left"
    NOT_MEMBER = "not_member"
    READER = "reader"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A device and a channel; all sets are of seqs that exist.

    Attributes:
        membership: of the device's user.
        readable: what the user may read and the service keeps, in a window or not.
        has: what the device has proven to have of that.
        sent: what its last request told beyond that, and what pages have brought it since, as long as no
            request has said that they arrived.
        wrote: what it wrote itself and has not spoken of since: it holds that, as it kept it for the receipt.
        lacks: what it asks for and gets with the next request.
        unasked: what it lacks and does not ask for.
        gone: what is no more for anybody, below the floor.
        shut: what is kept and not for this user.
        copies: what the device has all the same of what is gone or shut.
        asked_ms: when what is known of the channel last changed, Unix milliseconds; 0 for never.
        newest: the newest so many seqs are all that it asks for; 0 for no such bound.
        reasons: what explains the difference, the weightiest first.
    """

    membership: Membership
    readable: RangeSet
    has: RangeSet
    sent: RangeSet
    wrote: RangeSet
    lacks: RangeSet
    unasked: RangeSet
    gone: RangeSet
    shut: RangeSet
    copies: RangeSet
    asked_ms: int
    newest: int
    reasons: tuple[Reason, ...]


def insight(
    membership: Membership, claims: Sequence[Claim], *, written: RangeSet = EMPTY, revoked: bool = False
) -> Insight:
    """Hold what the service keeps of a channel against what the device is known to have.

    Args:
        membership: of the device's user.
        claims: the device's tokens, the one used last first.
        written: what the device itself wrote there, as far as that is remembered.
        revoked: whether the device may do nothing any more.
    """
    readable = _readable(membership)
    claim = next((one for one in claims if membership.channel in one.latest), None)
    standing = claim.proven.get(membership.channel) if claim is not None else None
    had = _had(standing, membership)
    sent = _had(claim.latest.get(membership.channel), membership) - had if claim is not None else EMPTY
    # Until it has heard of another epoch, what it wrote is none of this one to it.
    ours = standing is None or standing.epoch == membership.epoch
    wrote = (written & readable) - had - sent if ours else EMPTY
    missing = readable - had - sent - wrote
    newest = claim.terms.rule.newest if claim is not None else 0
    asked_for = _run(max(1, membership.head + 1 - newest), membership.head + 1) if newest else readable
    existing = _run(1, membership.head + 1)
    gone = existing & _run(1, membership.floor)
    found = _Difference(
        membership=membership,
        standing=standing,
        readable=readable,
        has=had & readable,
        sent=sent & readable,
        wrote=wrote,
        lacks=missing & asked_for,
        unasked=missing - asked_for,
    )
    return Insight(
        membership=membership,
        readable=readable,
        has=found.has,
        sent=found.sent,
        wrote=wrote,
        lacks=found.lacks,
        unasked=found.unasked,
        gone=gone,
        shut=existing - gone - readable,
        copies=(had & existing) - readable,
        asked_ms=claim.used_ms if claim is not None else 0,
        newest=newest,
        reasons=tuple(found.reasons(claims, revoked=revoked)),
    )


class _Difference(NamedTuple):
    """What explains an insight."""

    membership: Membership
    standing: Standing | None
    readable: RangeSet
    has: RangeSet
    sent: RangeSet
    wrote: RangeSet
    lacks: RangeSet
    unasked: RangeSet

    def reasons(self, claims: Sequence[Claim], *, revoked: bool) -> list[Reason]:
        """In the order in which an operator would ask."""
        one = self.membership
        found = [
            (revoked, Reason.REVOKED),
            (not one.role, Reason.NOT_MEMBER),
            (one.last is not None, Reason.LEFT),
            *self._missing(claims),
            (bool(self.sent), Reason.UNCONFIRMED),
            (bool(self.wrote), Reason.WROTE),
            (bool(self.unasked), Reason.NEWEST_ONLY),
            (one.floor > 1 and one.head > 0, Reason.FLOOR),
            (one.first > one.floor and one.head > 0, Reason.WINDOW),
            (one.role == "reader", Reason.READER),
        ]
        reasons = [reason for holds, reason in found if holds]
        if one.role and not self.readable:
            reasons.append(Reason.EMPTY)
        elif one.role and self.has == self.readable:
            reasons.insert(0, Reason.COMPLETE)
        return reasons

    def _missing(self, claims: Sequence[Claim]) -> list[tuple[bool, Reason]]:
        """Why it lacks what it lacks."""
        if not self.lacks and not self.unasked:
            return []
        if self.standing is None:
            everywhere = any(claim.terms.everywhere for claim in claims)
            return [(True, Reason.OUT_OF_SCOPE if claims and not everywhere else _unheard(claims))]
        if self.standing.epoch != self.membership.epoch:
            return [(True, Reason.NEW_EPOCH)]
        later = self.standing.have.stop
        return [
            (self.lacks.stop > later, Reason.NOT_YET),
            (bool(self.lacks & _run(1, later)), Reason.HOLES),
        ]


def _unheard(claims: Sequence[Claim]) -> Reason:
    """A channel that no token knows: the device is new to it, or the channel to the device."""
    return Reason.NOT_YET if claims else Reason.NEVER_ASKED


def _had(standing: Standing | None, membership: Membership) -> RangeSet:
    """What a device has of the channel as it is: seqs of another incarnation are other records."""
    return standing.have if standing is not None and standing.epoch == membership.epoch else EMPTY


def _readable(one: Membership) -> RangeSet:
    if not one.role and one.last is None:
        return EMPTY
    head = one.head if one.last is None else min(one.head, one.last)
    return _run(max(one.floor, one.first), head + 1)


def _run(start: int, stop: int) -> RangeSet:
    return RangeSet([(start, max(start, stop))])
