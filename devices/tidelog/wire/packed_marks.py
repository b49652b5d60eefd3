"""The packed form of `MarkRequest`, `Marks`, and what pages tell of marks (SPEC.md, "Mark", "Marks")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidelog.wire import fields, series
from tidelog.wire.cbor import Value
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import Type
from tidelog.wire.layout import Layout
from tidelog.wire.limits import MARK_VERSION_STOP, MARKS_MAX, REQUEST_ID_STOP, SEQ_STOP, STATEMENTS_MAX
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member, News

REQUEST: Final = Layout(what="a mark request", required=1, defaults=([],), extensible=True)
ASKED: Final = Layout(what="a mark", required=1, defaults=(None, 0, 0))
MARKS: Final = Layout(what="marks", required=0, defaults=(0, "", [], []), extensible=True)
MARKED: Final = Layout(what="the marks of a channel", required=1, defaults=(None, 0, 0, None))
MEMBER: Final = Layout(what="a member's mark", required=1, defaults=(0, 0))
NEWS: Final = Layout(what="a page's marks of a channel", required=2, defaults=(0, 0, None))


def written(frame: MarkRequest | Marks) -> tuple[Type, list[Value]]:
    """Write either frame: its type, and the items of its array."""
    if isinstance(frame, MarkRequest):
        return Type.MARK, from_request(frame)
    return Type.MARKS, from_marks(frame)


def read(kind: int, items: list[Value]) -> MarkRequest | Marks:
    """Read either frame, by its type."""
    return to_request(items) if kind == Type.MARK else to_marks(items)


def from_request(frame: MarkRequest) -> list[Value]:
    """Write a request."""
    epochs = series.epochs([one.epoch for one in frame.marks])
    asked: list[Value] = [
        ASKED.trimmed([one.channel, epoch, one.read, one.delivered - one.read])
        for one, epoch in zip(frame.marks, epochs, strict=True)
    ]
    return REQUEST.trimmed([frame.rid, asked])


def to_request(items: list[Value]) -> MarkRequest:
    """Read a request."""
    rid, asked = REQUEST.filled(items)
    rows = [ASKED.filled(item) for item in fields.items(asked, MARKS_MAX, "marks")]
    epochs = series.read_epochs([row[1] for row in rows])
    marks = [
        Mark(fields.channel(row[0]), epoch, *_to_seqs(row[2], row[3]))
        for row, epoch in zip(rows, epochs, strict=True)
    ]
    fields.distinct([one.channel for one in marks], "channels of marks")
    return MarkRequest(rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"), marks=tuple(marks))


def from_marks(frame: Marks) -> list[Value]:
    """Write what the service has."""
    epochs = series.epochs([one.epoch for one in frame.marks])
    marks: list[Value] = [
        MARKED.trimmed([one.channel, epoch, one.read, one.delivered - one.read, _from_others(one.others)])
        for one, epoch in zip(frame.marks, epochs, strict=True)
    ]
    return MARKS.trimmed([frame.rid, frame.user, marks, list(frame.gone)])


def to_marks(items: list[Value]) -> Marks:
    """Read what the service has."""
    rid, user, marks_, gone_ = MARKS.filled(items)
    rows = [MARKED.filled(item) for item in fields.items(marks_, MARKS_MAX, "marks")]
    epochs = series.read_epochs([row[1] for row in rows])
    marks = [
        Marked(fields.channel(row[0]), epoch, *_to_seqs(row[2], row[3]), _to_others(row[4]))
        for row, epoch in zip(rows, epochs, strict=True)
    ]
    gone = [fields.channel(name) for name in fields.items(gone_, MARKS_MAX, "channels that are gone")]
    fields.distinct([*[one.channel for one in marks], *gone], "channels of marks")
    return Marks(
        rid=fields.uint(rid, REQUEST_ID_STOP, "a request id"),
        user=to_user(user),
        marks=tuple(marks),
        gone=tuple(gone),
    )


def from_news(news: Sequence[News]) -> list[Value]:
    """Write what a page tells of marks."""
    return [
        NEWS.trimmed([one.place, one.version, one.read, one.delivered - one.read, _from_others(one.others)])
        for one in news
    ]


def to_news(value: object) -> tuple[News, ...]:
    """Read what a page tells of marks."""
    rows = [NEWS.filled(item) for item in fields.items(value, STATEMENTS_MAX, "marks")]
    news = [
        News(
            fields.uint(place, STATEMENTS_MAX, "a channel's place"),
            fields.seq(version, MARK_VERSION_STOP, "a version of marks"),
            *_to_seqs(read, ahead),
            _to_others(others),
        )
        for place, version, read, ahead, others in rows
    ]
    fields.distinct([one.place for one in news], "channels of marks")
    return tuple(news)


def to_user(value: object) -> str:
    """Whose device it is, or an empty text."""
    return fields.user(value) if value else _nobody(value)


def _nobody(value: object) -> str:
    if value != "":
        raise ProtocolError(f"not a user name: {fields.shown(value)}")
    return ""


def _to_seqs(read: object, ahead: object) -> tuple[int, int]:
    """Read, and delivered."""
    seq = fields.uint(read, SEQ_STOP, "a mark")
    return seq, fields.uint(seq + fields.uint(ahead, SEQ_STOP, "a mark"), SEQ_STOP, "a mark")


def _from_others(others: Sequence[Member] | None) -> Value:
    if others is None:
        return None
    return [MEMBER.trimmed([one.user, one.read, one.delivered - one.read]) for one in others]


def _to_others(value: object) -> tuple[Member, ...] | None:
    if value is None:
        return None
    rows = [MEMBER.filled(item) for item in fields.items(value, MARKS_MAX, "members")]
    members = [Member(fields.user(user), *_to_seqs(read, ahead)) for user, read, ahead in rows]
    fields.distinct([one.user for one in members], "members")
    return tuple(members)
