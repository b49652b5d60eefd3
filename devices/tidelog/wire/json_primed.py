"""The JSON form of a `PrimedPush`: for people who look at one; nobody sends it (SPEC.md, "Primed push")."""

from __future__ import annotations

from tidelog.wire import fields
from tidelog.wire.errors import ProtocolError
from tidelog.wire.json_ranges import from_ranges, to_ranges
from tidelog.wire.jsontext import JsonValue, Object
from tidelog.wire.limits import PAGE_RECORDS_MAX
from tidelog.wire.primed import PrimedPush, checked


def from_primed(frame: PrimedPush) -> dict[str, JsonValue]:
    """Write a push that others prime; what is inside is in hexadecimal digits."""
    given: dict[str, JsonValue] = {
        "type": "primed",
        "channel": frame.channel,
        "seqs": from_ranges(frame.seqs),
        "context": from_ranges(frame.context),
        "check": frame.check.hex(),
        "columns": frame.columns.hex(),
        "bodies": frame.bodies.hex(),
    }
    if frame.authors:
        given["authors"] = list(frame.authors)
    if frame.types:
        given["types"] = list(frame.types)
    return given


def to_primed(given: Object) -> PrimedPush:
    """Read a push that others prime."""
    frame = PrimedPush(
        channel=fields.channel(given.take("channel")),
        seqs=to_ranges(given.take("seqs")),
        context=to_ranges(given.take("context")),
        check=_to_octets(given.take("check")),
        columns=_to_octets(given.take("columns")),
        bodies=_to_octets(given.take("bodies")),
        authors=given.optional("authors", _to_authors, ()),
        types=given.optional("types", _to_types, ()),
    )
    given.done()
    return checked(frame)


def _to_authors(value: object) -> tuple[str, ...]:
    names = [fields.user(name) for name in fields.items(value, PAGE_RECORDS_MAX, "authors")]
    return tuple(fields.distinct(names, "authors"))


def _to_types(value: object) -> tuple[str, ...]:
    names = [fields.content_type(name) for name in fields.items(value, PAGE_RECORDS_MAX, "types")]
    return tuple(fields.distinct(names, "types"))


def _to_octets(value: object) -> bytes:
    try:
        octets = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        octets = None
    if octets is None or octets.hex() != value:
        raise ProtocolError(f"not hexadecimal digits: {fields.shown(value)}")
    return octets
