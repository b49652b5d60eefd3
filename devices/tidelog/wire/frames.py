"""The messages of the protocol, one frozen type each; both encodings speak of these (SPEC.md, "Messages").

Validation of what a peer sent happens in the decoders (`packed`, `jsonform`): a value of these types that
came from a decoder is within the limits of `tidelog.wire.limits`.

Those that are expanded in a second step, or belong to one exchange alone, have modules of their own;
`anyframe` has them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from tidelog.wire.errors import Code
from tidelog.wire.limits import PAGE_BYTES_DEFAULT
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.statements import Statement

KIND_MESSAGE: Final = 0
KIND_EDIT: Final = 1
KIND_DELETE: Final = 2
KIND_STUB: Final = 3
KIND_APPLICATION_FIRST: Final = 16
"""Kinds from here on are the application's; 4 to 15 are reserved."""

CODEC_NONE: Final = 0
"""Bodies as they are."""


class Type(IntEnum):
    """The lower 5 bits of a packed frame's first byte; 27 is never used (``{`` in version 3)."""

    MESSAGES = 1
    SYNC = 2
    RESYNC = 3
    FETCH = 4
    PARCEL = 5
    MARK = 6
    QUERY = 7
    ASK = 8
    CHUNK = 9
    ENROL = 10
    AUDIT = 11
    RECEIPTS = 17
    DELTA = 18
    PAGE = 19
    PUSH = 20
    FAULT = 21
    PRIMED = 22
    PIECE = 23
    MARKS = 24
    MANIFEST = 25
    ESTIMATE = 26
    PORTION = 28
    UPLOAD = 29
    ROSTER = 30
    VERDICT = 31


class Presence(IntEnum):
    """The payload of a device's retained status topic, one ASCII digit."""

    OFFLINE = 0
    LIVE = 1
    QUIET = 2

    @property
    def payload(self) -> bytes:
        """The digit as it goes on the wire."""
        return b"%d" % self.value

    @classmethod
    def of(cls, payload: bytes) -> Presence | None:
        """What a status says, ``None`` for nothing; one that was cleared says that nobody is there."""
        return _PRESENCES.get(payload)


_PRESENCES: Final = {presence.payload: presence for presence in Presence} | {b"": Presence.OFFLINE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One outgoing message of a device.

    Attributes:
        n: the device's number for it within its outbox, from 1; 0 where it has none (plain clients).
        channel: the channel's name.
        body: opaque bytes, at most ``BODY_BYTES_MAX``.
        kind: 0 message, from 16 on the application's.
        sent: the device's clock, Unix milliseconds; 0 where it did not say.
        content_type: a media type, or empty.
        epoch: the log's incarnation of which the body names seqs, where it is a delete's; 0: not said.
    """

    n: int
    channel: str
    body: bytes
    kind: int = KIND_MESSAGE
    sent: int = 0
    content_type: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """A batch from a device's outbox; ``n`` ascends strictly within it.

    Attributes:
        outbox: the outbox's 4 random bytes; empty for messages that came in JSON or on plain topics.
        messages: at least one.
    """

    outbox: bytes
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The service's word that message ``n`` is on disk as (channel, seq), received at ``time``.

    Attributes:
        n: the message's number, or 0.
        channel: where it is.
        epoch: of the channel.
        seq: its number there.
        time: the service's clock, Unix milliseconds.
        digest: which message ``n`` is meant, see `tidelog.wire.digest.answer_digest`; empty for one without
            a number, and in JSON where the writer left it out.
    """

    n: int
    channel: str
    epoch: int
    seq: int
    time: int
    digest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The service's word that message ``n`` was not stored and why; sending it again will not help.

    ``Code.CONFLICT`` asks the device to number the message anew above ``Receipts.highest``;
    ``Code.BUSY`` and ``Code.WINDOW`` ask it to send it again later.

    Attributes:
        n: the message's number, or 0.
        code: why.
        digest: as in a `Receipt`: of the message that was refused.
    """

    n: int
    code: Code
    digest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Answer to messages of one outbox.

    Attributes:
        outbox: as in the messages.
        highest: the highest ``n`` that the service has ever taken from this outbox.
        author: the user whom the service takes the device's messages to be from.
        receipts: what is stored, in the order of ``n``.
        rejections: what is not; a number may be among the receipts too, for another message.
    """

    outbox: bytes
    highest: int
    author: str = ""
    receipts: tuple[Receipt, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """A device asks for what it lacks.

    Attributes:
        rid: the request's id, echoed in the answer.
        statements: a channel each, at most once; a channel in scope that is not stated is one of which
            the device holds nothing.
        everywhere: whether all of the user's channels are in scope (else those stated only).
        page_bytes: what the payload of the answer should not exceed (one record may, alone).
        codecs: ids of codecs that the device can decode; ``CODEC_NONE`` is always implied.
        oldest_first: the order in which pages come, by seq within a channel.
        live: whether the device wants live pushes from now on; a JSON request gets them in JSON, for a
            lease.
        plain: whether these are to be `Push` only: the device lacks, or cannot use, what primes others. In
            JSON no push is primed anyway.
        by_channel: whether channels come one after the other as they are stated, each newest first.
        pages: whether the answer is to be a `Page` instead of a `Delta`.
        keep: whether the service is to keep what the device then has, and give a token for it.
        context_bytes: of held bodies that may prime a page; 0 for none, and no history either.
        newest: of each channel the newest so many seqs only; 0 for all.
        room: bytes that the answer's payload must not exceed; 0 for no bound beside ``page_bytes``.
        dictionary: id of the one that may come before the context of pages; 0 for none.
        seconds: whether times are told in whole seconds.
    """

    rid: int
    statements: tuple[Statement, ...] = ()
    everywhere: bool = True
    page_bytes: int = PAGE_BYTES_DEFAULT
    codecs: tuple[int, ...] = ()
    oldest_first: bool = False
    live: bool = False
    plain: bool = False
    by_channel: bool = False
    pages: bool = False
    keep: bool = False
    context_bytes: int = 0
    newest: int = 0
    room: int = 0
    dictionary: int = 0
    seconds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of a log as it travels.

    Attributes:
        seq: its number in the channel.
        author: the user who wrote it.
        time: the service's clock when it took the number, Unix milliseconds; never falls with seq.
        body: opaque bytes; shorter than ``size`` where only the beginning travels.
        kind: see `Message`.
        sent: the author's clock, Unix milliseconds; equal to ``time`` where it is not known to differ.
        content_type: a media type, or empty.
        size: bytes of the whole body.
    """

    seq: int
    author: str
    time: int
    body: bytes
    kind: int = KIND_MESSAGE
    sent: int
    content_type: str = ""
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a page says of one channel.

    Attributes:
        channel: the channel's name.
        epoch: the log's incarnation; where it differs from the statement's, the statement was not used.
        head: the highest seq that this device may read; 0 for an empty log.
        floor: the lowest seq that can still be had; below it nothing ever comes.
        voids: seqs that need no body any more; they enter the have-set.
        records: ascending by seq.
    """

    channel: str
    epoch: int
    head: int
    floor: int = 1
    voids: RangeSet = EMPTY
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """One page of the answer to a `SyncRequest`.

    Attributes:
        rid: the request's id.
        more: whether something in scope remains; the device asks again with what it then has.
        parts: channels that have something to tell; one in scope without a part is up to date.
        gone: channels of the request that do not exist or that this device may not read.
    """

    rid: int
    more: bool
    parts: tuple[Part, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Records of one channel as they were stored, the same bytes for all its live members.

    ``part.floor`` is 1 and ``part.head`` the last record's seq: what a member may read besides is not told.
    """

    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A request or packet that could not be served.

    Attributes:
        code: what is wrong.
        rid: the request's id where it could be read, else 0.
        text: for people.
        version: with ``Code.VERSION``, the highest version that the sender speaks, else 0.
    """

    code: Code
    rid: int = 0
    text: str = ""
    version: int = 0
