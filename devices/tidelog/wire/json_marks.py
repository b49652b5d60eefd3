"""The JSON form of `MarkRequest` and `Marks` (SPEC.md, "JSON")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tidelog.wire import fields
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import EPOCH_STOP, MARKS_MAX, REQUEST_ID_STOP, SEQ_STOP
from tidelog.wire.marks import Mark, Marked, MarkRequest, Marks, Member
from tidelog.wire.packed_marks import to_user

_T = TypeVar("_T")


def written(frame: MarkRequest | Marks) -> dict[str, JsonValue]:
    """Write either frame."""
    return from_request(frame) if isinstance(frame, MarkRequest) else from_marks(frame)


def from_request(frame: MarkRequest) -> dict[str, JsonValue]:
    """Write a request."""
    given: dict[str, JsonValue] = {"type": "mark", "id": frame.rid}
    if frame.marks:
        given["marks"] = {one.channel: _from_mark(one) for one in frame.marks}
    return given


def _from_mark(one: Mark) -> JsonValue:
    told: dict[str, JsonValue] = {"epoch": one.epoch} if one.epoch else {}
    return told | _from_seqs(one.read, one.delivered)


def to_request(given: Object) -> MarkRequest:
    """Read a request."""
    frame = MarkRequest(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        marks=_each(given.take("marks", {}), "marks", _to_mark),
    )
    given.done()
    return frame


def from_marks(frame: Marks) -> dict[str, JsonValue]:
    """Write what the service has."""
    given: dict[str, JsonValue] = {"type": "marks"}
    if frame.rid:
        given["id"] = frame.rid
    if frame.user:
        given["user"] = frame.user
    given["marks"] = {one.channel: _from_marked(one) for one in frame.marks}
    return given | ({"gone": list(frame.gone)} if frame.gone else {})


def to_marks(given: Object) -> Marks:
    """Read what the service has."""
    marks = _each(given.take("marks"), "marks", _to_marked)
    gone = [fields.channel(name) for name in fields.items(given.take("gone", []), MARKS_MAX, "gone")]
    fields.distinct([*[one.channel for one in marks], *gone], "channels of marks")
    frame = Marks(
        rid=given.uint("id", REQUEST_ID_STOP, default=0),
        user=given.optional("user", to_user, ""),
        marks=marks,
        gone=tuple(gone),
    )
    given.done()
    return frame


def _each(value: object, what: str, read: Callable[[str, Object], _T]) -> tuple[_T, ...]:
    """What ``read`` makes of each field of an object."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not an object: {fields.shown(value)}")
    if len(value) > MARKS_MAX:
        raise ProtocolError(f"{what}: more than {MARKS_MAX}", wire_code=Code.LIMIT)
    made = []
    for name, item in value.items():
        given = Object(item, f"an entry of {what}")
        made.append(read(name, given))
        given.done()
    return tuple(made)


def _from_seqs(read: int, delivered: int) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"read": read} if read else {}
    return told | ({"delivered": delivered} if delivered != read else {})


def _to_seqs(given: Object) -> tuple[int, int]:
    """Read, and delivered, which is no less."""
    read = given.uint("read", SEQ_STOP, default=0)
    delivered = given.uint("delivered", SEQ_STOP, default=read)
    if delivered < read:
        raise ProtocolError("delivered is below read")
    return read, delivered


def _to_mark(name: str, given: Object) -> Mark:
    epoch = given.uint("epoch", EPOCH_STOP, default=0)
    return Mark(fields.channel(name), epoch, *_to_seqs(given))


def _from_marked(one: Marked) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"epoch": one.epoch}
    told |= _from_seqs(one.read, one.delivered)
    if one.others is not None:
        told["others"] = {member.user: _from_seqs(member.read, member.delivered) for member in one.others}
    return told


def _to_marked(name: str, given: Object) -> Marked:
    epoch, seqs = given.uint("epoch", EPOCH_STOP), _to_seqs(given)
    others = given.optional("others", lambda value: _each(value, "others", _to_member), None)
    return Marked(fields.channel(name), epoch, *seqs, others)


def _to_member(name: str, given: Object) -> Member:
    return Member(fields.user(name), *_to_seqs(given))
