"""How a page's bodies were compressed, beside the codec, as one byte (SPEC.md, "Page")."""

from __future__ import annotations

from typing import Final

from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import MODEL_BYTES_MAX
from tidelog.wire.page_frames import MODEL_ORDERS, Model

_CONTEXT_UNIT: Final = 2_048
CONTEXT_CODES: Final = 8
"""Three bits: 0, or a power of two from 4 KiB to 256 KiB."""
_CONTEXT_MASK: Final = CONTEXT_CODES - 1
_MEMORY_UNIT: Final = 1 << 20
_MEMORY_SHIFT: Final = 3
_MEMORY_MASK: Final = 7
_ORDER_SHIFT: Final = 6


def encode(model: Model) -> int:
    """A model as one byte: context in bits 0 to 2, memory in 3 to 5, order in 6 and 7."""
    memory = (model.memory_bytes // _MEMORY_UNIT).bit_length() - 1
    order = MODEL_ORDERS.index(model.order)
    return context_code(model.context_bytes) | memory << _MEMORY_SHIFT | order << _ORDER_SHIFT


def decode(byte: int) -> Model:
    """The model of a byte.

    Raises:
        ProtocolError: it asks for more memory than a page may (code LIMIT).
    """
    memory = _MEMORY_UNIT << (byte >> _MEMORY_SHIFT & _MEMORY_MASK)
    if memory > MODEL_BYTES_MAX:
        raise ProtocolError(f"a model of {memory} bytes", wire_code=Code.LIMIT)
    return Model(context_bytes(byte & _CONTEXT_MASK), memory, MODEL_ORDERS[byte >> _ORDER_SHIFT])


def context_code(size: int) -> int:
    """A budget of context as three bits; one between two powers counts as the lower."""
    return min(max((size // _CONTEXT_UNIT).bit_length() - 1, 0), CONTEXT_CODES - 1)


def context_bytes(code: int) -> int:
    """The inverse of `context_code`."""
    return _CONTEXT_UNIT << code if code else 0


CONTEXTS_BYTES: Final = tuple(context_bytes(code) for code in range(CONTEXT_CODES))
"""Every budget of context that there is, ascending."""
