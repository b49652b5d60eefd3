"""Whole bodies of records: from the store, and what is not there from the service first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from tidelog.bodies import Progress, follow, held_record, pieces
from tidelog.reading import holding_of
from tidelog.replica.downloads import BodyJob
from tidelog.replica.revisions import shown
from tidelog.shell import Shell
from tidelog.wire.errors import Unavailable
from tidelog.wire.stubs import stub_of


class BodyFetching:
    """Fetches large bodies; any thread may call.

    Args:
        shell: the device's.
    """

    def __init__(self, shell: Shell) -> None:
        """See the class."""
        self._shell = shell

    def body(self, channel: str, seq: int, progress: Progress | None, timeout: float) -> Iterable[bytes]:
        """The body of a record, in parts; see `tidelog.Device.fetch_body` for the arguments and errors."""
        store = self._shell.store
        holding = holding_of(store, channel)
        record, epoch = held_record(store, holding, seq)
        stub = stub_of(record.kind, record.body)
        if not (record.whole if stub is None else store.got(stub.digest) == stub.size):
            job = BodyJob(id=self._shell.next_job(), channel=channel, epoch=epoch, seq=seq, stub=stub)
            self._bring(job, progress, timeout)
        if stub is not None:
            return pieces(store, stub)
        # In the epoch that it was asked of: in another one the number may be another record's.
        record, _ = held_record(store, holding, seq)
        return [shown(record).body]

    def _bring(self, job: BodyJob, progress: Progress | None, timeout: float) -> None:
        self._shell.connect(timeout)
        told = self._shell.waiting.for_body(job.id)
        try:
            self._shell.do(lambda machine, _now: machine.fetch_body(job))
            follow(told, progress, timeout)
        except Unavailable as error:
            if error.code == "timeout":
                raise self._shell.late(timeout, error) from None
            raise
        finally:
            self._shell.waiting.forget_body(job.id)
            with suppress(Unavailable):
                self._shell.do(lambda machine, _now: machine.give_up_body(job.id))
