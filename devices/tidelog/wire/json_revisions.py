"""Bodies in JSON, those of edits, deletes and stubs among them (SPEC.md, "JSON")."""

from __future__ import annotations

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError
from tidelog.wire.frames import KIND_DELETE, KIND_EDIT, KIND_MESSAGE, KIND_STUB
from tidelog.wire.json_bodies import body_fields, take_body
from tidelog.wire.json_large import from_stub, to_stub
from tidelog.wire.json_ranges import from_ranges, to_ranges
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import KIND_STOP, TIME_MS_STOP
from tidelog.wire.ranges import RangeSet
from tidelog.wire.revisions import Edit, delete_body, edit_body, read_delete, read_edit
from tidelog.wire.stubs import read_stub, stub_body


def from_body(kind: int, body: bytes) -> dict[str, JsonValue]:
    """The fields of a body: of an edit, delete or stub what it says, where it is written as it should be."""
    try:
        if kind == KIND_EDIT and edit_body(edit := read_edit(body)) == body:
            return _from_edit(edit)
        if kind == KIND_DELETE and delete_body(voids := read_delete(body)) == body:
            return {"voids": from_ranges(voids)}
        if kind == KIND_STUB and stub_body(stub := read_stub(body)) == body:
            return from_stub(stub)
    except ProtocolError:
        pass
    return body_fields(body)


def _from_edit(edit: Edit) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {"voids": from_ranges(edit.voids)}
    if edit.kind:
        given["of_kind"] = edit.kind
    if edit.time:
        given["of_time"] = edit.time
    return given | body_fields(edit.content)


def to_body(kind: int, given: Object) -> bytes:
    """Take the fields of a body.

    Raises:
        ProtocolError: some are missing, malformed, or beyond a limit.
    """
    if kind == KIND_STUB and "digest" in given:
        return stub_body(to_stub(given))
    if "voids" not in given or kind not in (KIND_EDIT, KIND_DELETE):
        return take_body(given)
    voids = to_ranges(given.take("voids"))
    return fields.body(_edit(voids, given) if kind == KIND_EDIT else _delete(voids))


def _edit(voids: RangeSet, given: Object) -> bytes:
    made = edit_body(
        Edit(
            voids=voids,
            kind=given.uint("of_kind", KIND_STOP, default=KIND_MESSAGE),
            time=given.uint("of_time", TIME_MS_STOP, default=0),
            content=take_body(given),
        )
    )
    read_edit(made)
    return made


def _delete(voids: RangeSet) -> bytes:
    made = delete_body(voids)
    read_delete(made)
    return made
