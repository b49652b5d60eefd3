"""What the header of a page tells of channels, as far as there is room (SPEC.md, "Page")."""

from __future__ import annotations

from itertools import accumulate, takewhile
from typing import Final

from tidelog.wire import cbor
from tidelog.wire.limits import STATEMENTS_MAX
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Standing, Told
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.ports import Log

NO_BOUND: Final = 1 << 30
"""Room for all that there is to tell, where nothing is sent."""

NAME_BYTES: Final = 3
"""The length before a string, generously."""


def miss(made: Draft, *, room: int) -> int:
    """Name channels of the account that are not to be had, as far as there is room.

    Args:
        made: gets ``gone``; nothing primes it where there is no room for all of them.
        room: bytes of the header.

    Returns:
        what is left of the room.
    """
    known = made.inquiry.account
    missing = [one.channel for one in known if not one.gone and _is_over(made, one)]
    sizes = accumulate(NAME_BYTES + len(name.encode()) for name in missing)
    fitting = list(takewhile(lambda size: size <= room, sizes))
    made.gone = tuple(missing[: len(fitting)])
    made.untold = len(made.gone) < len(missing)
    made.primable = not made.untold
    return room - (fitting[-1] if fitting else 0)


def _is_over(made: Draft, standing: Standing) -> bool:
    """Whether nothing of a channel can ever come again.

    That of one that the user has left is over when the device has it all. It then primes nothing either: what
    is deleted there is not told any more. Who asks for it by name asks for what there is.
    """
    log = made.logs.get(standing.channel)
    if log is None:
        return True
    whole = RangeSet([(log.floor, log.head + 1)])
    return (
        log.left
        and made.inquiry.terms.everywhere
        and standing.epoch == log.epoch
        and not whole - standing.have
    )


def tell(made: Draft, *, room: int) -> int:
    """Say what is new of channels beside records, as far as there is room.

    An account that is full gets no more channels that the device does not know.

    Args:
        made: gets ``told``, and ``hidden`` where there is no room.
        room: bytes of the header.

    Returns:
        what is left of the room.
    """
    account = made.inquiry.account
    free = STATEMENTS_MAX - sum(not one.gone for one in account) + len(made.gone)
    over = {one.channel for one in account if _is_over(made, one)}
    for log in _in_order(made):
        standing = account.get(log.name)
        if standing is not None and (standing.epoch, standing.floor) == (log.epoch, log.floor):
            continue
        if standing is not None and log.name in over:
            continue
        if standing is None and made.passing is not None and log.name not in made.passing:
            continue
        takes_place = standing is None or standing.gone
        if takes_place and free <= 0:
            continue
        cost = told_bytes(log, made.places.get(log.name))
        if made.hidden or cost > room:
            made.untold = True
            made.primable = made.primable and takes_place
            made.hidden.append(log)
            continue
        room -= cost
        free -= takes_place
        named = log.name if standing is None else made.places[log.name]
        made.told.append(Told(named, log.epoch, log.floor))
    return room


def _in_order(made: Draft) -> list[Log]:
    """The channels as they are told.

    What became of the device's own goes first, as pages are made for what it holds; then those that it does
    not know, the ones written last first.
    """
    account = made.inquiry.account
    by_place = made.places if made.inquiry.terms.rule.by_channel else {}
    return sorted(
        made.logs.values(),
        key=lambda log: (log.name not in account, by_place.get(log.name, 0), -log.time, log.name),
    )


def tell_more(made: Draft, standing: Standing, *, voids: RangeSet = EMPTY, dead: RangeSet = EMPTY) -> None:
    """Add to what the header tells of a channel of the account.

    Args:
        made: the page's draft; there is room for it.
        standing: the channel's.
        voids: seqs that need no record any more.
        dead: seqs whose records the device holds, and is to hold no longer.
    """
    told = Told(made.places.get(standing.channel, standing.channel), standing.epoch, standing.floor)
    at = next((at for at, one in enumerate(made.told) if one.channel == told.channel), None)
    if at is None:
        made.told.append(told._replace(voids=voids, dead=dead))
    else:
        before = made.told[at]
        made.told[at] = before._replace(voids=before.voids | voids, dead=before.dead | dead)


def told_bytes(log: Log, place: int | None) -> int:
    """What it takes to tell of a channel beside its voids, by its place in the account or its name."""
    named = NAME_BYTES + len(log.name.encode()) if place is None else cbor.head_bytes(place)
    return 1 + named + cbor.head_bytes(log.epoch) + cbor.head_bytes(log.floor)
