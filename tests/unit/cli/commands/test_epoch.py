"""``tidelog epoch`` on a data folder that nothing serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def rooms(tidelog: Command) -> Command:
    for name in ("room1", "room2"):
        tidelog("channel", "add", name)
    return tidelog


def listed(tidelog: Command) -> dict[str, dict[str, Any]]:
    return {one["channel"]: one for one in tidelog("epoch", "list", "--json").value}


def test_a_channel_is_renewed_by_name(rooms: Command) -> None:
    before = listed(rooms)
    (renewed,) = rooms("epoch", "renew", "room1", "--json").value
    after = listed(rooms)
    assert after["room1"] == renewed
    assert renewed["epoch"] != before["room1"]["epoch"]
    assert renewed["renewed"] > 10**12
    assert after["room2"] == before["room2"]
    assert rooms("epoch", "list").out.splitlines()[0].split() == ["channel", "epoch", "head", "renewed"]


def test_all_are_renewed_where_that_is_said(rooms: Command) -> None:
    before = listed(rooms)
    assert len(rooms("epoch", "renew", "--all").out.splitlines()) == 2
    assert all(one["epoch"] != before[name]["epoch"] for name, one in listed(rooms).items())


@pytest.mark.parametrize("words", [(), ("room1", "--all")])
def test_it_is_either_some_or_all(words: tuple[str, ...], rooms: Command) -> None:
    assert rooms("epoch", "renew", *words).code == 2
    assert rooms("epoch", "renew", "nowhere", "--json").error["code"] == "no_channel"
