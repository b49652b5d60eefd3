"""The public face: a device that keeps its message logs in step.

Example:
    >>> with Device("mqtt://127.0.0.1:1883", device="a1phone", secret="...", store="phone.db") as phone:
    ...     receipt = phone.send("room1", "hello").result(timeout=10)
    ...     report = phone.sync()
    ...     for record in phone.records("room1"):
    ...         print(record.seq, record.author, record.text)
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tidelog.arguments import (
    checked_body,
    checked_budget,
    checked_content_type,
    checked_context,
    checked_kind,
    checked_mode,
    checked_page,
    checked_seq,
    checked_seqs,
    offered_codecs,
)
from tidelog.bodies import Progress, as_sent, follow, held_record, pieces
from tidelog.callbacks import Callbacks
from tidelog.channels import Channel, channels_of, marks_of
from tidelog.choice import Choice, Time, chosen
from tidelog.driver import Command, Driver, T
from tidelog.earlier import epochs_of, stranded_of
from tidelog.enrolling import Enrolling, RoleWord, enrol
from tidelog.mqtt.paho import PahoTransport
from tidelog.replica.amends import AuditJob
from tidelog.replica.costs import bytes_full
from tidelog.replica.downloads import BodyJob
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Holding, Mark, OutboxEntry, Record, Store, Transport
from tidelog.replica.requests import Job
from tidelog.replica.revisions import shown, shown_entry
from tidelog.replica.steps import (
    Arrived,
    AuditEnded,
    AuditReport,
    BodyCame,
    BodyEnded,
    BodyWent,
    EnrolEnded,
    Event,
    Listing,
    Marked,
    MarkSettled,
    Membership,
    MembershipChanged,
    Preview,
    Receipt,
    Receipted,
    Refused,
    Renumbered,
    Step,
    SyncEnded,
    SyncReport,
    Trouble,
)
from tidelog.replica.surveys import Survey, Want
from tidelog.replica.tuning import Tuning
from tidelog.revising import delete_body_of, edit_body_of
from tidelog.store.memory import MemoryStore
from tidelog.store.sqlite import SqliteStore
from tidelog.waiting import LinkState, Waiting
from tidelog.wire.enrolling import Action, Enrol
from tidelog.wire.errors import TidelogError, Unavailable, UsageError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_MESSAGE, Presence
from tidelog.wire.limits import PAGE_BYTES_DEFAULT, SEQ_STOP, TIME_MS_STOP
from tidelog.wire.queries import Depth
from tidelog.wire.ranges import RangeSet
from tidelog.wire.stubs import stub_of
from tidelog.wire.topics import checked_channel, checked_device
from tidelog.wire.url import BrokerUrl

_LOCAL_SECONDS = 30.0
"""How long a call waits for the device's own thread and disk."""

_READ_RECORDS = 256
"""Records read from the store at a time."""


class Device:
    """A device: sends messages, keeps its logs in step, works while the link is down.

    Args:
        url: ``mqtt://``, ``mqtts://``, ``ws://`` or ``wss://`` with host and port; ``?v=5`` for MQTT 5.
        device: the device's id: 1 to 23 of ``[a-z0-9-]``; MQTT user name and client id equal it.
        secret: its password.
        store: path of the SQLite file that keeps records, holdings and outbox, or ``":memory:"``, which
            loses the outbox when the process ends.
        codec: ``"auto"`` takes whatever the service picks of what this installation can decode; or one name.
            With ``"none"`` nothing is compressed on the way up either.
        context_kib: how much of the records that it holds may serve to decompress an answer: 0 to 256,
            rounded down to a power of two of at least 4; ``None`` leaves it to the service. It costs the
            device some tens of milliseconds and megabytes at the most.
        live: whether records are pushed as they are stored, while connected.
        transport: instead of the network, e.g. a `tidelog.mqtt.loopback.LoopbackTransport`.
        page_bytes: the page asked for: what a dropped link costs at most, 256 to 61,440.
        seconds: take the times of records in whole seconds: some bytes less for each, but live pushes and
            messages sent then take some more. For good: a store that once did goes on with it.
        clock: what messages are dated by, Unix milliseconds; the system's clock where it is not given. It may
            be wrong: others see what it said as ``sent``, and the order is the service's.

    Raises:
        UsageError: an argument is not valid, or the store is another device's.
        Unavailable: the store cannot be opened, e.g. ``store_locked`` by another process.
    """

    def __init__(  # noqa: PLR0913 - the public face is fixed
        self,
        url: str,
        *,
        device: str,
        secret: str,
        store: str | Path,
        codec: str = "auto",
        context_kib: int | None = None,
        live: bool = True,
        transport: Transport | None = None,
        page_bytes: int = PAGE_BYTES_DEFAULT,
        seconds: bool = False,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """See the class."""
        self._context_bytes = checked_context(context_kib)
        self.device = checked_device(device)
        self._tuning = Tuning(live=live, page_bytes=checked_page(page_bytes), whole_seconds=seconds)
        self._codecs = offered_codecs(codec)
        self._clock = clock or _system_ms
        self._random = random.Random()  # noqa: S311 - jitter and request ids, no secrets
        self._transport = transport or PahoTransport(
            BrokerUrl.parse(url),
            device=self.device,
            secret=secret,
            live=Presence.LIVE if live else Presence.QUIET,
            random=self._random,
        )
        self._store = _open_store(store, self.device)
        self._callbacks = Callbacks()
        self._lock = threading.Lock()
        self._link = LinkState()
        self._waiting = Waiting(self._link.stir)
        self._started = False
        self._closed = False
        self._job_ids = itertools.count(1)
        self._enrolling = Enrolling(local=self._local, link=self._link, hasten=self._hasten)
        self._differing: dict[str, tuple[tuple[int, int], ...]] = {}
        self._driver = Driver(
            make_machine=self._make_machine,
            store=self._store,
            transport=self._transport,
            tell=self._tell,
            on_link=self._link.change,
        )

    def _make_machine(self) -> Machine:
        return Machine(
            self._store.load(),
            device=self.device,
            chance=self._random,
            tuning=self._tuning,
            codecs=self._codecs,
            context_bytes=self._context_bytes,
            shelf=self._store,
        )

    # The link

    def __enter__(self) -> Self:
        """Start to connect in the background; never fails because the link is down."""
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                raise UsageError("the device is closed", code="closed")
            if self._started:
                return
            self._started = True
        self._callbacks.start()
        self._driver.start()

    def connect(self, timeout: float = 30.0) -> None:
        """Wait until there is a connection; where the device waits between attempts, it tries at once.

        Args:
            timeout: seconds.

        Raises:
            Denied: the broker refused the credentials.
            Unavailable: there was none in time; the reason of the last attempt is in the message.
        """
        self._start()
        self._hasten()
        self._link.wait_settled(timeout)
        if not self._link.online:
            raise self._link.why_offline(f"no connection within {timeout:g} s")

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self._link.online

    def wait_online(self, timeout: float = 30.0) -> bool:
        """Wait for a connection, through refusals too.

        Args:
            timeout: seconds.

        Returns:
            whether there is one.
        """
        self._start()
        self._hasten()
        return self._link.wait_online(timeout)

    def _hasten(self) -> None:
        """Somebody waits: do not sit out the pause between attempts."""
        if not self._link.online:
            self._transport.hasten()

    def close(self) -> None:
        """Disconnect and release the store; what waits in the outbox stays on disk. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._started:
            self._driver.stop()
            self._callbacks.stop()
        self._store.close()
        self._waiting.fail_all(
            Unavailable("the device was closed before the receipt", code="closed", hint="it is in the outbox")
        )
        self._enrolling.fail_all(Unavailable("the device was closed before the answer", code="closed"))

    # Writing

    def send(
        self,
        channel: str,
        body: str | bytes,
        *,
        kind: int = KIND_MESSAGE,
        content_type: str | None = None,
        progress: Progress | None = None,
    ) -> Future[Receipt]:
        """Write a message. It is in the outbox on disk when this returns, and sent when the link allows.

        Args:
            channel: the channel's name.
            body: text (as UTF-8) or bytes. More than 32 KiB goes apart from the log, piece by piece, up to
                what the service takes (16 MiB unless its operator says otherwise); it may be cut off and go
                on at any time. Who syncs gets its beginning, and all of it by `fetch_body`.
            kind: 0 for a message; 16 to 255 are the application's.
            content_type: a media type of up to 64 bytes.
            progress: called now and then while a large body goes up, with how many bytes the service has and
                of how many; on the thread of the callbacks, see `on_record`.

        Returns:
            a future of the receipt: the service's word that the message is on its disk. It fails with
            `Denied` or `UsageError` where the service refuses the message for good.

        Raises:
            UsageError: an argument is not valid.
            Unavailable: the outbox could not be written.
        """
        checked_channel(channel)
        raw, kind, media = checked_body(body), checked_kind(kind), checked_content_type(content_type)
        raw, kind, whole = as_sent(raw, kind)
        return self._write(channel, raw, kind=kind, media=media, whole=whole, progress=progress)

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
        self._start()
        sent = min(max(0, self._clock()), TIME_MS_STOP - 1)
        future: Future[Receipt] = Future()

        def write(machine: Machine, _now: float) -> tuple[int, Step]:
            n, step = machine.write(
                channel, raw, kind=kind, content_type=media, sent=sent, whole=whole, epoch=epoch
            )
            self._waiting.for_receipt(n, future, progress)
            return n, step

        try:
            self._local(write)
        except TidelogError:
            self._waiting.forget_send(future)
            raise
        return future

    def edit(self, channel: str, seq: int, body: str | bytes) -> Future[Receipt]:
        """Replace the body of a message of one's own; goes the way of `send`.

        Args:
            channel: the channel's name.
            seq: the record's number, which the device must hold. Once edited it has that of the edit.
            body: all of the new one, as in `send`.

        Returns:
            a future of the receipt of the edit. It fails with `Denied` (another user wrote the record) or
            `UsageError` (``no_record``: it was edited or deleted by another device meanwhile).

        Raises:
            UsageError: an argument is not valid, or the device does not hold the record (``no_record``).
            Unavailable: the outbox could not be written.
        """
        content = checked_body(body)
        raw, media = edit_body_of(self._store, self._holding(channel), seq, content)
        whole = content if stub_of(KIND_EDIT, raw) is not None else b""
        return self._write(channel, raw, kind=KIND_EDIT, media=media, whole=whole)

    def delete(self, channel: str, ranges: Iterable[tuple[int, int]]) -> Future[Receipt]:
        """Delete messages of one's own, everywhere; goes the way of `send`.

        Args:
            channel: the channel's name.
            ranges: half-open ranges of seqs; the device need not hold them. At most 65,536 records.

        Returns:
            a future of the receipt of the delete. It fails with `Denied` (another user wrote one of the
            records: nothing is deleted) or `UsageError` (``no_record``: none is there any more).

        Raises:
            UsageError: an argument is not valid, or nothing is in these ranges (``no_record``).
            Unavailable: the outbox could not be written.
        """
        holding = self._holding(channel)
        raw = delete_body_of(self._store, holding, ranges)
        epoch = holding.epoch if holding is not None else 0
        return self._write(channel, raw, kind=KIND_DELETE, media="", epoch=epoch)

    def mark_read(self, channel: str, seq: int) -> Future[Mark]:
        """Note that the user has read a channel up to a record.

        It is on disk when this returns, told when the link allows, and reaches the user's other devices. In a
        channel that has read receipts the other members hear of it too, and also of what has been delivered,
        which the device tells by itself. A mark only rises: a lower one changes nothing.

        Args:
            channel: the channel's name.
            seq: of the last record that was read; one above the channel's head counts as the head.

        Returns:
            a future of the user's mark, once the service has it. It fails with `Denied` where the channel is
            not to be had any more (``no_channel``).

        Raises:
            UsageError: an argument is not valid, or the device does not know the channel (``no_channel``).
            Unavailable: the mark could not be written.
        """
        checked_channel(channel)
        checked_seq(seq)
        self._start()
        future: Future[Mark] = Future()

        def mark(machine: Machine, now: float) -> tuple[None, Step]:
            self._waiting.for_mark(channel, future)
            return None, machine.mark_read(channel, seq, now)

        try:
            self._local(mark)
        except TidelogError:
            self._waiting.forget_mark(channel, future)
            raise
        return future

    def marks(self, channel: str) -> list[Mark]:
        """How far other members have come, as far as the channel tells and the device knows, by user."""
        checked_channel(channel)
        return marks_of(self._store, channel)

    def outbox(self) -> list[OutboxEntry]:
        """Messages without a receipt, in the order of their numbers; refused ones say why."""
        return [shown_entry(entry) for entry in self._store.load().outbox]

    def resubmit(self, n: int) -> None:
        """Send a refused message of the outbox again, as a new one."""
        self._start()
        self._local(lambda machine, _now: (None, machine.resubmit(n)))

    def discard(self, n: int) -> None:
        """Forget a refused message of the outbox."""
        self._start()
        self._local(lambda machine, _now: (None, machine.discard(n)))

    # Reading

    def sync(  # noqa: PLR0913 - the public face is fixed
        self,
        *,
        channels: Sequence[str] | None = None,
        peers: Sequence[str] | None = None,
        since: Time | None = None,
        until: Time | None = None,
        newest: int | None = None,
        authors: Sequence[str] | None = None,
        kinds: Sequence[int] | None = None,
        max_bytes: int | None = None,
        max_body: int | None = None,
        order: Literal["newest", "oldest", "channels"] = "newest",
        mode: Literal["delta", "manifest", "auto"] = "delta",
        wanted: bool = False,
        timeout: float = 30.0,
    ) -> SyncReport:
        """Bring what this device lacks.

        With a filter only what passes all of it comes; the rest is still lacking, and not asked for: a later
        push does not bring it. Edits, deletes and large bodies pass whatever their kind.

        Args:
            channels: names, or patterns of names as in MQTT; ``None`` for all that the user may read.
            peers: users: the conversations with them, beside ``channels``.
            since: at or after this time of the service's: an aware datetime, or Unix seconds.
            until: before this one.
            newest: of each channel only the newest so many records that pass the rest, at least 1.
            authors: written by one of these users, at most 64.
            kinds: of one of these kinds.
            max_bytes: what the whole may take, at least 256: MQTT bytes both ways, headers included. It is
                never exceeded; what had to be sent again after a loss is reported beside it. What the device
                has then is what comes first in ``order``, and the report says that it is not complete.
            max_body: of a body of more bytes, at least 1,024, only the beginning comes, up to 512 bytes. The
                record says that it is not whole, and `fetch_body` brings all of it.
            order: what comes first: the newest records or the oldest, of all channels together; or
                ``"channels"``, one channel after the other as they are named, the newest of each first.
            mode: ``"delta"`` says what the device has, and gets the rest. ``"manifest"`` does not say it: the
                service tells what there is, and the device asks for what it lacks. ``"auto"`` does that
                where saying what the device has would take more.
            wanted: top up only what was asked for before, instead of everything.
            timeout: seconds for the whole.

        Returns:
            what it brought and what it cost.

        Raises:
            Denied: the credentials were refused, or none of ``channels`` exists for this user.
            Unavailable: no link or no answer in time; what arrived is kept, and the next sync goes on.
            ProtocolError: the service's answers do not converge.
            UsageError: an argument is not valid or not in this version.
        """
        choice = chosen(
            channels=channels, peers=peers, since=since, until=until, newest=newest, authors=authors,
            kinds=kinds, max_body=max_body, order=order,
        )  # fmt: skip
        job = self._job(choice)
        job.wanted_only, job.max_bytes = wanted, checked_budget(max_bytes)
        job.survey = Survey(depth=Depth.MANIFEST, fetch=True) if checked_mode(mode) == "manifest" else None
        job.cheaper = mode == "auto"
        return self._synced(job, timeout)

    def preview(  # noqa: PLR0913 - as in `sync`
        self,
        *,
        channels: Sequence[str] | None = None,
        peers: Sequence[str] | None = None,
        since: Time | None = None,
        until: Time | None = None,
        newest: int | None = None,
        authors: Sequence[str] | None = None,
        kinds: Sequence[int] | None = None,
        max_body: int | None = None,
        timeout: float = 30.0,
    ) -> Preview:
        """What a `sync` with these arguments would bring and take; it takes some 80 bytes to hear.

        Args:
            channels: as in `sync`, like the others.
            peers: users.
            since: the earliest time.
            until: the time after the latest.
            newest: of each channel.
            authors: users.
            kinds: kinds.
            max_body: of larger bodies only the beginning counts.
            timeout: seconds for the whole.

        Raises:
            TidelogError: as in `sync`.
        """
        job = self._job(
            chosen(
                channels=channels, peers=peers, since=since, until=until, newest=newest, authors=authors,
                kinds=kinds, max_body=max_body,
            )
        )  # fmt: skip
        job.survey = Survey(depth=Depth.PREVIEW)
        found = self._await_sync(job, timeout).found
        assert isinstance(found, Preview)  # noqa: S101 - the machine ends a preview with one
        return found

    def manifest(  # noqa: PLR0913 - as in `sync`
        self,
        *,
        channels: Sequence[str] | None = None,
        peers: Sequence[str] | None = None,
        since: Time | None = None,
        until: Time | None = None,
        newest: int | None = None,
        authors: Sequence[str] | None = None,
        kinds: Sequence[int] | None = None,
        timeout: float = 30.0,
    ) -> tuple[Listing, ...]:
        """The records that the service has, by number and size, whether the device has them or not.

        What of them it wants it asks for by `fetch`.

        Args:
            channels: as in `sync`, like the others.
            peers: users.
            since: the earliest time.
            until: the time after the latest.
            newest: of each channel.
            authors: users.
            kinds: kinds.
            timeout: seconds for the whole.

        Raises:
            TidelogError: as in `sync`.
        """
        job = self._job(
            chosen(
                channels=channels, peers=peers, since=since, until=until, newest=newest, authors=authors,
                kinds=kinds,
            )
        )  # fmt: skip
        job.survey = Survey(depth=Depth.MANIFEST)
        found = self._await_sync(job, timeout).found
        assert isinstance(found, tuple)  # noqa: S101 - the machine ends a manifest with listings
        return found

    def fetch(self, channel: str, seqs: Iterable[int], *, timeout: float = 30.0) -> SyncReport:
        """Bring records by their numbers, as far as the device lacks them.

        Args:
            channel: the channel's name.
            seqs: numbers; those of which there is no record any more are accounted for as void.
            timeout: seconds for the whole.

        Raises:
            TidelogError: as in `sync`.
        """
        job = self._job(chosen(channels=(channel,)))
        holding = self._holding(channel)
        epoch = holding.epoch if holding is not None else 0
        job.wants = {channel: Want(epoch=epoch, seqs=checked_seqs(seqs), told=True)}
        return self._synced(job, timeout)

    def _job(self, choice: Choice) -> Job:
        self._start()
        return Job(id=next(self._job_ids), channels=choice.channels, rule=choice.rule, filter=choice.filter)

    def _synced(self, job: Job, timeout: float) -> SyncReport:
        report = self._await_sync(job, timeout).report
        assert report is not None  # noqa: S101 - a sync that ends without an error has one
        # From the machine: the store would read the outbox and all accounts for it.
        known = self._local(lambda machine, _now: (tuple(machine.holdings.by_channel.values()), Step()))
        scope = (
            held
            for held in known
            if (job.channels is None or held.channel in job.channels) and job.aim.admits(held.channel)
        )
        weights = (self._store.weight(held.channel, held.epoch) for held in scope)
        return replace(report, bytes_full=bytes_full(report, device=self.device, held=weights))

    def _await_sync(self, job: Job, timeout: float) -> SyncEnded:
        future: Future[SyncEnded] = Future()
        return self._awaited(job.id, future, lambda machine, now: (None, machine.sync(job, now)), timeout)

    def _awaited(self, job_id: int, future: Future[T], begin: Command[None], timeout: float) -> T:
        """Begin a sync or an audit, and wait for its end."""
        self._hasten()
        deadline = time.monotonic() + timeout
        self._waiting.for_sync(job_id, future)
        self._local(begin)
        refused = self._link.wait_settled(timeout, otherwise=future.done)
        try:
            return future.result(timeout=0.0 if refused else max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            error = self._sync_timeout(timeout)
            self._local(lambda machine, _now: (None, machine.give_up(job_id, error)))
            raise error from None
        finally:
            self._waiting.forget_sync(job_id)

    def _sync_timeout(self, timeout: float) -> TidelogError:
        if not self._link.online:
            return self._link.why_offline(f"no connection within {timeout:g} s")
        return Unavailable(
            f"the service did not finish answering within {timeout:g} s",
            code="timeout",
            hint="is the service running beside the broker? What arrived is kept",
        )

    def audit(
        self,
        *,
        channels: Sequence[str] | None = None,
        peers: Sequence[str] | None = None,
        repair: bool = True,
        timeout: float = 60.0,
    ) -> AuditReport:
        """Find out whether this device has everything, and the same as the service.

        It takes 55 bytes where that is so. Else what is lacking is synced, and what differs narrowed down to
        records and brought anew, three times at most. What differs then is in the report, and in `channels`.

        Other filters than these are not for audits: sums are kept of whole ranges, not of authors or kinds.

        Args:
            channels: as in `sync`.
            peers: users, as in `sync`.
            repair: otherwise nothing is changed: it is only told.
            timeout: seconds for the whole; each 100,000 records held take about one.

        Raises:
            Denied: the credentials were refused, or none of ``channels`` exists for this user.
            Unavailable: no link or no answer in time; what was repaired stays so.
            UsageError: an argument is not valid, or the service knows no audits (``unsupported``).
        """
        choice = chosen(channels=channels, peers=peers)
        self._start()
        job = AuditJob(id=next(self._job_ids), channels=choice.channels, filter=choice.filter, repair=repair)
        future: Future[AuditEnded] = Future()
        ended = self._awaited(job.id, future, lambda machine, now: (None, machine.audit(job, now)), timeout)
        assert ended.report is not None  # noqa: S101 - an audit that ends without an error has one
        with self._lock:
            others = {name: seqs for name, seqs in self._differing.items() if not job.concerns(name)}
            self._differing = others | dict(ended.report.differing)
        return ended.report

    def fetch_body(
        self, channel: str, seq: int, *, progress: Progress | None = None, timeout: float = 30.0
    ) -> bytes:
        """The whole body of a record; what of it is not on the device comes from the service, piece by piece.

        What came is kept in the store: after a cut it goes on from there, and another call costs nothing.

        Args:
            channel: the channel's name.
            seq: the record's number, which the device must hold.
            progress: called now and then, on the thread that calls this, with how many bytes are there and
                of how many.
            timeout: seconds that may pass without progress; not for the whole.

        Returns:
            all of it, in memory; `save_body` writes it into a file.

        Raises:
            UsageError: the device does not hold the record, or the service no longer (``no_record``).
            Denied: the user may no longer read the channel.
            Unavailable: nothing came in time (``timeout``); what arrived is kept.
            ProtocolError: what came is not the body that its author sent (``blob``); nothing of it is kept.
        """
        return b"".join(self._body(channel, seq, progress, timeout))

    def save_body(
        self,
        channel: str,
        seq: int,
        path: str | Path,
        *,
        progress: Progress | None = None,
        timeout: float = 30.0,
    ) -> int:
        """Write the whole body of a record into a file; as `fetch_body`, for what is too large for memory.

        Args:
            channel: as in `fetch_body`.
            seq: as in `fetch_body`.
            path: the file; written only once the body is whole, and replaced where it exists.
            progress: as in `fetch_body`.
            timeout: as in `fetch_body`.

        Returns:
            how many bytes it has.

        Raises:
            OSError: the file cannot be written.
            TidelogError: as in `fetch_body`.
        """
        parts = self._body(channel, seq, progress, timeout)
        with Path(path).open("wb") as file:
            return sum(map(file.write, parts))

    def _body(self, channel: str, seq: int, progress: Progress | None, timeout: float) -> Iterable[bytes]:
        holding = self._holding(channel)
        record, epoch = held_record(self._store, holding, seq)
        stub = stub_of(record.kind, record.body)
        if not (record.whole if stub is None else self._store.got(stub.digest) == stub.size):
            job = BodyJob(id=next(self._job_ids), channel=channel, epoch=epoch, seq=seq, stub=stub)
            self._bring(job, progress, timeout)
        if stub is not None:
            return pieces(self._store, stub)
        # In the epoch that it was asked of: in another one the number may be another record's.
        record, _ = held_record(self._store, holding, seq)
        return [shown(record).body]

    def _bring(self, job: BodyJob, progress: Progress | None, timeout: float) -> None:
        self.connect(timeout)
        told = self._waiting.for_body(job.id)
        try:
            self._local(lambda machine, _now: (None, machine.fetch_body(job)))
            follow(told, progress, timeout)
        except Unavailable as error:
            if error.code == "timeout" and not self._link.online:
                raise self._link.why_offline(f"no connection within {timeout:g} s") from None
            raise
        finally:
            self._waiting.forget_body(job.id)
            with suppress(Unavailable):
                self._local(lambda machine, _now: (None, machine.give_up_body(job.id)))

    def records(self, channel: str, *, start: int = 1, stop: int = SEQ_STOP) -> Iterator[Record]:
        """Records in the device's store as they now stand, ascending by seq; no traffic.

        One that was edited has the seq of its last edit; those that were deleted are left out.

        Args:
            channel: the channel's name.
            start: from this seq on.
            stop: up to, not including, this one.
        """
        holding = self._holding(channel)
        while holding is not None and start < stop:
            page = self._store.records(channel, holding.epoch, start=start, stop=stop, limit=_READ_RECORDS)
            yield from (shown(record) for record in page if record.kind != KIND_DELETE)
            if len(page) < _READ_RECORDS:
                return
            start = page[-1].seq + 1

    def stranded(self, channel: str) -> Iterator[Record]:
        """Records of before the service's log was set back, which it may not have any more; no traffic.

        A service that was restored from a backup has lost what came after it. What this device wrote itself
        goes back into the outbox once a sync has brought all that the service has, and records that come
        again are no longer told here. What is left then are other users' records, edits (as they stood), and
        messages to which the service has no more than their number; write them anew, or keep them.

        Args:
            channel: the channel's name.
        """
        return stranded_of(self._store, checked_channel(channel))

    def drop_stranded(self, channel: str) -> None:
        """Forget those records for good."""
        epochs = epochs_of(self._store, checked_channel(channel))
        self._start()
        self._local(lambda machine, _now: (None, machine.forget(channel, epochs)))

    def _holding(self, channel: str) -> Holding | None:
        checked_channel(channel)
        return next((held for held in self._store.load().holdings if held.channel == channel), None)

    def have(self, channel: str) -> list[tuple[int, int]]:
        """The seqs that the device has accounted for, as half-open ranges."""
        holding = self._holding(channel)
        return [] if holding is None else list(holding.have.runs)

    def drop(self, channel: str, ranges: Iterable[tuple[int, int]]) -> None:
        """Forget local copies, so that the device lacks them; the next plain sync brings them again.

        Args:
            channel: the channel's name.
            ranges: half-open ranges of seqs.
        """
        checked_channel(channel)
        try:
            seqs = RangeSet(ranges)
        except (TypeError, ValueError) as error:
            raise UsageError(f"not half-open ranges: {error}") from error
        self._start()
        self._local(lambda machine, _now: (None, machine.drop(channel, seqs)))

    def channels(self) -> list[Channel]:
        """The channels that the device knows, by name."""
        with self._lock:
            differing = dict(self._differing)
        return channels_of(self._store, differing)

    # Channels and members, where the operator lets devices change them (SPEC.md, "Enrol")

    def create_channel(
        self,
        name: str,
        *,
        members: Iterable[str] = (),
        role: RoleWord = "writer",
        windowed: bool = False,
        timeout: float = 30.0,
    ) -> Membership:
        """Make a channel, which this device's user then owns. The same again, after an error, does no harm.

        Args:
            name: the channel's name.
            members: users who are in it from the beginning, at most 256.
            role: theirs.
            windowed: whether members see what is written from joining to leaving, also afterwards; else all
                of it, as long as they are members.
            timeout: seconds.

        Raises:
            Denied: the operator does not allow it.
            UsageError: the name is taken (``channel_exists``), there is no such user (``no_user``), there are
                as many channels or members as may be (``limit``), or an argument is not valid.
            Unavailable: no link or no answer in time; it may be done all the same.
        """
        return self._enrol(enrol(Action.CREATE, name, members, role=role, windowed=windowed), timeout=timeout)

    def direct(self, user: str, *, timeout: float = 30.0) -> Membership:
        """The conversation with another user: its name, in the answer. It is made where it is not there.

        Raises:
            TidelogError: as `create_channel`.
        """
        return self._enrol(enrol(Action.DIRECT, users=[user]), timeout=timeout)

    def invite(
        self, channel: str, users: Iterable[str], *, role: RoleWord = "writer", timeout: float = 30.0
    ) -> Membership:
        """Make users members of a channel that this device's user owns, or give members another role.

        Raises:
            Denied: the user is no owner, or the operator does not allow it (``denied``); there is no such
                channel for this user (``no_channel``).
            TidelogError: else as `create_channel`.
        """
        return self._enrol(enrol(Action.INVITE, channel, users, role=role), timeout=timeout)

    def remove(self, channel: str, users: Iterable[str], *, timeout: float = 30.0) -> Membership:
        """End memberships in a channel that this device's user owns; what the users wrote stays.

        Raises:
            TidelogError: as `invite`.
        """
        return self._enrol(enrol(Action.REMOVE, channel, users), timeout=timeout)

    def leave(self, channel: str, *, timeout: float = 30.0) -> Membership:
        """End the membership of this device's own user.

        Raises:
            Denied: the user is the last owner and others are still in it, or the operator does not allow it.
            Unavailable: no link or no answer in time.
        """
        return self._enrol(enrol(Action.LEAVE, channel), timeout=timeout)

    def _enrol(self, frame: Enrol, *, timeout: float) -> Membership:
        self._start()
        return self._enrolling.ask(frame, timeout)

    # Callbacks

    def on_record(self, callback: Callable[[Record], None]) -> Callable[[], None]:
        """Have each new record told: live, synced and one's own from other devices.

        An edit is told as what the record now is, a delete as a record of kind 2; ``voids`` says which
        records are no more.

        Args:
            callback: runs on one thread of the device's (``tidelog-callbacks``), in the order of arrival,
                once the record is in the store; it may call the device. Its exceptions go to `on_error`.

        Returns:
            a function that ends it.
        """
        return self._callbacks.on_record(callback)

    def on_membership(self, callback: Callable[[Membership], None]) -> Callable[[], None]:
        """Have it told where another device has changed what this one's user is in a channel.

        While connected and live; else the next sync brings what there is to read. Of a channel that is new a
        `sync` brings what was written before.

        Returns:
            a function that ends it; the rest as with `on_record`.
        """
        return self._callbacks.on_membership(callback)

    def on_mark(self, callback: Callable[[Mark], None]) -> Callable[[], None]:
        """Have it told that somebody has come further: another member, or the user on another device.

        Args:
            callback: runs as those of `on_record`; ``user`` of the mark is empty where it is the own user's.

        Returns:
            a function that ends it.
        """
        return self._callbacks.on_mark(callback)

    def on_error(self, callback: Callable[[Exception], None]) -> Callable[[], None]:
        """Have troubles told that no call waits for, and exceptions of callbacks.

        Without one they go to `threading.excepthook`, as an unhandled exception of a thread does.

        Returns:
            a function that ends it.
        """
        return self._callbacks.on_error(callback)

    # From the driver's thread

    def _tell(self, event: Event) -> None:
        match event:
            case Receipted():
                self._waiting.receipted(event)
            case Refused():
                if not self._waiting.refused(event):
                    self._callbacks.trouble(event.error)
            case Renumbered():
                self._waiting.renumbered(event)
            case MarkSettled():
                self._waiting.marked(event)
            case SyncEnded() | AuditEnded():
                self._waiting.ended(event)
            case EnrolEnded():
                self._enrolling.ended(event)
            case _:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        match event:
            case Arrived():
                self._callbacks.arrived(tuple(map(shown, event.records)))
            case Marked():
                self._callbacks.marked(event.marks)
            case MembershipChanged():
                self._callbacks.changed(event.membership)
            case BodyWent():
                self._went(event)
            case BodyCame() | BodyEnded():
                self._waiting.body(event)
            case Trouble():
                self._callbacks.trouble(event.error)

    def _went(self, event: BodyWent) -> None:
        progress = self._waiting.progress_of(event)
        if progress is not None:
            self._callbacks.run(lambda: progress(event.there, event.size))

    def _local(self, command: Command[T]) -> T:
        """Run a command on the device's own thread and wait for it."""
        try:
            return self._driver.call(command).result(timeout=_LOCAL_SECONDS)
        except FutureTimeoutError:
            raise Unavailable(
                f"the device's store did not answer within {_LOCAL_SECONDS:g} s", code="store_failed"
            ) from None


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


def _open_store(store: str | Path, device: str) -> Store:
    if str(store) == ":memory:":
        return MemoryStore()
    return SqliteStore(store, device=device)
