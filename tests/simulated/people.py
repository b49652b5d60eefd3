"""Who there is in the simulation, on what devices, and in which channels."""

from __future__ import annotations

MEMBERS = {
    "room1": ("alice", "bob"),
    "room2": ("alice", "bob", "carol"),
    "plant/line/4": ("carol", "dave"),
    "diary": ("alice",),
    "empty": ("alice", "bob", "carol", "dave"),
}
RECEIPTS = ("room2", "plant/line/4")
"""Where members hear how far others have come."""

DEVICES = {
    "alice": ("alice-phone", "alice-tab", "alice-pc"),
    "bob": ("bob-phone", "bob-pc"),
    "carol": ("carol-phone", "carol-tab"),
    "dave": ("dave-phone",),
}
PLAIN = {"bob": ("bob-script",), "carol": ("carol-meter",)}


def readable(user: str) -> set[str]:
    """The channels that a user may read, and write."""
    return {name for name, members in MEMBERS.items() if user in members}
