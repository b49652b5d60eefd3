"""Requests by token and pages as `tidelog decode` shows them: what can be told without records."""

from __future__ import annotations

from typing import Any

from tidelog.wire.frames import SyncRequest
from tidelog.wire.json_ranges import from_ranges
from tidelog.wire.marks import News
from tidelog.wire.page_frames import Content, Page, Resync
from tidelog.wire.standings import Told
from tidelog.wire.statements import Statement


def asked(frame: SyncRequest) -> dict[str, Any]:
    """What a request says that only packed ones can."""
    told: dict[str, Any] = {
        "pages": frame.pages,
        "token_wanted": frame.keep,
        "context_kib": frame.context_bytes >> 10,
        "dictionary": frame.dictionary,
        "newest": frame.newest,
        "room": frame.room,
        "by_channel": frame.by_channel,
        "seconds": frame.seconds,
        "plain_pushes": frame.plain,
    }
    return _given(told, always=())


def resync(frame: Resync) -> dict[str, Any]:
    """A request by token."""
    told: dict[str, Any] = {
        "type": "resync",
        "id": frame.rid,
        "token": frame.token.hex(),
        "digest": f"{frame.digest:08x}",
        "grown": [{"place": one.place, "by": one.size} for one in frame.grown],
        "changes": [
            {"place": place, "added": from_ranges(added), "dropped": from_ranges(dropped)}
            for place, added, dropped in frame.changes
        ],
        "have": {one.channel: _stated(one) for one in frame.statements},
        "room": frame.room,
    }
    return _given(told, always=("type", "id", "token", "digest"))


def page(frame: Page) -> dict[str, Any]:
    """A page; its records are told after those that the device holds, so only their bytes can be shown."""
    told: dict[str, Any] = {
        "type": "page",
        "id": frame.rid,
        "more": frame.more,
        "channels": [_told(one) for one in frame.told],
        "gone": list(frame.gone),
        "token": frame.token.hex(),
        "dictionary": frame.dictionary,
        "records": _content(frame.content) if frame.content is not None else {},
        "marks": [_news(one) for one in frame.marks],
        "user": frame.user,
    }
    return _given(told, always=("type", "id", "more"))


def _stated(statement: Statement) -> dict[str, Any]:
    return {"epoch": statement.epoch, "ranges": from_ranges(statement.have)}


def _told(told: Told) -> dict[str, Any]:
    named = {"channel": told.channel} if isinstance(told.channel, str) else {"place": told.channel}
    floor = {"floor": told.floor} if told.floor > 1 else {}
    voids = {"voids": from_ranges(told.voids)} if told.voids else {}
    dead = {"dead": from_ranges(told.dead)} if told.dead else {}
    return named | {"epoch": told.epoch} | floor | voids | dead


def _news(news: News) -> dict[str, Any]:
    told: dict[str, Any] = {
        "place": news.place,
        "version": news.version,
        "read": news.read,
        "delivered": news.delivered,
    }
    if news.others is not None:
        told["others"] = {
            one.user: _given({"read": one.read, "delivered": one.delivered}, always=()) for one in news.others
        }
    return _given(told, always=("place", "version", "others"))


def _content(content: Content) -> dict[str, Any]:
    told: dict[str, Any] = {
        "codec": content.codec,
        "context_kib": content.model.context_bytes >> 10,
        "memory_mib": content.model.memory_bytes >> 20,
        "order": content.model.order,
        "after_dictionary": content.dictionary,
        "check": content.check.hex(),
        "columns": len(content.columns),
        "authors": list(content.authors),
        "types": list(content.types),
        "bodies": len(content.bodies),
    }
    return _given(told, always=("codec", "check", "columns", "bodies"))


def _given(told: dict[str, Any], *, always: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value or name in always}
