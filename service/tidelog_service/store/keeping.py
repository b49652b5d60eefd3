"""What an operator says of how long logs are kept, also beside a running service, which then sees to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from peewee import Expression

from tidelog.wire.errors import UsageError
from tidelog_service.store import enrolment
from tidelog_service.store.archive import LogArchive
from tidelog_service.store.database import Database
from tidelog_service.store.models import Channel

KEEP_DAYS_MAX: Final = 36_500
KEEP_RECORDS_MAX: Final = 2**40
KEEP_BYTES_MAX: Final = 2**50
"""As many as a log can have, and as much as a disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept of a channel.

    Attributes:
        floor: the lowest seq that is kept.
        body_bytes: of the bodies that are in the store.
        keep_days: as `tidelog_service.engine.retention.Policy` has it; ``None``: as configured.
        keep_records: see above.
        keep_bytes: see above.
    """

    floor: int
    body_bytes: int
    keep_days: int | None = None
    keep_records: int | None = None
    keep_bytes: int | None = None


_COLUMNS: Final = (
    Channel.floor,
    Channel.body_bytes,
    Channel.keep_days,
    Channel.keep_records,
    Channel.keep_bytes,
)


def keepings(database: Database) -> dict[str, Keeping]:
    """What is kept of each channel, by name."""
    rows = database.select(Channel.select(Channel.name, *_COLUMNS))
    return {name: _keeping(fields) for name, *fields in rows}


def set_keeping(database: Database, channel: str, bounds: dict[str, int | None]) -> Keeping:
    """Say what is kept of a channel from now on.

    Args:
        database: a service may run on it.
        channel: its name.
        bounds: what to change of ``keep_days``, ``keep_records`` and ``keep_bytes``; ``None`` for what is
            configured.

    Returns:
        what holds now.

    Raises:
        UsageError: ``no_channel``.
    """
    with _changing(database):
        this, _ = _found(database, channel)
        if bounds:
            database.write(Channel.update(bounds).where(this))
        ((*fields,),) = database.select(Channel.select(*_COLUMNS).where(this))
    return _keeping(fields)


def trim(database: Database, channel: str, *, before: int = 0, older_than_ms: int = 0) -> int:
    """Keep nothing of a channel below a seq, or of before a time.

    The records are deleted by the service that runs, or by `sweep`. Head and numbering stay.

    Args:
        database: a service may run on it.
        channel: its name.
        before: a seq; one above the head leaves nothing.
        older_than_ms: Unix milliseconds.

    Returns:
        the floor now; it never falls.

    Raises:
        UsageError: ``no_channel``.
    """
    archive = LogArchive(database)
    with _changing(database):
        this, (log_id, floor, head) = _found(database, channel)
        young = archive.first_since(log_id, floor, head + 1, older_than_ms) if older_than_ms else 0
        floor = max(floor, min(max(before, young), head + 1))
        database.write(Channel.update(floor=floor).where(this))
    return floor


def sweep(database: Database, channel: str) -> None:
    """Delete what lies below a channel's floor; nothing else may serve from the database.

    Raises:
        UsageError: ``no_channel``.
    """
    archive = LogArchive(database)
    this, (log_id, *_) = _found(database, channel)
    waits: Expression = this & (Channel.swept < Channel.floor)
    while database.select(Channel.select(Channel.id).where(waits)):
        archive.sweep(log_id)


@contextmanager
def _changing(database: Database) -> Iterator[None]:
    with database.transaction():
        yield
        enrolment.bump(database)


def _found(database: Database, channel: str) -> tuple[Expression, tuple[int, int, int]]:
    """What tells the channel from others, and its key, floor and head."""
    this: Expression = Channel.name == channel
    rows = database.select(Channel.select(Channel.id, Channel.floor, Channel.head).where(this))
    if not rows:
        raise UsageError(
            f"there is no channel {channel!r}",
            code="no_channel",
            hint="`tidelog channel list` shows those there are, `tidelog channel add` adds one",
        )
    key, floor, head = rows[0]
    return this, (key, floor, head)


def _keeping(fields: list[Any]) -> Keeping:
    floor, body_bytes, days, records, size = fields
    return Keeping(floor=floor, body_bytes=body_bytes, keep_days=days, keep_records=records, keep_bytes=size)
