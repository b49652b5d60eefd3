"""Which codecs there are, and how two sides agree on one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from tidelog.codec.plain import Plain
from tidelog.wire.errors import Code, ProtocolError, UsageError
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.packed_sync import Compress, Expand


class Codec(Protocol):
    """One way to compress the bodies of a page.

    The context is what both sides hold already; a codec primes itself with it and sends none of it.
    """

    @property
    def id(self) -> int:
        """Its number on the wire, below ``CODEC_STOP``."""
        ...

    @property
    def name(self) -> str:
        """Its name in configuration and reports."""
        ...

    def compress(self, bodies: Sequence[bytes], context: bytes) -> bytes:
        """Make one byte string of the bodies."""
        ...

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:
        """Undo `compress`.

        Args:
            data: from a peer, of any content.
            size: bytes of all bodies together, at most ``PAGE_BODIES_BYTES_MAX``; nothing larger is made.
            context: as in `compress`.

        Returns:
            the bodies joined, exactly ``size`` bytes.

        Raises:
            ProtocolError: the data is damaged or does not make ``size`` bytes.
        """
        ...


_BEST_FIRST: Final[tuple[Codec, ...]] = (Plain(),)
_BY_ID: Final[dict[int, Codec]] = {codec.id: codec for codec in _BEST_FIRST}


def by_id(codec: int) -> Codec:
    """The codec of a wire id.

    Raises:
        ProtocolError: this version does not have it (code UNSUPPORTED).
    """
    found = _BY_ID.get(codec)
    if found is None:
        raise ProtocolError(f"unknown codec {codec}", wire_code=Code.UNSUPPORTED)
    return found


def by_name(name: str) -> Codec:
    """The codec of a configured name.

    Raises:
        UsageError: there is none of that name.
    """
    for codec in _BEST_FIRST:
        if codec.name == name:
            return codec
    names = ", ".join(codec.name for codec in _BEST_FIRST)
    raise UsageError(f"no codec {name!r}", code="codec", hint=f"there are: auto, {names}")


def offered() -> tuple[int, ...]:
    """What to offer in a request, ascending: all codecs but ``none``, which is always implied."""
    return tuple(sorted(_BY_ID.keys() - {CODEC_NONE}))


def choose(offered_by_peer: Iterable[int]) -> int:
    """The best codec that both sides have; ids that this version does not know are passed over."""
    known = {CODEC_NONE, *offered_by_peer}
    return next(codec.id for codec in _BEST_FIRST if codec.id in known)


def compressor(codec: int, context: bytes = b"") -> Compress:
    """What `tidelog.wire.packed.encode` takes to compress with a codec and context.

    Raises:
        ProtocolError: the codec is unknown (code UNSUPPORTED).
    """
    chosen = by_id(codec)
    return lambda bodies: chosen.compress(bodies, context)


def expander(context: bytes = b"") -> Expand:
    """What `tidelog.wire.packed.decode` takes to expand bodies, whatever known codec a frame names."""
    return lambda codec, data, size: by_id(codec).expand(data, size, context)
