"""Which codecs there are for the bodies of a page, by id and by name."""

from __future__ import annotations

from typing import Final

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.plain import Plain
from tidelog.codec.ppmd import Ppmd
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.page_frames import Model

_NAMES: Final = {Plain.name: Plain.id, Deflate.name: Deflate.id, Ppmd.name: Ppmd.id}


def offered() -> tuple[int, ...]:
    """What a device of this installation offers in requests, ascending; ``CODEC_NONE`` is always implied."""
    return (Deflate.id, Ppmd.id) if ppmd.available() else (Deflate.id,)


def by_name(name: str) -> int:
    """The id of a configured name.

    Raises:
        UsageError: there is none of that name, or this installation lacks it.
    """
    if name not in _NAMES:
        names = ", ".join(_NAMES)
        raise UsageError(f"no codec {name!r}", code="codec", hint=f"there are: auto, {names}")
    codec = _NAMES[name]
    if codec not in (CODEC_NONE, *offered()):
        raise UsageError(f"no pyppmd for codec {name!r}", code="codec", hint="pip install 'tidelog[ppmd]'")
    return codec


def expand(codec: int, data: bytes, size: int, context: bytes, model: Model) -> bytes:
    """Undo what a page's codec did.

    Args:
        codec: its id, from a peer.
        data: from a peer, of any content.
        size: bytes of the text, at most ``PAGE_BODIES_BYTES_MAX``; nothing larger is made.
        context: what primes the codec: a dictionary, held bodies, or nothing.
        model: what the page says of it.

    Raises:
        ProtocolError: the data is damaged or does not make ``size`` bytes, or this installation lacks the
            codec (code UNSUPPORTED).
    """
    if codec == Deflate.id:
        return Deflate().expand(data, size, context)
    if codec == Ppmd.id and ppmd.available():
        return Ppmd(model.order).expand(data, size, context, model.memory_bytes)
    if codec == CODEC_NONE:
        return Plain().expand(data, size, context)
    raise ProtocolError(f"unknown codec {codec}", wire_code=Code.UNSUPPORTED)
