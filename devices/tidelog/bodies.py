"""Large bodies as the application sends and fetches them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from tidelog.replica.ports import Holding, Record, Shelf
from tidelog.replica.steps import BodyCame, BodyEnded
from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_STUB
from tidelog.wire.limits import BODY_BYTES_MAX
from tidelog.wire.stubs import Stub, stub_body, stub_for

Progress = Callable[[int, int], None]
"""Told how many bytes of a body are there, and of how many."""

Told = SimpleQueue[BodyCame | BodyEnded]
"""What happens to a body that is being fetched."""

_READ_BYTES: Final = 1 << 20
"""Read from the store at a time."""


def as_sent(raw: bytes, kind: int) -> tuple[bytes, int, bytes]:
    """How a body goes: as it is, or as a stub and its bytes apart.

    Returns:
        the message's body and kind, and the large body; empty for none.
    """
    if len(raw) <= BODY_BYTES_MAX:
        return raw, kind, b""
    return stub_body(stub_for(raw, kind=kind)), KIND_STUB, raw


def held_record(shelf: Shelf, holding: Holding | None, seq: int) -> tuple[Record, int]:
    """A record as it is in the store, and its log's epoch.

    Raises:
        UsageError: the device does not hold it (``no_record``).
        Unavailable: the store failed.
    """
    epoch = holding.epoch if holding is not None else 0
    found = (
        shelf.records(holding.channel, epoch, start=seq, stop=seq + 1, limit=1) if holding is not None else []
    )
    if not found or found[0].kind == KIND_DELETE:
        raise UsageError(
            f"there is no record {seq} on this device",
            code="no_record",
            hint="sync first; a record that was edited has the number of its last edit",
        )
    return found[0], epoch


def follow(told: Told, progress: Progress | None, timeout: float) -> None:
    """Wait until a body is whole.

    Args:
        told: what the driver tells.
        progress: called on this thread, which waits.
        timeout: seconds that may pass without progress.

    Raises:
        Unavailable: they passed (``timeout``).
        TidelogError: the fetch failed.
    """
    while True:
        try:
            event = told.get(timeout=timeout)
        except Empty:
            raise Unavailable(
                f"nothing of the body came within {timeout:g} s",
                code="timeout",
                hint="what arrived is kept: another call goes on from there",
            ) from None
        if isinstance(event, BodyEnded):
            if event.error is not None:
                raise event.error
            return
        if progress is not None:
            progress(event.got, event.size)


def pieces(shelf: Shelf, stub: Stub) -> Iterator[bytes]:
    """The bytes of a body that is whole in the store.

    Raises:
        UsageError: it went meanwhile, with the last record that has it (``no_record``).
        Unavailable: the store failed.
    """
    for at in range(0, stub.size, _READ_BYTES):
        stop = min(at + _READ_BYTES, stub.size)
        part = shelf.part(stub.digest, at, stop)
        if len(part) < stop - at:
            raise UsageError(
                "the record has gone, and its body with it",
                code="no_record",
                hint="it was edited, deleted or dropped; one that was edited has the number of its last edit",
            )
        yield part


def save(parts: Iterable[bytes], path: Path) -> int:
    """Write a body into a file, which is there when all of it is; until then one that exists stays as it is.

    Returns:
        how many bytes it has.

    Raises:
        OSError: the file cannot be written.
        TidelogError: from ``parts``.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            return sum(map(device.write, parts))
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:
            size = sum(map(file.write, parts))
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return size
