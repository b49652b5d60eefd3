"""Damage to payloads, as hypothesis draws it."""

from __future__ import annotations

from hypothesis import strategies as st

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "insert", "delete", "repeat", "swap"]),
        st.integers(0, 2**16),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Apply a few changes, each at a place of the payload as it then is."""
    made = bytearray(data)
    for what, where, value in changes:
        at = where % (len(made) + 1)
        match what:
            case "flip":
                made[at : at + 1] = bytes(octet ^ 1 << value % 8 for octet in made[at : at + 1])
            case "set":
                made[at : at + 1] = bytes([value])
            case "insert":
                made[at:at] = bytes([value])
            case "delete":
                del made[at : at + 1 + value % 4]
            case "repeat":
                made[at:at] = made[at : at + 1 + value % 16]
            case "swap":
                made = made[at:] + made[:at]
    return bytes(made)
