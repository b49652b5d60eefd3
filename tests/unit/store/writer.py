"""A child process that writes to a store until it is killed: ``writer.py PATH``.

For each step it applies a record, the have-set that holds it and an outbox entry, and only then prints the
step's number. Tests start it; it is no test itself.
"""

from __future__ import annotations

import sys

from tidelog.replica.ports import Changes, Holding, OutboxEntry, Record
from tidelog.store import SqliteStore
from tidelog.wire.ranges import RangeSet


def step(number: int) -> Changes:
    """The changes of step ``number``, from 1."""
    body = b"%d" % number * 50
    return Changes(
        records=(
            (
                1,
                Record(
                    channel="room1", seq=number, author="ann", time=number, sent=number, kind=0, body=body
                ),
            ),
        ),
        holdings=(Holding(channel="room1", epoch=1, have=RangeSet([(1, number + 1)]), head=number),),
        queued=(OutboxEntry(n=number, channel="room1", kind=0, sent=0, content_type="", body=body),),
        settled=(number - 1,),
        next_n=number + 1,
    )


def main(path: str) -> None:
    """Write for ever."""
    store = SqliteStore(path, device="a1phone")
    number = store.load().next_n
    while True:
        store.apply(step(number))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(sys.argv[1])
