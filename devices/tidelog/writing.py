"""What a device writes: messages, edits, deletes and marks; on the disk first, then out over the link."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from tidelog.arguments import checked_body, checked_content_type, checked_kind, checked_seq
from tidelog.bodies import Progress, as_sent
from tidelog.reading import holding_of
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Mark
from tidelog.replica.steps import Receipt, Step
from tidelog.revising import delete_body_of, edit_body_of
from tidelog.shell import Shell
from tidelog.wire.errors import TidelogError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT
from tidelog.wire.limits import TIME_MS_STOP
from tidelog.wire.ranges import Run
from tidelog.wire.stubs import stub_of
from tidelog.wire.topics import checked_channel


class Writing:
    """Writes into the outbox; any thread may call. What its methods take and raise: see `tidelog.Device`.

    Args:
        shell: the device's.
        clock: what messages are dated by, Unix milliseconds; ``None`` for the system's.
    """

    def __init__(self, shell: Shell, clock: Callable[[], int] | None) -> None:
        """See the class."""
        self._shell = shell
        self._clock = clock or _system_ms

    def send(
        self,
        channel: str,
        body: str | bytes,
        *,
        kind: int,
        content_type: str | None,
        progress: Progress | None,
    ) -> Future[Receipt]:
        """Write a message; a large body goes apart from it."""
        checked_channel(channel)
        raw, kind, media = checked_body(body), checked_kind(kind), checked_content_type(content_type)
        raw, kind, whole = as_sent(raw, kind)
        return self._write(channel, raw, kind=kind, media=media, whole=whole, progress=progress)

    def edit(self, channel: str, seq: int, body: str | bytes) -> Future[Receipt]:
        """Write an edit of a record that the device holds."""
        content = checked_body(body)
        store = self._shell.store
        raw, media = edit_body_of(store, holding_of(store, channel), seq, content)
        whole = content if stub_of(KIND_EDIT, raw) is not None else b""
        return self._write(channel, raw, kind=KIND_EDIT, media=media, whole=whole)

    def delete(self, channel: str, ranges: Iterable[Run]) -> Future[Receipt]:
        """Write a delete of what is in these ranges."""
        holding = holding_of(self._shell.store, channel)
        raw = delete_body_of(self._shell.store, holding, ranges)
        epoch = holding.epoch if holding is not None else 0
        return self._write(channel, raw, kind=KIND_DELETE, media="", epoch=epoch)

    def mark_read(self, channel: str, seq: int) -> Future[Mark]:
        """Write how far the user has read."""
        checked_channel(channel)
        checked_seq(seq)
        self._shell.start()
        waiting = self._shell.waiting
        future: Future[Mark] = Future()

        def mark(machine: Machine, now: float) -> Step:
            waiting.for_mark(channel, future)
            return machine.mark_read(channel, seq, now)

        try:
            self._shell.do(mark)
        except TidelogError:
            waiting.forget_mark(channel, future)
            raise
        return future

    def _write(
        self,
        channel: str,
        raw: bytes,
        *,
        kind: int,
        media: str,
        whole: bytes = b"",
        progress: Progress | None = None,
        epoch: int = 0,
    ) -> Future[Receipt]:
        self._shell.start()
        waiting = self._shell.waiting
        sent = min(max(0, self._clock()), TIME_MS_STOP - 1)
        future: Future[Receipt] = Future()

        def write(machine: Machine, _now: float) -> Step:
            n, step = machine.write(
                channel, raw, kind=kind, content_type=media, sent=sent, whole=whole, epoch=epoch
            )
            waiting.for_receipt(n, future, progress)
            return step

        try:
            self._shell.do(write)
        except TidelogError:
            waiting.forget_send(future)
            raise
        return future


def _system_ms() -> int:
    return time.time_ns() // 1_000_000
