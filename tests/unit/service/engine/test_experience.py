"""How much is read for a page, by what the last ones came to."""

from __future__ import annotations

from tidelog.codec.context import Entry
from tidelog.wire.metadata import Meta
from tidelog_service.engine.experience import Experience, Experiences


def entries(*bodies: bytes) -> list[Entry]:
    return [Entry("a", seq, Meta("ann", seq), body, len(body)) for seq, body in enumerate(bodies, 1)]


def test_a_device_that_nothing_is_known_of_gets_a_guess() -> None:
    assert Experience().text_bytes(1_000) == 5_000
    assert Experience().columns_bytes(5_000, 100, 1_000) == 193


def test_what_a_page_came_to_is_what_the_next_one_is_thought_to_be() -> None:
    found = Experience()
    found.learn(entries(b"x" * 99, b"x" * 99), data_bytes=20, columns_bytes=8)
    assert (found.ratio, found.column_bytes) == (10.0, 4.0)
    assert found.text_bytes(1_000) == 12_500


def test_bodies_that_do_not_compress_or_are_empty_lead_to_nothing_odd() -> None:
    found = Experience()
    found.learn(entries(b""), data_bytes=0, columns_bytes=0)
    assert (found.ratio, found.column_bytes) == (1.0, 0.0)
    assert found.columns_bytes(1, 1, 100) == 0
    found.learn(entries(bytes(9)), data_bytes=500, columns_bytes=1)
    assert found.ratio == 1.0
    assert found.columns_bytes(10, 1, -5) <= 0


def test_of_each_device_it_is_its_own() -> None:
    known = Experiences()
    known.of("a").ratio = 9.0
    assert (known.of("a").ratio, known.of("b").ratio, len(known)) == (9.0, 4.0, 2)


def test_of_too_many_devices_all_start_anew() -> None:
    """A million devices that ask once must not fill the memory."""
    known = Experiences(devices_max=3)
    for name in "abcabc":
        known.of(name).ratio = 9.0
    assert len(known) == 3
    assert known.of("d").ratio == 4.0
    assert len(known) == 1
