"""When devices were last heard of, and what their status said."""

from __future__ import annotations

from tidelog.wire.frames import Presence
from tidelog_service.engine.packets import Packet
from tidelog_service.engine.sightings import Sighting, Sightings


def status(device: str, payload: bytes, *, retained: bool = False) -> tuple[str, Packet]:
    return device, Packet(f"tl1/{device}/status", payload, 0, retained)


def test_each_packet_is_a_sighting_and_a_status_says_more() -> None:
    seen = Sightings()
    seen.served(
        [status("a1", b"1"), ("a1", Packet("tl1/a1/sync", b"1")), ("b1", Packet("tl1/b1/msg", b"0"))], 5
    )
    seen.served([("a1", Packet("tl1/a1/msg/status", b"2")), ("", Packet("tl1/x/msg", b""))], 7)
    assert dict(seen.take(9)) == {"a1": Sighting(7, Presence.LIVE), "b1": Sighting(5, None)}
    assert not seen


def test_a_will_and_what_the_broker_kept_are_no_sign_of_the_device_itself() -> None:
    seen = Sightings()
    seen.served([status("a1", b"2", retained=True), status("b1", b"0")], 5)
    seen.served([status("c1", b"", retained=False), status("d1", b"?")], 6)
    assert dict(seen.take(9)) == {
        "a1": Sighting(0, Presence.QUIET),
        "b1": Sighting(0, Presence.OFFLINE),
        "c1": Sighting(0, Presence.OFFLINE),
        "d1": Sighting(6, None),
    }


def test_what_could_not_be_kept_stands_below_what_was_heard_since() -> None:
    seen = Sightings()
    seen.served([status("a1", b"1"), status("b1", b"2")], 5)
    taken = seen.take(9)
    seen.served([status("a1", b"0"), ("c1", Packet("tl1/c1/sync", b""))], 8)
    seen.put_back(taken)
    assert dict(seen.take(9)) == {
        "a1": Sighting(5, Presence.OFFLINE),
        "b1": Sighting(5, Presence.QUIET),
        "c1": Sighting(8, None),
    }


def test_only_so_many_are_taken_at_once() -> None:
    seen = Sightings()
    seen.served([status(f"d{n}", b"1") for n in range(5)], 5)
    assert [len(seen.take(2)) for _ in range(4)] == [2, 2, 1, 0]
