"""What is spent on an answer."""

from __future__ import annotations

import pytest

from tidelog.codec import ppmd
from tidelog.codec.deflate import Deflate
from tidelog.codec.ppmd import Ppmd
from tidelog.wire import models
from tidelog.wire.frames import CODEC_NONE
from tidelog.wire.limits import CONTEXT_BYTES_MAX, PAGE_BYTES_MAX
from tidelog_service.engine.effort import Effort, pick


def picked(*codecs: int, context: int = CONTEXT_BYTES_MAX, text: int = 1_000, first: int = 100) -> Effort:
    return pick(codecs, context_bytes=context, text_bytes=text, first_bytes=first, waiting=1)


def test_the_strongest_codec_that_the_device_has() -> None:
    assert picked(Deflate.id, Ppmd.id).codec == Ppmd.id
    assert picked(Deflate.id).codec == Deflate.id
    assert picked().codec == CODEC_NONE


def test_a_service_without_ppmd_deflates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppmd, "available", lambda: False)
    assert picked(Deflate.id, Ppmd.id).codec == Deflate.id


def test_much_text_gets_more_context_than_little() -> None:
    assert picked(Ppmd.id, text=4_096).context_bytes == 64 << 10
    assert picked(Ppmd.id, text=4_097).context_bytes == 128 << 10
    assert picked(Deflate.id).context_bytes == picked().context_bytes == 32 << 10


@pytest.mark.parametrize("codecs", [(), (Deflate.id,), (Deflate.id, Ppmd.id)])
@pytest.mark.parametrize("context", [0, 1, 2_047, 4_095, 4_096, 5_000, 65_535, 65_536, 100_000, 262_144])
def test_a_context_is_one_that_a_page_can_name_and_never_more_than_allowed(
    codecs: tuple[int, ...], context: int
) -> None:
    """Else the device would prime with less than the service did, and could read nothing."""
    found = picked(*codecs, context=context, text=10_000).context_bytes
    assert found in models.CONTEXTS_BYTES
    assert found <= context


def test_what_fits_no_packet_as_it_is_is_deflated_whatever_the_device_has() -> None:
    assert picked(first=PAGE_BYTES_MAX).codec == CODEC_NONE
    assert picked(first=PAGE_BYTES_MAX + 1).codec == Deflate.id
