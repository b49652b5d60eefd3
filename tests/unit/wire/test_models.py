from __future__ import annotations

import pytest

from tidelog.wire import models
from tidelog.wire.errors import Code, ProtocolError
from tidelog.wire.limits import CONTEXT_BYTES_MAX, MODEL_BYTES_MAX
from tidelog.wire.page_frames import MODEL_ORDERS, Model

MIB = 1 << 20


@pytest.mark.parametrize("byte", range(256))
def test_a_byte_is_a_model_or_too_much_memory(byte: int) -> None:
    if byte >> 3 & 7 == 7:
        with pytest.raises(ProtocolError) as caught:
            models.decode(byte)
        assert caught.value.wire_code is Code.LIMIT
        return
    model = models.decode(byte)
    assert models.encode(model) == byte
    assert model.context_bytes in models.CONTEXTS_BYTES
    assert MIB <= model.memory_bytes <= MODEL_BYTES_MAX
    assert model.order in MODEL_ORDERS


@pytest.mark.parametrize(
    ("byte", "model"),
    [
        (0x00, Model(0, MIB, 6)),
        (0x01, Model(4 << 10, MIB, 6)),
        (0x05, Model(64 << 10, MIB, 6)),
        (0x0F, Model(256 << 10, 2 * MIB, 6)),
        (0x73, Model(16 << 10, 64 * MIB, 4)),
        (0x80, Model(0, MIB, 5)),
        (0xC0, Model(0, MIB, 8)),
    ],
)
def test_bits_of_context_memory_and_order(byte: int, model: Model) -> None:
    assert models.decode(byte) == model
    assert models.encode(model) == byte


def test_the_default_is_no_byte_but_zero() -> None:
    assert models.encode(Model()) == 0


@pytest.mark.parametrize(
    ("size", "code"),
    [(0, 0), (4_095, 0), (4_096, 1), (8_191, 1), (8_192, 2), (200_000, 6), (262_144, 7), (10**9, 7)],
)
def test_a_budget_between_two_counts_as_the_lower(size: int, code: int) -> None:
    assert models.context_code(size) == code
    assert models.context_bytes(code) <= size


def test_budgets_are_nothing_or_powers_of_two_up_to_the_limit() -> None:
    assert list(models.CONTEXTS_BYTES) == [0, *(4_096 << power for power in range(7))]
    assert models.CONTEXTS_BYTES[-1] == CONTEXT_BYTES_MAX
