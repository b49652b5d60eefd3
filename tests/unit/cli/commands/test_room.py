"""``tidelog room`` without a service: what is wrong before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]

ME = ("--device", "a1phone", "--store", ":memory:", "--url", "mqtt://127.0.0.1:1", "--timeout", "0.2")


@pytest.fixture(autouse=True)
def secret(tidelog: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    del tidelog  # it forgets the secret
    monkeypatch.setenv("TIDELOG_SECRET", "s")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "a+"), "channel_name"),
        (("create", "boat", "a/b"), "user_name"),
        (("direct", "a/b"), "user_name"),
        (("invite", "boat", "$b"), "user_name"),
        (("leave", "a//b"), "channel_name"),
    ],
)
def test_names_are_looked_at_first(tidelog: Command, words: tuple[str, ...], code: str) -> None:
    shown = tidelog("room", *words, *ME, "--json")
    assert (shown.code, shown.out, shown.error["code"]) == (2, "", code)


@pytest.mark.parametrize(
    "words", [("invite", "boat"), ("remove", "boat"), ("invite", "boat", "b", "--role", "x")]
)
def test_what_is_missing_or_is_no_role_is_a_usage_error(tidelog: Command, words: tuple[str, ...]) -> None:
    assert tidelog("room", *words, *ME).code == 2


def test_without_a_link_nothing_is_done(tidelog: Command) -> None:
    shown = tidelog("room", "leave", "boat", *ME, "--json")
    assert (shown.code, shown.out, shown.error["code"]) == (3, "", "offline")
