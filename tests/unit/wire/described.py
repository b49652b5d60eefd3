"""Frames that have no JSON form, as the vectors describe them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tidelog.wire import jsonform
from tidelog.wire.anyframe import Frame
from tidelog.wire.audit_frames import Audit, Span, Verdict
from tidelog.wire.frames import SyncRequest
from tidelog.wire.json_ranges import to_ranges
from tidelog.wire.marks import Member, News
from tidelog.wire.page_frames import Content, Model, Page, Resync
from tidelog.wire.ranges import EMPTY, RangeSet
from tidelog.wire.standings import Change, Growth, Standing, Standings, Told
from tidelog.wire.statements import Statement

PAGE_FIELDS = (
    "by_channel",
    "pages",
    "keep",
    "context_bytes",
    "newest",
    "room",
    "dictionary",
    "seconds",
    "plain",
)
"""Of a request, those that JSON lacks."""


def frame_of(told: dict[str, Any]) -> Frame:
    """The frame that is described."""
    match told["type"]:
        case "resync":
            return resync_of(told)
        case "page":
            return page_of(told)
        case "audit":
            return audit_of(told)
        case "verdict":
            return Verdict(
                rid=told["id"],
                lacking=told.get("lacking", 0),
                news=told.get("news", 0),
                differing=seqs_of(told.get("differing")),
            )
        case _:
            return request_of(told)


def audit_of(told: dict[str, Any]) -> Audit:
    """An audit, its sums in hexadecimal digits."""
    request = frame_of(told["request"]) if "request" in told else told["id"]
    if not isinstance(request, SyncRequest | Resync | int):
        raise TypeError(told)
    spans = [
        Span(one["place"], one["start"], one["stop"], sums_of(one["sums"])) for one in told.get("spans", ())
    ]
    return Audit(
        request=request,
        total=int(told["sum"], 16) if "sum" in told else None,
        channels=sums_of(told.get("channels", ())),
        spans=tuple(spans),
        patterns=tuple(told.get("patterns", ())),
    )


def sums_of(told: Sequence[str]) -> tuple[int, ...]:
    """Sums of channels or pieces."""
    return tuple(int(one, 16) for one in told)


def seqs_of(ranges: object) -> RangeSet:
    """A set of seqs."""
    return to_ranges(ranges) if ranges else EMPTY


def request_of(told: dict[str, Any]) -> SyncRequest:
    """A request in full: as in JSON, and the fields for pages."""
    more = {name: told[name] for name in PAGE_FIELDS if name in told}
    plain = {name: value for name, value in told.items() if name not in PAGE_FIELDS}
    request = jsonform.decode(json.dumps(plain).encode())
    if not isinstance(request, SyncRequest):
        raise TypeError(told)
    return replace(request, **more)


def resync_of(told: dict[str, Any]) -> Resync:
    """A request by token."""
    return Resync(
        rid=told["id"],
        token=bytes.fromhex(told["token"]),
        digest=int(told["digest"], 16),
        grown=tuple(Growth(place, size) for place, size in told.get("grown", ())),
        changes=tuple(
            Change(one["place"], seqs_of(one.get("added")), seqs_of(one.get("dropped")))
            for one in told.get("changes", ())
        ),
        statements=tuple(
            Statement(channel=name, epoch=one["epoch"], have=seqs_of(one["ranges"]))
            for name, one in told.get("have", {}).items()
        ),
        room=told.get("room", 0),
    )


def page_of(told: dict[str, Any]) -> Page:
    """A page, its records as they travel."""
    return Page(
        rid=told["id"],
        more=told.get("more", False),
        told=tuple(
            Told(
                one["channel"] if "channel" in one else one["place"],
                one["epoch"],
                one.get("floor", 1),
                seqs_of(one.get("voids")),
                seqs_of(one.get("dead")),
            )
            for one in told.get("told", ())
        ),
        gone=tuple(told.get("gone", ())),
        token=bytes.fromhex(told.get("token", "")),
        dictionary=told.get("dictionary", 0),
        content=_content(told["records"]) if "records" in told else None,
        marks=tuple(_news(one) for one in told.get("marks", ())),
        user=told.get("user", ""),
    )


def _news(told: dict[str, Any]) -> News:
    others = told.get("others")
    return News(
        told["place"],
        told["version"],
        told.get("read", 0),
        told.get("delivered", told.get("read", 0)),
        None if others is None else tuple(Member(*one) for one in others),
    )


def _content(told: dict[str, Any]) -> Content:
    model = told["model"]
    return Content(
        codec=told["codec"],
        model=Model(model["context_bytes"], model["memory_bytes"], model["order"]),
        dictionary=told.get("dictionary", False),
        plain=told["plain"],
        check=bytes.fromhex(told["check"]),
        columns=bytes.fromhex(told["string"]),
        authors=tuple(told.get("authors", ())),
        types=tuple(told.get("types", ())),
        bodies=bytes.fromhex(told["bodies"]),
    )


def account_of(told: list[dict[str, Any]]) -> Standings:
    """An account."""
    return Standings(
        Standing(
            one["channel"], one["epoch"], seqs_of(one["have"]), one.get("floor", 1), marks=one.get("marks", 0)
        )
        for one in told
    )
