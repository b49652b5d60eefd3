"""What the service says of itself."""

from __future__ import annotations

import json

from tidelog.wire.limits import VERSION
from tidelog_service.engine.packets import Bounds
from tidelog_service.engine.status import OFFLINE, details_of, online


def test_it_says_since_when_it_runs_and_when_it_did_not() -> None:
    details = details_of(Bounds(page_bytes=4_000), 65_536, now_ms=9_000, down_from_ms=5_000)
    status = json.loads(online(details))
    assert (status["online"], status["protocol"]) == (True, VERSION)
    assert (status["since"], status["down"]) == (9_000, [5_000, 9_000])
    assert (status["limits"]["packet_bytes"], status["limits"]["page_bytes"]) == (65_536, 4_000)


def test_the_first_start_has_no_window_and_a_clock_put_back_an_empty_one() -> None:
    assert "down" not in details_of(Bounds(), 1, now_ms=9_000, down_from_ms=None)
    assert details_of(Bounds(), 1, now_ms=9_000, down_from_ms=99_000)["down"] == [9_000, 9_000]


def test_the_last_will_says_no_more_than_that_it_is_gone() -> None:
    assert json.loads(OFFLINE) == {"online": False}
