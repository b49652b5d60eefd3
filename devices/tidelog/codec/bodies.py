"""The bodies of a page as one text in which each ends itself (SPEC.md, "Bodies").

A body ends with a NUL; NUL and SOH within one are two bytes each. A terminator costs a good compressor a
thirtieth of a byte, where a column of sizes costs nearly one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tidelog.wire.errors import ProtocolError

END: Final = b"\0"
_ESCAPE: Final = b"\1"
_STUFFED: Final = ((b"\1", b"\1\3"), (b"\0", b"\1\2"))
"""What stands for each of the two bytes, in the order in which they are replaced."""
_SPECIAL: Final = re.compile(rb"\x01([\x02\x03])")


def joined(bodies: Iterable[bytes]) -> bytes:
    """Write bodies, each ended by NUL."""
    listed = [*bodies, b""]
    text = END.join(listed)
    # Hardly any text has NUL or SOH in it: a look at the whole is ten times cheaper than at each body.
    if text.count(END) == len(listed) - 1 and _ESCAPE not in text:
        return text
    return END.join(map(_stuffed, listed))


def size(body: bytes) -> int:
    """Bytes of a body in a text, its end included."""
    return len(body) + body.count(END) + body.count(_ESCAPE) + 1


def split(text: bytes, count: int) -> Sequence[bytes]:
    """Cut a text into its bodies.

    Args:
        text: from a peer, of any content.
        count: how many bodies there must be.

    Raises:
        ProtocolError: there are more or fewer, the last has no end, or a SOH starts no escape.
    """
    if text.count(END) != count:  # before anything is built
        raise ProtocolError(f"not {count} bodies")
    *bodies, rest = text.split(END)
    if rest:
        raise ProtocolError("the last body has no end")
    if _ESCAPE not in text:
        return bodies
    if text.count(_ESCAPE) != sum(1 for _ in _SPECIAL.finditer(text)):
        raise ProtocolError("a SOH that starts no escape")
    return [_SPECIAL.sub(_plain, body) for body in bodies]


def _stuffed(body: bytes) -> bytes:
    for plain, written in _STUFFED:
        if plain in body:
            body = body.replace(plain, written)
    return body


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes([found[1][0] - 2])
