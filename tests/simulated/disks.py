"""Disks of devices that are copied, as by a backup."""

from __future__ import annotations

from tidelog.replica.ports import Changes, Store
from tidelog.store.memory import MemoryStore
from tidelog.wire.limits import SEQ_STOP

_ALL = 10**9


def content(store: Store) -> Changes:
    """All that a new store needs to hold the same, but for the outbox id."""
    snapshot = store.load()
    epochs = [*((one.channel, one.epoch) for one in snapshot.holdings), *snapshot.earlier]
    records = tuple(
        (epoch, record)
        for channel, epoch in epochs
        for record in store.records(channel, epoch, start=1, stop=SEQ_STOP, limit=_ALL)
    )
    written = tuple(
        (one.channel, copy.epoch, copy.seq, copy.n)
        for one in snapshot.holdings
        for copy, _ in store.own_earlier(one.channel, -1, since=0, above=0, limit=_ALL)
    )
    return Changes(
        records=records,
        written=written,
        holdings=snapshot.holdings,
        queued=snapshot.outbox,
        next_n=snapshot.next_n,
        tokens=snapshot.tokens,
        marks=snapshot.marks,
        user=snapshot.user,
    )


def copy(store: Store) -> MemoryStore:
    """The same disk once more."""
    outbox_id = store.load().outbox_id
    made = MemoryStore(random_bytes=lambda _: outbox_id)
    made.apply(content(store))
    return made
