"""Expanding a parcel after the records that it names, where they are its user's (SPEC.md, "Parcel")."""

from __future__ import annotations

from collections.abc import Iterator

from tidelog.codec.parcels import expand, refusal
from tidelog.codec.preset import Held, Preset, walk
from tidelog.wire.frames import KIND_DELETE, Messages
from tidelog.wire.limits import PARCEL_CONTEXT_BYTES_MAX, PARCEL_CONTEXT_RECORDS_MAX
from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Log, Store, Terminal


def opened(parcel: Parcel, terminal: Terminal, store: Store) -> Messages:
    """Make messages of a parcel.

    Args:
        parcel: from a device, of any content.
        terminal: that device.
        store: asked for the channel of the basis first, and for records only where the user is a member.

    Raises:
        ProtocolError: with code CONTEXT where the records are not to be had, are others than the device has,
            or are none of its user's; else as `tidelog.codec.parcels.expand`.
        Unavailable: the store failed.
    """
    return expand(parcel, _preset(parcel.basis, terminal, store) if parcel.basis else None)


def _preset(basis: Basis, terminal: Terminal, store: Store) -> Preset | None:
    # Who may write a channel may read it. A device builds on channels that it writes to, and one name is
    # looked up faster than all that the user may read.
    log = store.writable(terminal.user_id, [basis.channel]).get(basis.channel)
    if log is None or not log.floor <= basis.last <= log.head:
        raise refusal()
    return walk(_newest(log, RangeSet([(log.floor, basis.last + 1)]) - basis.holes, store))


def _newest(log: Log, seqs: RangeSet, store: Store) -> Iterator[Held]:
    """The records among these seqs, newest first; one read where their bodies are short."""
    while seqs:
        rows = store.rows(
            log.id,
            seqs,
            records_max=PARCEL_CONTEXT_RECORDS_MAX,
            bytes_max=PARCEL_CONTEXT_BYTES_MAX,
            newest_first=True,
        )
        if not rows:
            return
        yield from (Held(row.seq, row.time, row.body) for row in rows if row.kind != KIND_DELETE)
        seqs &= RangeSet([(0, rows[-1].seq)])
