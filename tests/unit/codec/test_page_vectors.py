"""Whole exchanges for other implementations: what is held, the request, the page, what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidelog.codec.context import HISTORY_MAX, Key, history_records
from tidelog.codec.page import Lack, Rule, prime
from tidelog.codec.registry import offered
from tidelog.wire import packed, parts
from tidelog.wire.frames import SyncRequest
from tidelog.wire.metadata import Meta
from tidelog.wire.page_frames import Content, Page, Resync
from tidelog.wire.quantities import Reader
from tidelog.wire.ranges import RangeSet
from tidelog.wire.standings import Standing, Standings
from unit.codec.exchange import Answer, Held, Log, records_of
from unit.wire.described import account_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/pages.json").read_text("utf8"))
EACH = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


def log_of(told: list[dict[str, Any]]) -> Log:
    """Records as a vector tells them."""
    log: dict[Key, tuple[Meta, bytes]] = {}
    for one in told:
        lag = one.get("sent", one["time"]) - one["time"]
        meta = Meta(one["author"], one["time"], one.get("kind", 0), lag, one.get("content_type", ""))
        log[one["channel"], one["seq"]] = meta, one["text"].encode()
    return log


def page_of(vector: dict[str, Any]) -> tuple[Page, Content]:
    """The page, which has records."""
    page = packed.decode(bytes.fromhex(vector["page"]))
    assert isinstance(page, Page)
    assert page.content is not None
    return page, page.content


def stated(vector: dict[str, Any]) -> Standings:
    """The account as the page's header leaves it."""
    request = packed.decode(bytes.fromhex(vector["request"]))
    assert isinstance(request, SyncRequest | Resync)
    account = account_of(vector.get("account", []))
    if isinstance(request, Resync):
        assert request.digest == account.digest
        account.change(request.grown, request.changes)
    for one in request.statements:
        account.put(Standing(one.channel, one.epoch, one.have))
    page, _ = page_of(vector)
    assert page.rid == request.rid
    account.tell(page.told, page.gone)
    return account


@EACH
def test_a_page_says_what_the_vector_says(vector: dict[str, Any]) -> None:
    _, content = page_of(vector)
    account = stated(vector)
    answer = Answer(rule=Rule(**vector["rule"]))
    arrivals = answer.read(content, log_of(vector["held"]), list(account))
    assert records_of(arrivals) == log_of(vector["records"])
    for one in arrivals:
        account.add(one.channel, RangeSet.of(entry.seq for entry in one.records))
    assert account == account_of(vector["after"])
    assert f"{account.digest:08x}" == vector["digest"]


@EACH
def test_parts_history_and_context_are_those_of_the_vector(vector: dict[str, Any]) -> None:
    """What an implementation finds on its way."""
    _, content = page_of(vector)
    account = list(stated(vector))
    found, size = parts.decode(Reader(content.columns), account)
    assert [list(part) for part in found] == vector["parts"]
    assert size == vector["text_bytes"]
    newest = vector["rule"]["newest"]
    lacks = [
        Lack(place, account[place].channel, head, account[place].lacking(head, newest=newest))
        for place, head, _ in found
    ]
    held = Held(log_of(vector["held"]), {one.channel: one.kept for one in account})
    history = history_records(len(vector["records"]))
    primed = prime(lacks, held, content.model, codec=content.codec, history=HISTORY_MAX)
    assert [[one.channel, one.seq] for one in primed.history[:history]] == vector["history"]
    assert [[one.channel, one.seq] for one in primed.records] == vector["context"]


def test_every_codec_and_every_rule_has_a_vector() -> None:
    assert {page_of(vector)[1].codec for vector in VECTORS} == {0, *offered()}
    assert {len(vector["context"]) > 0 for vector in VECTORS} == {True, False}
    assert any(any(left for _, _, left in vector["parts"]) for vector in VECTORS)
    for name in ("newest", "oldest_first", "by_channel"):
        assert any(vector["rule"][name] for vector in VECTORS)
    assert any("account" in vector for vector in VECTORS)


def test_the_example_of_the_document_is_among_them() -> None:
    page, _ = page_of(VECTORS[0])
    spec = (Path(__file__).parents[3] / "devices/tidelog/wire/SPEC.md").read_text("utf8")
    assert page.content is not None
    assert page.content.columns.hex() in spec
