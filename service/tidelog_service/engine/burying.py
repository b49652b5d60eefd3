"""Which records of a device's are dead, by edits and deletes that it lacks (SPEC.md, "Page")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidelog.wire import runs
from tidelog.wire.limits import SEQ_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import voided_by
from tidelog.wire.standings import Standing
from tidelog_service.engine.drafts import Draft
from tidelog_service.engine.ports import Log, Store
from tidelog_service.engine.telling import NAME_BYTES, tell_more, told_bytes

_REVISIONS_MAX: Final = 1_024
"""Edits and deletes looked at for a page: a millisecond."""

_REVISIONS_BYTES_MAX: Final = 1 << 16
"""Of their bodies: as sets of single seqs they take some 80 ms to read."""

_REVISION_LOOKS: Final = 32
"""Bytes of them that take as long as a held record."""


def bury(made: Draft, store: Store, *, room: int) -> int:
    """Say which records of the device's are dead, by edits and deletes that it lacks.

    The service has no such records any more, and the device does not know it: else they would prime on one
    side alone. Where that cannot be said here, nothing primes the page.

    Args:
        made: told of its channels already.
        store: asked by index.
        room: bytes of the header.

    Returns:
        what is left of the room.

    Raises:
        Unavailable: the store failed.
    """
    records_left, bytes_left = _REVISIONS_MAX, _REVISIONS_BYTES_MAX
    for log, standing in _revised(made):
        have, unknown = _reach(log, standing)
        found = store.revisions(log.id, unknown, records_max=records_left, bytes_max=bytes_left)
        size = sum(len(row.body) for row in found)
        records_left -= len(found)
        bytes_left -= size
        made.looked += len(found) + size // _REVISION_LOOKS
        if records_left <= 0 or bytes_left <= 0:
            made.primable = False
            return room
        dead = voided_by((row.kind, row.body) for row in found) & have
        cost = told_bytes(log, made.places.get(log.name)) + len(runs.encode(dead)) + NAME_BYTES
        if dead and cost > room:
            made.primable = False
        elif dead:
            room -= cost
            tell_more(made, standing, dead=dead)
    return room


def _revised(made: Draft) -> Iterator[tuple[Log, Standing]]:
    """The channels of the account where records may be dead, as the header has told of them so far."""
    told = {one.channel for one in made.told}
    for standing in made.inquiry.account:
        log = made.logs.get(standing.channel)
        if log is None or not log.revisions or not standing.have or standing.epoch != log.epoch:
            continue
        if log.name in made.gone:
            continue
        if standing.gone and made.places[log.name] not in told:
            continue
        yield log, standing


def _reach(log: Log, standing: Standing) -> tuple[RangeSet, RangeSet]:
    """The seqs that the device has, and those that it lacks and that may be about them."""
    # Of what lies below all that the device has, nothing can be about it.
    first = max(log.floor, standing.have.runs[0][0])
    # What becomes of it after the user has left is told too: there is no such record any more.
    stop = SEQ_STOP if log.left else log.head + 1
    have = standing.have & RangeSet([(first, max(first, log.head + 1))])
    return have, RangeSet([(first, max(first, stop))]) - have
