"""The public face: a device that keeps its message logs in step.

Example:
    >>> with Device("mqtt://127.0.0.1:1883", device="a1phone", secret="...", store="phone.db") as phone:
    ...     receipt = phone.send("room1", "hello").result(timeout=10)
    ...     report = phone.sync()
    ...     for record in phone.records("room1"):
    ...         print(record.seq, record.author, record.text)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tidelog.arguments import checked_context, checked_page, checked_ranges, offered_codecs
from tidelog.bodies import Progress, save
from tidelog.body_fetching import BodyFetching
from tidelog.channels import Channel, channels_of, marks_of
from tidelog.choice import Time, chosen
from tidelog.earlier import epochs_of, stranded_of
from tidelog.enrolling import Enrolling, RoleWord, enrol
from tidelog.mqtt.paho import PahoTransport
from tidelog.reading import holding_of, records_of
from tidelog.replica.machine import Machine
from tidelog.replica.ports import Mark, OutboxEntry, Record, Transport
from tidelog.replica.revisions import shown_entry
from tidelog.replica.steps import AuditReport, Listing, Membership, Preview, Receipt, SyncReport
from tidelog.replica.tuning import Tuning
from tidelog.shell import Shell
from tidelog.store.opening import opened
from tidelog.syncing import Syncing
from tidelog.wire.enrolling import Action
from tidelog.wire.frames import KIND_MESSAGE, Presence
from tidelog.wire.limits import PAGE_BYTES_DEFAULT, SEQ_STOP
from tidelog.wire.topics import checked_channel, checked_device
from tidelog.wire.url import BrokerUrl
from tidelog.writing import Writing


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
        context_bytes = checked_context(context_kib)
        self.device = checked_device(device)
        tuning = Tuning(live=live, page_bytes=checked_page(page_bytes), whole_seconds=seconds)
        codecs = offered_codecs(codec)
        chance = random.Random()  # noqa: S311 - jitter and request ids, no secrets
        transport = transport or PahoTransport(
            BrokerUrl.parse(url),
            device=self.device,
            secret=secret,
            live=Presence.LIVE if live else Presence.QUIET,
            random=chance,
        )
        self._store = opened(store, self.device)
        self._shell = Shell(
            make_machine=lambda: Machine(
                self._store.load(),
                device=self.device,
                chance=chance,
                tuning=tuning,
                codecs=codecs,
                context_bytes=context_bytes,
                shelf=self._store,
            ),
            store=self._store,
            transport=transport,
        )
        self._callbacks = self._shell.callbacks
        self._writing = Writing(self._shell, clock)
        self._syncing = Syncing(self._shell, self.device)
        self._bodies = BodyFetching(self._shell)
        self._enrolling = Enrolling(self._shell)

    # The link

    def __enter__(self) -> Self:
        """Start to connect in the background; never fails because the link is down."""
        self._shell.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def connect(self, timeout: float = 30.0) -> None:
        """Wait until there is a connection; where the device waits between attempts, it tries at once.

        Args:
            timeout: seconds.

        Raises:
            Denied: the broker refused the credentials.
            Unavailable: there was none in time; the reason of the last attempt is in the message.
        """
        self._shell.connect(timeout)

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self._shell.link.online

    def wait_online(self, timeout: float = 30.0) -> bool:
        """Wait for a connection, through refusals too.

        Args:
            timeout: seconds.

        Returns:
            whether there is one.
        """
        return self._shell.wait_online(timeout)

    def close(self) -> None:
        """Disconnect and release the store; what waits in the outbox stays on disk. Idempotent."""
        self._shell.close()

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
        return self._writing.send(channel, body, kind=kind, content_type=content_type, progress=progress)

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
        return self._writing.edit(channel, seq, body)

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
        return self._writing.delete(channel, ranges)

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
        return self._writing.mark_read(channel, seq)

    def marks(self, channel: str) -> list[Mark]:
        """How far other members have come, as far as the channel tells and the device knows, by user."""
        checked_channel(channel)
        return marks_of(self._store, channel)

    def outbox(self) -> list[OutboxEntry]:
        """Messages without a receipt, in the order of their numbers; refused ones say why."""
        return [shown_entry(entry) for entry in self._store.load().outbox]

    def resubmit(self, n: int) -> None:
        """Send a refused message of the outbox again, as a new one."""
        self._shell.start()
        self._shell.do(lambda machine, _now: machine.resubmit(n))

    def discard(self, n: int) -> None:
        """Forget a refused message of the outbox."""
        self._shell.start()
        self._shell.do(lambda machine, _now: machine.discard(n))

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
        return self._syncing.sync(choice, wanted=wanted, max_bytes=max_bytes, mode=mode, timeout=timeout)

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
        choice = chosen(
            channels=channels, peers=peers, since=since, until=until, newest=newest, authors=authors,
            kinds=kinds, max_body=max_body,
        )  # fmt: skip
        return self._syncing.preview(choice, timeout)

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
        choice = chosen(
            channels=channels, peers=peers, since=since, until=until, newest=newest, authors=authors,
            kinds=kinds,
        )  # fmt: skip
        return self._syncing.manifest(choice, timeout)

    def fetch(self, channel: str, seqs: Iterable[int], *, timeout: float = 30.0) -> SyncReport:
        """Bring records by their numbers, as far as the device lacks them.

        Args:
            channel: the channel's name.
            seqs: numbers; those of which there is no record any more are accounted for as void.
            timeout: seconds for the whole.

        Raises:
            TidelogError: as in `sync`.
        """
        return self._syncing.fetch(channel, seqs, timeout)

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
        return self._syncing.audit(choice, repair=repair, timeout=timeout)

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
        return b"".join(self._bodies.body(channel, seq, progress, timeout))

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
        parts = self._bodies.body(channel, seq, progress, timeout)
        return save(parts, Path(path))

    def records(self, channel: str, *, start: int = 1, stop: int = SEQ_STOP) -> Iterator[Record]:
        """Records in the device's store as they now stand, ascending by seq; no traffic.

        One that was edited has the seq of its last edit; those that were deleted are left out.

        Args:
            channel: the channel's name.
            start: from this seq on.
            stop: up to, not including, this one.
        """
        return records_of(self._store, channel, start=start, stop=stop)

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
        self._shell.start()
        self._shell.do(lambda machine, _now: machine.forget(channel, epochs))

    def have(self, channel: str) -> list[tuple[int, int]]:
        """The seqs that the device has accounted for, as half-open ranges."""
        holding = holding_of(self._store, channel)
        return [] if holding is None else list(holding.have.runs)

    def drop(self, channel: str, ranges: Iterable[tuple[int, int]]) -> None:
        """Forget local copies, so that the device lacks them; the next plain sync brings them again.

        Args:
            channel: the channel's name.
            ranges: half-open ranges of seqs.
        """
        checked_channel(channel)
        seqs = checked_ranges(ranges)
        self._shell.start()
        self._shell.do(lambda machine, _now: machine.drop(channel, seqs))

    def channels(self) -> list[Channel]:
        """The channels that the device knows, by name."""
        return channels_of(self._store, self._syncing.differing)

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
        return self._enrolling.ask(enrol(Action.CREATE, name, members, role=role, windowed=windowed), timeout)

    def direct(self, user: str, *, timeout: float = 30.0) -> Membership:
        """The conversation with another user: its name, in the answer. It is made where it is not there.

        Raises:
            TidelogError: as `create_channel`.
        """
        return self._enrolling.ask(enrol(Action.DIRECT, users=[user]), timeout)

    def invite(
        self, channel: str, users: Iterable[str], *, role: RoleWord = "writer", timeout: float = 30.0
    ) -> Membership:
        """Make users members of a channel that this device's user owns, or give members another role.

        Raises:
            Denied: the user is no owner, or the operator does not allow it (``denied``); there is no such
                channel for this user (``no_channel``).
            TidelogError: else as `create_channel`.
        """
        return self._enrolling.ask(enrol(Action.INVITE, channel, users, role=role), timeout)

    def remove(self, channel: str, users: Iterable[str], *, timeout: float = 30.0) -> Membership:
        """End memberships in a channel that this device's user owns; what the users wrote stays.

        Raises:
            TidelogError: as `invite`.
        """
        return self._enrolling.ask(enrol(Action.REMOVE, channel, users), timeout)

    def leave(self, channel: str, *, timeout: float = 30.0) -> Membership:
        """End the membership of this device's own user.

        Raises:
            Denied: the user is the last owner and others are still in it, or the operator does not allow it.
            Unavailable: no link or no answer in time.
        """
        return self._enrolling.ask(enrol(Action.LEAVE, channel), timeout)

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
