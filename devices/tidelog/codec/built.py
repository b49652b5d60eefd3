"""Codecs that are built and not yet offered: what pages are to choose from (docs/pages.md)."""

from __future__ import annotations

from typing import Protocol

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate


class TextCodec(Protocol):
    """One way to compress the text of a page's bodies after a context that both sides hold."""

    @property
    def id(self) -> int:
        """Its number on the wire."""
        ...

    @property
    def name(self) -> str:
        """Its name in configuration and reports."""
        ...

    def compress(self, text: bytes, context: bytes) -> bytes:
        """Compress a text as `tidelog.codec.bodies.joined` writes it; the context is one too."""
        ...

    def expand(self, data: bytes, size: int, context: bytes) -> bytes:
        """Undo `compress`.

        Args:
            data: from a peer, of any content.
            size: bytes of the text, at most ``PAGE_BODIES_BYTES_MAX``; nothing larger is made.
            context: as in `compress`.

        Raises:
            ProtocolError: the data is damaged or does not make ``size`` bytes.
        """
        ...


def best_first() -> tuple[TextCodec, ...]:
    """The codecs that this installation has, the strongest first."""
    return (ppmd.Ppmd(), Deflate()) if ppmd.available() else (Deflate(),)
