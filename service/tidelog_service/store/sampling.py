"""Records to train a dictionary on, read from their channels' ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from tidelog.codec.context import BODY_BYTES_MAX
from tidelog.wire.errors import UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_STUB
from tidelog.wire.ranges import RangeSet
from tidelog_service.engine.ports import Row
from tidelog_service.store.database import Database, Fields
from tidelog_service.store.models import Channel
from tidelog_service.store.records import RecordStore
from tidelog_service.training.samples import SAMPLES_BYTES_MAX, Progress, Sample, silent

_BATCH: Final = 2_000


def sample(
    database: Database,
    patterns: Sequence[str],
    *,
    bytes_max: int = SAMPLES_BYTES_MAX,
    progress: Progress = silent,
) -> list[Sample]:
    """The newest records of each channel, as many bytes of one as of another where there are so many.

    Edits, deletes, empty bodies and those over 1,024 bytes, which never are context, are left out.

    Args:
        database: open; a service may run on it.
        patterns: channels as in a shell: ``*`` stands for anything, also for ``/``. None for all.
        bytes_max: of bodies read.
        progress: told of the channels read.

    Raises:
        UsageError: no channel fits (``no_channel``).
    """
    logs = _matching(database, patterns)
    store, left = RecordStore(database), bytes_max
    found: list[Sample] = []
    # The shortest first: what they leave of their shares goes to those after them.
    for done, log in enumerate(sorted(logs, key=_length)):
        progress("reading", done, len(logs))
        for row in _newest(store, log, left // (len(logs) - done)):
            left -= len(row.body)
            if _is_useful(row):
                found.append(Sample(row.time, log[1], row.seq, row.author, row.body))
    progress("reading", len(logs), len(logs))
    return sorted(found)


def _matching(database: Database, patterns: Sequence[str]) -> list[Fields]:
    query = Channel.select(Channel.id, Channel.name, Channel.floor, Channel.head).order_by(Channel.name)
    logs = [
        log
        for log in database.select(query)
        if not patterns or any(fnmatchcase(log[1], pattern) for pattern in patterns)
    ]
    if not logs:
        raise UsageError(
            "there is no channel to train on"
            if not patterns
            else f"no channel is called {', '.join(patterns)}",
            code="no_channel",
            hint="`tidelog channel list` shows those there are",
        )
    return logs


def _length(log: Fields) -> tuple[int, str]:
    _, name, floor, head = log
    return head - floor, name


def _newest(store: RecordStore, log: Fields, bytes_max: int) -> Iterator[Row]:
    """The records at the end of a log, backwards."""
    channel_id, _, floor, head = log
    stop = head + 1
    while bytes_max > 0 and floor < stop:
        wanted = RangeSet([(floor, stop)])
        rows = store.rows(channel_id, wanted, records_max=_BATCH, bytes_max=bytes_max, newest_first=True)
        if not rows:
            return
        yield from rows
        bytes_max -= sum(len(row.body) for row in rows) + len(rows)
        stop = rows[-1].seq


def _is_useful(row: Row) -> bool:
    return row.kind not in (KIND_EDIT, KIND_DELETE, KIND_STUB) and 0 < len(row.body) <= BODY_BYTES_MAX
