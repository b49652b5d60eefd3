"""What a filter asks for of a log, and the device lacks (SPEC.md, "Query")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.queries import Filter
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog_service.engine.ports import Chosen, Log, Store

CHOSEN_MAX: Final = 65_536
"""Records of a channel that are looked for in the index at once: some 50 ms."""

_SEARCH_LOOKS: Final = 20
"""What finding a time takes, as records looked at."""


class Passing(NamedTuple):
    """What passes a filter and is lacking.

    Attributes:
        seqs: these; some may have no record.
        rest: seqs that were not looked at, later in the order.
        looked: how much work it was, in records looked at.
    """

    seqs: RangeSet
    rest: RangeSet = EMPTY
    looked: int = 0


def scoped(filter_: Filter, logs: Mapping[str, Log]) -> dict[str, Log]:
    """The logs that a filter is about."""
    return {name: log for name, log in logs.items() if filter_.admits(name)}


def passing(
    filter_: Filter,
    log: Log,
    store: Store,
    *,
    have: RangeSet,
    want: RangeSet | None = None,
    count_max: int = CHOSEN_MAX,
    oldest_first: bool = False,
) -> Passing:
    """Find what passes and is lacking; work grows with that, and with the runs of what is lacking.

    Args:
        filter_: of the request.
        log: as the user may read it.
        store: asked by index.
        have: what the device has accounted for of this incarnation.
        want: what it asks for; ``None`` for all.
        count_max: stop after so many; they come first in the order.
        oldest_first: which those are.

    Raises:
        ProtocolError: more of the newest are asked for than are looked for at once (code LIMIT).
        Unavailable: the store failed.
    """
    within, looked = _in_time(filter_, log, store)
    lacking = (within if want is None else within & want) - have
    if filter_.newest:
        found = _newest(filter_, log, store, within)
        return Passing(
            found.seqs & lacking, looked=looked + found.looked + found.seqs.count + len(filter_.authors)
        )
    if not lacking or not (filter_.authors or filter_.kinds):
        return Passing(lacking, looked=looked)
    chosen = store.chosen(
        log.id,
        lacking,
        authors=filter_.authors,
        kinds=filter_.kinds,
        count_max=count_max,
        newest_first=not oldest_first,
    )
    looked += len(lacking.runs) + len(filter_.authors) + chosen.looked
    return Passing(chosen.seqs, chosen.rest, looked + chosen.seqs.count)


def _in_time(filter_: Filter, log: Log, store: Store) -> tuple[RangeSet, int]:
    """The seqs of the log from since until until, and what finding them took."""
    start, stop = log.floor, max(log.floor, log.head + 1)
    looked = 0
    if start < stop and filter_.since:
        start = stop if log.time < filter_.since else store.first_at(log.id, (start, stop), filter_.since)
        looked += _SEARCH_LOOKS
    if start < stop and filter_.until and filter_.until <= log.time:
        stop = store.first_at(log.id, (start, stop), filter_.until)
        looked += _SEARCH_LOOKS
    return RangeSet([(start, stop)]), looked


def _newest(filter_: Filter, log: Log, store: Store, within: RangeSet) -> Chosen:
    if not (filter_.authors or filter_.kinds):
        return Chosen(within.newest(filter_.newest), EMPTY)
    if filter_.newest > CHOSEN_MAX:
        text = f"the newest {filter_.newest} of authors or kinds: at most {CHOSEN_MAX}"
        raise ProtocolError(text, wire_code=Code.LIMIT)
    if not within:
        return Chosen(EMPTY, EMPTY)
    return store.chosen(
        log.id,
        within,
        authors=filter_.authors,
        kinds=filter_.kinds,
        count_max=filter_.newest,
        newest_first=True,
    )
