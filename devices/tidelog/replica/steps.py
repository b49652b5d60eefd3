"""What one step of the device machine asks its shell to do, and what it tells the application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tidelog.codec.dictionaries import Dictionary
from tidelog.replica.ports import BodyPart, Changes, Holding, Mark, OutboxEntry, Outgoing, Record
from tidelog.replica.tokens import Token
from tidelog.wire.errors import TidelogError
from tidelog.wire.ranges import RangeSet, Run


class Chance(Protocol):
    """The randomness that a machine is given; `random.Random` fits."""

    def random(self) -> float:
        """A number from 0 up to 1."""
        ...

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 up to ``stop``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A message is on the service's disk.

    Attributes:
        channel: the channel's name.
        seq: its number in the channel.
        time: the service's clock when it was stored, Unix milliseconds.
    """

    channel: str
    seq: int
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync came to.

    Attributes:
        records: new records that it brought.
        rounds: requests sent, repetitions included.
        bytes_up: MQTT bytes on the socket that the sync caused, headers and acknowledgements included, from
            the device. Everything counts: what was sent in vain as well.
        bytes_down: the same, to the device. What comes after the sync has ended is in no report.
        complete: whether the device now holds everything that it asked for.
        gone: channels asked for that do not exist or that this device may not read.
        seconds: how long it took.
        bytes_plain: what the new records would have taken as one PUBLISH each at QoS 1, acknowledged, on the
            reply topic: with nothing but their bodies, see `tidelog.wire.mqttsize.plain_bytes`.
        bytes_full: what everything that the device now holds in scope would take in that way; see
            `tidelog.replica.costs.bytes_full` for how exact it is.
        bytes_repeated: how much of ``bytes_up`` and ``bytes_down`` was repetition: requests that had to be
            sent again, and answers that came twice or too late.
    """

    records: int
    rounds: int
    bytes_up: int
    bytes_down: int
    complete: bool
    gone: tuple[str, ...] = ()
    seconds: float = 0.0
    bytes_plain: int = 0
    bytes_full: int = 0
    bytes_repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found, and what came of it.

    Attributes:
        complete: whether the device lacks nothing.
        equal: whether what it holds is what the service holds. Not where it lacks something that is about
            what it holds: only a sync can tell then.
        records: how many were compared.
        lacking: how many records the device lacks.
        differing: half-open ranges of seqs whose records differ, by channel; what was repaired is not in it.
        repaired: how many records were brought anew.
        repairs: how often that was tried.
        gone: channels asked for that do not exist or that this device may not read.
        beginnings: how many records were not compared, as only the beginning of their body is here.
        rounds: requests sent, those of syncs and repetitions included.
        bytes_up: MQTT bytes on the socket that the audit caused, headers included, from the device.
        bytes_down: the same, to the device.
        seconds: how long it took.
    """

    complete: bool
    equal: bool
    records: int
    lacking: int = 0
    differing: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)
    repaired: int = 0
    repairs: int = 0
    gone: tuple[str, ...] = ()
    beginnings: int = 0
    rounds: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipted:
    """Message ``n`` has its receipt."""

    n: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Message ``n`` was refused for good; it stays in the outbox, marked."""

    n: int
    error: TidelogError


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbered:
    """Message ``old`` is now message ``new``: the number had been used for another message."""

    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Records that are new in the store, ascending within a channel."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A record that the service has, as a manifest tells.

    Attributes:
        channel: the channel's name.
        seq: its number there.
        size: of its whole body, bytes.
    """

    channel: str
    seq: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a sync would bring and take.

    Attributes:
        records: how many records.
        bytes: MQTT bytes both ways, headers included, about.
        body_bytes: of the bodies, as far as they would come.
        rounds: requests.
    """

    records: int
    bytes: int
    body_bytes: int
    rounds: int


Found = Preview | tuple[Listing, ...] | None
"""What a survey told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Somebody has come further, by the service's word: another member, or the user on another device."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSettled:
    """The service has the own user's mark of a channel, or there is nothing to have it of."""

    mark: Mark
    error: TidelogError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncEnded:
    """A sync is over: with a report, or with an error.

    Attributes:
        job: which one.
        report: what it came to.
        error: why it goes no further.
        found: what was only to be told: a `tidelog.replica.surveys.Preview`, or the listings of a manifest.
    """

    job: int
    report: SyncReport | None = None
    error: TidelogError | None = None
    found: Found = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What the device's user is in a channel.

    Attributes:
        channel: the channel's name.
        role: ``"reader"``, ``"writer"`` or ``"owner"``; ``None`` for no member.
    """

    channel: str
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolEnded:
    """A request about channels and members is over: with how it now stands, or with an error."""

    job: int
    membership: Membership | None = None
    error: TidelogError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChanged:
    """Another device has changed what this one's user is in a channel."""

    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEnded:
    """An audit is over: with a report, or with an error."""

    job: int
    report: AuditReport | None = None
    error: TidelogError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyWent:
    """So much of the large body of message ``n`` is on the service's disk."""

    n: int
    there: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyCame:
    """So much of a large body is in the store."""

    job: int
    got: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyEnded:
    """A large body is whole in the store, or the fetch of it failed."""

    job: int
    error: TidelogError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something went wrong that no call waits for."""

    error: TidelogError


Event = (
    Receipted
    | Refused
    | Renumbered
    | Arrived
    | Marked
    | MarkSettled
    | SyncEnded
    | AuditEnded
    | EnrolEnded
    | MembershipChanged
    | BodyWent
    | BodyCame
    | BodyEnded
    | Trouble
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do now, in this order: persist, then send, then tell.

    Attributes:
        changes: to the store. Where that fails, nothing of the rest may happen: the machine is to be made
            anew from the store.
        send: packets to publish.
        events: for the application.
    """

    changes: Changes = field(default_factory=Changes)
    send: tuple[Outgoing, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(slots=True)
class Effects:
    """A step while it is put together; its fields are those of `Changes` and `Step`.

    Attributes:
        holdings: by channel, the last word on each.
        marks: by channel and user, the last word on each.
    """

    records: list[tuple[int, Record]] = field(default_factory=list)
    dropped: list[tuple[str, int, RangeSet]] = field(default_factory=list)
    holdings: dict[str, Holding] = field(default_factory=dict)
    queued: list[OutboxEntry] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    next_n: int = 0
    forgotten: list[bytes] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    outworn: tuple[int, ...] = ()
    dictionaries: list[Dictionary] = field(default_factory=list)
    seconds: bool = False
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    user: str = ""
    parts: list[BodyPart] = field(default_factory=list)
    spoilt: list[bytes] = field(default_factory=list)
    written: list[tuple[str, int, int, int]] = field(default_factory=list)
    send: list[Outgoing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def arrived(self, epoch: int, fresh: list[Record]) -> None:
        """Keep new records of one channel, and tell of them; none tell nothing."""
        if fresh:
            self.records += [(epoch, record) for record in fresh]
            self.events.append(Arrived(records=tuple(fresh)))

    def voided(self, channel: str, epoch: int, seqs: RangeSet) -> None:
        """Forget the bodies of records that are no more, those of this step among them."""
        if seqs:
            self.dropped.append((channel, epoch, seqs))
            self.records = [
                (of_epoch, record)
                for of_epoch, record in self.records
                if (of_epoch, record.channel) != (epoch, channel) or record.seq not in seqs
            ]

    def step(self) -> Step:
        """What came of it."""
        changes = Changes(
            records=tuple(self.records),
            dropped=tuple(self.dropped),
            holdings=tuple(self.holdings.values()),
            queued=tuple(self.queued),
            settled=tuple(self.settled),
            next_n=self.next_n,
            forgotten=tuple(self.forgotten),
            tokens=tuple(self.tokens),
            outworn=self.outworn,
            dictionaries=tuple(self.dictionaries),
            seconds=self.seconds,
            marks=tuple(self.marks.values()),
            user=self.user,
            parts=tuple(self.parts),
            spoilt=tuple(self.spoilt),
            written=tuple(self.written),
        )
        return Step(changes=changes, send=tuple(self.send), events=tuple(self.events))
