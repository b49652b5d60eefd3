"""The packed form of `Resync` and `Page`: what goes around at each sync, without a byte that need not be.

Beside CBOR arrays for what is rare, both are fields of fixed size (SPEC.md, "Resync", "Page").
"""

from __future__ import annotations

from itertools import accumulate, chain, islice, pairwise
from typing import Final, NamedTuple

from tidelog.wire import cbor, fields, models, packed_marks, runs, series, varint
from tidelog.wire.cbor import Value
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.layout import Layout
from tidelog.wire.limits import (
    CHECK_BYTES,
    DICTIONARY_STOP,
    PAGE_RECORDS_MAX,
    SEQ_STOP,
    STATEMENTS_MAX,
    TOKEN_BYTES,
)
from tidelog.wire.marks import News
from tidelog.wire.packed_sync import from_statements, to_set, to_statements
from tidelog.wire.page_frames import Content, Page, Resync, Screened
from tidelog.wire.standings import Change, Growth, Told

REST: Final = Layout(what="a resync", required=0, defaults=(b"", 0, [], []), extensible=True)
CHANGE: Final = Layout(what="a change", required=2, defaults=(b"",))
HEADER: Final = Layout(
    what="a page's header", required=0, defaults=([], b"", [], 0, [], "", []), extensible=True
)
TOLD: Final = Layout(what="what a page tells", required=1, defaults=(None, 1, b"", b""))
NAMES: Final = Layout(what="new names", required=0, defaults=([], []))

_RID_BYTES: Final = 2
_DIGEST_BYTES: Final = 4
_FIXED_BYTES: Final = 1 + _RID_BYTES + TOKEN_BYTES + _DIGEST_BYTES

_MORE, _HEADER, _CONTENT, _PLAIN, _DICTIONARY, _NAMES = 1, 2, 4, 8, 16, 32
_CODEC_SHIFT: Final = 6
CODECS_STOP: Final = 4
"""Codecs of a page are below this: two bits."""


# Requests


def from_resync(frame: Resync) -> bytes:
    """Write a request by token, without the first byte."""
    fixed = (
        frame.rid.to_bytes(_RID_BYTES)
        + frame.token.rjust(TOKEN_BYTES, b"\0")
        + frame.digest.to_bytes(_DIGEST_BYTES)
    )
    changes: list[Value] = [
        CHANGE.trimmed([index, runs.encode(added), runs.encode(dropped)])
        for index, added, dropped in frame.changes
    ]
    rest = REST.trimmed([_from_grown(frame.grown), frame.room, changes, from_statements(frame.statements)])
    return fixed + (cbor.dumps(rest) if rest else b"")


def _from_grown(grown: tuple[Growth, ...]) -> bytes:
    """Pairs of the gap to the place before and a count."""
    gaps = [after.place - before.place - 1 for before, after in pairwise([Growth(-1, 0), *grown])]
    return varint.encode(chain.from_iterable(zip(gaps, [one.size for one in grown], strict=True)))


def to_resync(payload: bytes) -> Resync:
    """Read a request by token; ``payload`` with its first byte."""
    if len(payload) < _FIXED_BYTES:
        raise ProtocolError("a resync is cut short")
    at = 1 + _RID_BYTES
    rest: list[Value] = cbor.loads(payload, start=_FIXED_BYTES) if len(payload) > _FIXED_BYTES else []
    grown_, room, changes_, statements = REST.filled(rest)
    grown, changes = _to_grown(fields.octets(grown_, "what grew")), _to_changes(changes_)
    places = [*(one.place for one in grown), *(one.place for one in changes)]
    fields.distinct(places, "channels that changed")
    return Resync(
        rid=int.from_bytes(payload[1:at]),
        token=payload[at : at + TOKEN_BYTES],
        digest=int.from_bytes(payload[at + TOKEN_BYTES : _FIXED_BYTES]),
        grown=grown,
        changes=changes,
        statements=to_statements(statements),
        room=fields.room(room),
    )


def resync_id(payload: bytes) -> int:
    """The rid of a request by token; ``payload`` with its first byte.

    Raises:
        ProtocolError: it is cut short.
    """
    if len(payload) <= _RID_BYTES:
        raise ProtocolError("a resync is cut short")
    return int.from_bytes(payload[1 : 1 + _RID_BYTES])


def _to_grown(data: bytes) -> tuple[Growth, ...]:
    numbers = varint.decode(data, count_max=2 * STATEMENTS_MAX)
    if len(numbers) % 2:
        raise ProtocolError("what grew is cut short")
    places = accumulate(numbers[::2], lambda last, gap: last + gap + 1, initial=-1)
    grown = [
        Growth(index, count) for index, count in zip(islice(places, 1, None), numbers[1::2], strict=True)
    ]
    if not all(0 < one.size < SEQ_STOP for one in grown):
        raise ProtocolError("a have-set that grew by nothing or beyond the limit")
    if grown and grown[-1].place >= STATEMENTS_MAX:
        raise ProtocolError(f"a channel's place is not below {STATEMENTS_MAX}", wire_code=Code.LIMIT)
    return tuple(grown)


def _to_changes(items: object) -> tuple[Change, ...]:
    rows = [CHANGE.filled(item) for item in fields.items(items, STATEMENTS_MAX, "changes")]
    return tuple(
        [
            Change(fields.uint(index, STATEMENTS_MAX, "a channel's place"), to_set(added), to_set(dropped))
            for index, added, dropped in rows
        ]
    )


# Pages


class _Header(NamedTuple):
    told: tuple[Told, ...] = ()
    token: bytes = b""
    gone: tuple[str, ...] = ()
    dictionary: int = 0
    marks: tuple[News, ...] = ()
    user: str = ""
    screened: tuple[Screened, ...] = ()


_NOTHING: Final = _Header()


def from_page(frame: Page) -> bytes:
    """Write a page, without the first byte."""
    screened: list[Value] = list(
        chain.from_iterable([one.place, runs.encode(one.seqs)] for one in frame.screened)
    )
    marks = packed_marks.from_news(frame.marks)
    told = _from_told(frame.told)
    gone: list[Value] = list(frame.gone)
    header = HEADER.trimmed([told, frame.token, gone, frame.dictionary, marks, frame.user, screened])
    content = frame.content
    flags = (_MORE if frame.more else 0) | (_HEADER if header else 0)
    if content is not None:
        flags |= _content_flags(content)
    parts = [frame.rid.to_bytes(_RID_BYTES)]
    if flags:
        parts.append(bytes([flags]))
    if header:
        parts.append(varint.sized(cbor.dumps(header)))
    if content is not None:
        parts += _from_content(content)
    return b"".join(parts)


def _content_flags(content: Content) -> int:
    return (
        _CONTENT
        | (_PLAIN if content.plain else 0)
        | (_DICTIONARY if content.dictionary else 0)
        | (_NAMES if content.authors or content.types else 0)
        | content.codec << _CODEC_SHIFT
    )


def _from_content(content: Content) -> list[bytes]:
    names = NAMES.trimmed([list(content.authors), list(content.types)])
    return [
        bytes([models.encode(content.model)]),
        content.check,
        varint.sized(content.columns),
        varint.sized(cbor.dumps(names)) if names else b"",
        content.bodies,
    ]


def _from_told(told: tuple[Told, ...]) -> list[Value]:
    epochs = series.epochs([one.epoch for one in told])
    return [
        TOLD.trimmed([one.channel, epoch, one.floor, runs.encode(one.voids), runs.encode(one.dead)])
        for one, epoch in zip(told, epochs, strict=True)
    ]


def to_page(payload: bytes) -> Page:
    """Read a page; ``payload`` with its first byte. Its records stay as they are."""
    at = 1 + _RID_BYTES
    if len(payload) < at:
        raise ProtocolError("a page is cut short")
    flags = payload[at] if len(payload) > at else 0
    if len(payload) > at and not flags:
        raise ProtocolError("a page with needless flags")
    rest = payload[at + 1 :]
    header = _NOTHING
    if flags & _HEADER:
        data, rest = _cut(rest)
        header = _to_header(data)
    return Page(
        rid=int.from_bytes(payload[1:at]),
        more=bool(flags & _MORE),
        content=_to_content(flags, rest),
        **header._asdict(),
    )


def _to_header(data: bytes) -> _Header:
    told_, token, gone_, dictionary, marks, user, screened = HEADER.filled(cbor.loads(data, start=0))
    rows = [TOLD.filled(item) for item in fields.items(told_, STATEMENTS_MAX, "channels")]
    epochs = series.read_epochs([row[1] for row in rows])
    told = tuple(
        [
            Told(
                channel=_to_channel(row[0]),
                epoch=epoch,
                floor=fields.seq(row[2], SEQ_STOP, "a floor"),
                voids=to_set(row[3]),
                dead=to_set(row[4]),
            )
            for row, epoch in zip(rows, epochs, strict=True)
        ]
    )
    gone = [fields.channel(name) for name in fields.items(gone_, STATEMENTS_MAX, "channels that are gone")]
    fields.distinct([*[one.channel for one in told], *gone], "channels of a page")
    if len(fields.octets(token, "a token")) not in (0, TOKEN_BYTES):
        raise ProtocolError(f"a token is not {TOKEN_BYTES} bytes")
    return _Header(
        told,
        fields.octets(token, "a token"),
        tuple(gone),
        fields.uint(dictionary, DICTIONARY_STOP, "a dictionary"),
        packed_marks.to_news(marks),
        packed_marks.to_user(user),
        _to_screened(screened),
    )


def _to_screened(value: object) -> tuple[Screened, ...]:
    items = fields.items(value, 2 * STATEMENTS_MAX, "what passes")
    if len(items) % 2:
        raise ProtocolError("what passes is cut short")
    places = [fields.uint(place, STATEMENTS_MAX, "a channel's place") for place in items[::2]]
    fields.distinct(places, "channels of which something passes")
    screened = tuple(map(Screened, places, map(to_set, items[1::2])))
    if not all(one.seqs for one in screened):
        raise ProtocolError("nothing of a channel passes")
    return screened


def _to_channel(value: object) -> str | int:
    return (
        fields.channel(value)
        if isinstance(value, str)
        else fields.uint(value, STATEMENTS_MAX, "a channel's place")
    )


def _to_content(flags: int, data: bytes) -> Content | None:
    if not flags & _CONTENT:
        if data or flags & ~(_MORE | _HEADER):
            raise ProtocolError("a page without records goes on")
        return None
    if len(data) < 1 + CHECK_BYTES:
        raise ProtocolError("a page is cut short")
    columns, rest = _cut(data[1 + CHECK_BYTES :])
    names, bodies = _cut(rest) if flags & _NAMES else (b"", rest)
    authors, types = NAMES.filled(cbor.loads(names, start=0) if names else [])
    return Content(
        codec=flags >> _CODEC_SHIFT,
        model=models.decode(data[0]),
        dictionary=bool(flags & _DICTIONARY),
        plain=bool(flags & _PLAIN),
        check=data[1 : 1 + CHECK_BYTES],
        columns=columns,
        authors=tuple([fields.user(name) for name in fields.items(authors, PAGE_RECORDS_MAX, "authors")]),
        types=tuple([fields.content_type(name) for name in fields.items(types, PAGE_RECORDS_MAX, "types")]),
        bodies=bodies,
    )


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """A string whose length stands before it, and the rest."""
    size, at = varint.first(data, 0)
    if size > len(data) - at:
        raise ProtocolError("a page is cut short")
    return data[at : at + size], data[at + size :]
