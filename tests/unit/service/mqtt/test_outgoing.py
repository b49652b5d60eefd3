"""The queue between the worker and the link."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from tidelog_service.mqtt.outgoing import Outgoing, Publication, acknowledgements, token_of


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    queue = Outgoing()
    yield queue
    queue.close()


def test_acknowledgements_are_puback_packets_in_one_piece() -> None:
    tokens = [token_of(3, 1), token_of(3, 0x1234), token_of(3, 65_535)]
    assert acknowledgements(3, tokens).packets == bytes.fromhex("40020001 40021234 4002ffff")


def test_tokens_of_an_earlier_connection_are_left_out() -> None:
    assert acknowledgements(4, [token_of(3, 1), token_of(4, 2)]).packets == bytes.fromhex("40020002")


def test_the_reader_wakes_once_for_a_batch(outgoing: Outgoing) -> None:
    items = [Publication("t", bytes([n]), retain=False) for n in range(100)]
    assert not _is_ready(outgoing)
    for item in items:
        outgoing.put(item)
    assert _is_ready(outgoing)
    outgoing.hush()
    assert not _is_ready(outgoing)
    assert list(outgoing.take()) == items


def test_what_is_put_after_the_hush_wakes_again(outgoing: Outgoing) -> None:
    outgoing.put(Publication("t", b"1", retain=False))
    outgoing.hush()
    outgoing.put(Publication("t", b"2", retain=False))
    assert _is_ready(outgoing)
    assert [item.payload for item in outgoing.take() if isinstance(item, Publication)] == [b"1", b"2"]


def test_ringing_a_closed_bell_does_nothing(outgoing: Outgoing) -> None:
    outgoing.close()
    outgoing.ring()


def _is_ready(outgoing: Outgoing) -> bool:
    return bool(select.select([outgoing], [], [], 0)[0])
